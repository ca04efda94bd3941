# SPDX-License-Identifier: GPL-3.0-or-later
"""The user closes the image during a run that a menu started: the result becomes a new image, with the pixels that it would have
had, and is said to; nothing crashes. usage: run_closed.py PLUGIN MODELS CLI [KIND]"""
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bus import Desktop, one_by_one
from host import HERE, QUIET, Judge, Profile
from PIL import Image

SIDE, STEPS, RUNNING = 192, 400, "^Tiny"
# item of the menu, title of the dialog, what gimp-console is asked for
KINDS = {"denoise": ("^Partially Denoise", "Partially Denoise Selection", {"output": "new-layer"}),
         "generate": ("^Generate Image", "Generate Image", {"width": SIDE, "height": SIDE}),
         "variations": ("^Variations", "^Variations", {"count": 1})}
EXPECTED = """
from inside import *
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({picture!r}))
call("plug-in-diffusion-{kind}", image, [image.get_layers()[0]], **{arguments})
layer = image.get_layers()[0]
layer = layer.get_children()[0] if layer.is_group() else layer
np.save({out!r}, native(layer))
"""


def started(desktop, kind):
    """The window of a run long enough to close the image meanwhile."""
    item, title, *_ = KINDS[kind]
    window = desktop.menu(item) and desktop.window(title)
    desktop.set(window, "Steps", STEPS)
    if kind == "generate":
        desktop.set(window, "Number of layers", 1)
        desktop.set(window, "Width", SIDE)
        desktop.set(window, "Height", SIDE)
    time.sleep(0.5)
    return desktop.push(window, "^OK$") and desktop.window(RUNNING)


def expected(profile, picture, kind):
    """The pixels of the layer that gimp-console makes."""
    out = picture.with_name("expected.npy")
    arguments = {"model": "tiny", "steps": STEPS, **KINDS[kind][2]}
    done = profile.console(f"import sys; sys.path.insert(0, {str(HERE)!r})" +
                           EXPECTED.format(picture=str(picture), kind=kind, arguments=arguments, out=str(out)))
    assert out.exists(), done.stdout
    return np.load(out)


def closed(judge, profile, picture, kind):
    with Desktop(profile, picture) as desktop:
        running = started(desktop, kind)
        if not judge.check(f"{kind}: it runs", running):
            return
        desktop.press("picture", "ctrl+w")
        judge.check(f"{kind}: the image is closed while it runs", desktop.gone("picture", 20) and desktop.window(RUNNING, 1))
        judge.check(f"{kind}: the run comes to its end", desktop.gone(RUNNING, 300))
        judge.check(f"{kind}: it is said that the result is a new image", desktop.window("^GIMP Message", 20))
        desktop.press("^GIMP Message", "Escape")
        if not judge.check(f"{kind}: there is one, and GIMP is alive", desktop.window("Untitled", 20) and desktop.gimp.poll() is None):
            return
        copied = picture.with_name("copied.png")
        desktop.press("Untitled", "shift+ctrl+c")
        desktop.press("Untitled", f"copied {copied}")
        seen = np.asarray(Image.open(copied).convert("RGB"), int)
    wanted = expected(profile, picture, kind)[..., :3]
    judge.check(f"{kind}: it shows what the run would have made", seen.shape == wanted.shape and abs(seen - wanted).max() <= 1,
                seen.shape)


def main():
    plugin, models, _, *kinds = sys.argv[1:]
    judge = Judge()
    if len(kinds) != 1:
        one_by_one(judge, kinds or KINDS)
        judge.end()
    with tempfile.TemporaryDirectory() as folder, Profile(plugin, models, QUIET) as profile:
        picture = Path(folder) / "picture.png"
        Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(picture)
        closed(judge, profile, picture, kinds[0])
    judge.end()


main()
