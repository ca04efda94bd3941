# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts inside GIMP share: images, pixels, calls of our procedures, checks."""
import itertools
import os
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
import numpy as np
from gi.repository import Gegl, Gimp, Gio  # noqa: E402, F401
from PIL import Image

PDB = Gimp.get_pdb()
RGB, GRAY = Gimp.ImageBaseType.RGB, Gimp.ImageBaseType.GRAY
P = Gimp.Precision


def check(name, fine, detail=""):
    print(f"{'ok  ' if fine else 'FAIL'} {name}{': ' + str(detail) if detail != '' else ''}", flush=True)
    return fine


def picture(width, height, channels=4, seed=1):
    """A smooth coloured pattern, R'G'B'A float; alpha varies too."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rng = np.random.default_rng(seed)
    out = np.ones((height, width, 4), np.float32)
    for c in range(3):
        a, b, p = rng.uniform(0.02, 0.2, 3)
        out[..., c] = 0.5 + 0.4 * np.sin(a * x + b * y + 6 * p)
    if channels == 4:
        out[..., 3] = 0.25 + 0.75 * (x / max(width - 1, 1))
    return out


def new_image(width=96, height=80, base=RGB, precision=P.U8_NON_LINEAR, alpha=False, size=None, offset=(0, 0),
              profile=None, seed=1):
    image = Gimp.Image.new_with_precision(width, height, base, precision)
    if profile is not None:
        image.set_color_profile(profile)
    kind = {(RGB, False): Gimp.ImageType.RGB_IMAGE, (RGB, True): Gimp.ImageType.RGBA_IMAGE,
            (GRAY, False): Gimp.ImageType.GRAY_IMAGE, (GRAY, True): Gimp.ImageType.GRAYA_IMAGE}[base, alpha]
    w, h = size or (width, height)
    layer = Gimp.Layer.new(image, "picture", w, h, kind, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    layer.set_offsets(*offset)
    put(layer, picture(w, h, 4 if alpha else 3, seed))
    return image, layer


def rectangle(drawable):
    return Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())


def put(drawable, rgba):
    buffer = drawable.get_buffer()
    buffer.set(rectangle(drawable), "R'G'B'A float", np.ascontiguousarray(rgba, np.float32).tobytes())
    buffer.flush()


def native(drawable):
    """The drawable's own bytes, [height, width, bytes of a pixel]."""
    data = drawable.get_buffer().get(rectangle(drawable), 1.0, None, Gegl.AbyssPolicy.NONE)
    return np.frombuffer(data, np.uint8).reshape(drawable.get_height(), drawable.get_width(), -1).copy()


def floats(drawable, form="RGBA float"):
    data = drawable.get_buffer().get(rectangle(drawable), 1.0, form, Gegl.AbyssPolicy.NONE)
    return np.frombuffer(data, np.float32).reshape(drawable.get_height(), drawable.get_width(), -1).copy()


def selection_on(layer):
    """The selection's values for each pixel of the layer, 0 … 1; beyond the canvas 0."""
    image = layer.get_image()
    if Gimp.Selection.is_empty(image):
        return np.ones((layer.get_height(), layer.get_width()), np.float32)
    _, x, y = layer.get_offsets()
    data = image.get_selection().get_buffer().get(
        Gegl.Rectangle.new(x, y, layer.get_width(), layer.get_height()), 1.0, "Y float", Gegl.AbyssPolicy.NONE)
    return np.frombuffer(data, np.float32).reshape(layer.get_height(), layer.get_width()).copy()


def call(name, image, drawables, /, **arguments):
    """(status, first value, error text)"""
    procedure = PDB.lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for key, value in arguments.items():
        config.set_property(key.replace("_", "-"), value)
    result = procedure.run(config)
    status = result.index(0)
    return status, result.index(1) if result.length() > 1 else None, PDB.get_last_error()


def denoise(image, layer, **arguments):
    arguments = {"model": "tiny", "class": "checks", "start-t": 600, "seed": 7, "steps": 6, **arguments}
    return call("plug-in-diffusion-denoise", image, [layer], **arguments)


def generate(image, **arguments):
    arguments = {"model": "tiny", "class": "waves", "seed": 7, "steps": 6, **arguments}
    return call("plug-in-diffusion-generate", image, [], **arguments)


def succeeded(status):
    return status == Gimp.PDBStatusType.SUCCESS


def scratch(name):
    return os.path.join(os.environ["SCRATCH"], name)


NUMBERS = itertools.count(1)


def ask_for_keys(window, keys):
    """Keys for the window whose title has this pattern, pressed outside GIMP (screen.py); the file returned goes away then."""
    request = Path(scratch(f"key-{next(NUMBERS):03}"))
    request.with_name("new").write_text(f"{window}\n{keys}")
    request.with_name("new").rename(request)
    return request


class Answers(threading.Thread):
    """Presses keys in windows, one after the other, while the call that opens them goes on. What is still to be pressed
    when that call is over, is not."""

    def __init__(self, requests):
        super().__init__()
        self.requests, self.last = requests, float("inf")
        self.start()

    def run(self):
        for request in self.requests:
            if callable(request):
                request()
                continue
            window, keys, *wait = request
            time.sleep(*wait or [0])
            waiting, deadline = ask_for_keys(window, keys), time.monotonic() + 120
            while waiting.exists() and time.monotonic() < min(deadline, self.last):
                time.sleep(0.1)
            waiting.unlink(missing_ok=True)

    def join(self):
        self.last = time.monotonic() + 5
        super().join()


def answer(*requests):
    """Starts pressing: (window, keys), (window, keys, seconds to wait before), or a function to be called in between."""
    return Answers(requests)


def press(window, keys, wanted=lambda: True, seconds=20):
    """Asks for keys, once, and waits until they are pressed and wanted () holds; False when that does not come."""
    request, deadline = ask_for_keys(window, keys), time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if not request.exists() and wanted():
            return True
    return False


def until(wanted, seconds=60):
    """Whether wanted () comes to hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if wanted():
            return True
        time.sleep(0.3)
    return False


def shot(window):
    """What the screen shows of a window, [height, width, 3]."""
    path = scratch(f"shot-{next(NUMBERS)}.png")
    press(window, f"shot {path}", lambda: os.path.exists(path))
    return np.asarray(Image.open(path).convert("RGB"), np.float32)


def enlarged(pixels, times=4):
    """As the dialogs enlarge small pictures."""
    rgb = Image.fromarray(np.ascontiguousarray(pixels[..., :3], np.uint8))
    return np.asarray(rgb.resize((rgb.width * times, rgb.height * times), Image.Resampling.BILINEAR), np.float32)


def distance(screen, picture, points=12):
    """How far the picture is from the place in a screenshot where it fits best: mean difference of 0 … 255 over a lattice
    of points; NaN in the picture fits everything."""
    h, w = picture.shape[:2]
    rows, columns = screen.shape[0] - h + 1, screen.shape[1] - w + 1
    total, n = np.zeros((rows, columns), np.float32), 0
    for y in np.linspace(2, h - 3, points).astype(int):
        for x in np.linspace(2, w - 3, points).astype(int):
            if not np.isnan(picture[y, x]).any():
                total += np.abs(screen[y:y + rows, x:x + columns] - picture[y, x]).mean(axis=2)
                n += 1
    return total.min() / n


def plugin_processes():
    """Process ids of the plug-in, running from this test's profile."""
    found, program = [], os.path.join(os.environ["PROFILE"], "plug-ins", "gimp-diffusion")
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/exe").startswith(program):
                found.append(int(name))
        except OSError:
            pass
    return found


def finish():
    print("script finished", flush=True)
