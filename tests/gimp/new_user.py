# SPDX-License-Identifier: GPL-3.0-or-later
"""Three tasks of a new user in a GIMP that has just been opened with a photograph, done by a mouse that goes where the controls
are: clicks, keystrokes, seconds, and whether the result is right. The findings: docs/new-user.md.
usage: ./dev run python3 tests/gimp/new_user.py PLUGIN MODELS PHOTO FOLDER [TASK…]     tasks: texture wall variations
PHOTO: that of ./dev demo, a JPEG; its screenshots and images go into FOLDER. A quiet machine gives the seconds."""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

if "NEW_USER" in os.environ:      # inside gimp-console: what the task left behind
    from inside import Gimp, Gio, check, native, np, selection_on

    def load(name):
        return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(os.environ[name]))

    def step(layer, axis):
        """The step across the edge, as a share of the steps inside."""
        a = np.moveaxis(native(layer)[..., :3].astype(float), axis, 0)
        return abs(a[0] - a[-1]).mean() / abs(np.diff(a, axis=0)).mean()

    def texture(layers, before):
        top, x, y = layers[0], (before.get_width() - 512) // 2, (before.get_height() - 512) // 2
        check("a new layer, named after its class, in the middle", top.get_name() == "rock 0" and
              tuple(top.get_offsets())[1:] == (x, y), top.get_name())
        check("it is seamless", max(step(top, 0), step(top, 1)) < 1.3,
              [round(float(step(top, axis)), 2) for axis in (0, 1)])

    def wall(layers, before):
        now, then, chosen = native(layers[0]), native(before), selection_on(layers[0])
        soft = ((chosen > 0) & (chosen < 1)).sum()
        check("outside the selection, which is soft, bit-identical", soft > 1000 and
              np.array_equal(now[chosen == 0], then[chosen == 0]), f"{soft} soft pixels")
        check("inside it changed", (now[chosen == 1] != then[chosen == 1]).any(axis=-1).mean() > 0.5)

    def variations(layers, before):
        made = layers[0].get_children() if layers[0].is_group() else []
        check("a group of four, the first visible", [l.get_visible() for l in made] == [True, False, False, False])
        check("the photograph as it was", np.array_equal(native(layers[1]), native(before)))

    globals()[os.environ["NEW_USER"]](load("RESULT").get_layers(), load("PHOTO").get_layers()[0])
    print("script finished")
    sys.exit()

from bus import Desktop, subtree
from host import QUIET, SYSTEM, Judge, Profile

MENU = {"texture": "Generate Image", "wall": "Partially Denoise", "variations": "Variations"}
PATCH = (1000, 1640, 1400, 1900)      # of the stone bank, in pixels of the photograph


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)


class User:
    def __init__(self, desktop):
        self.desktop, self.clicks, self.keys, self.main = desktop, 0, 0, desktop.window(" – GIMP$")
        time.sleep(5)      # it has come to rest
        self.began = time.monotonic()

    def extents(self, node):
        return node.get_component_iface().get_extents(self.desktop.atspi.CoordType.SCREEN)

    def point(self, node):
        """Near, then onto it: menus open for a pointer that moves."""
        e = self.extents(node)
        x, y = e.x + e.width // 2, e.y + e.height // 2
        xdotool("mousemove", x - 4, y, "sleep", 0.1, "mousemove", x, y, "sleep", 0.3)

    def click(self, node):
        self.point(node)
        xdotool("click", 1)
        self.clicks += 1

    def find(self, fits, root=None):
        """What shows below a window and fits; the window of GIMP unless said."""
        return self.desktop.wait(
            lambda: next((n for n in subtree(root or self.main) if self.desktop.shows(n) and fits(n)), None))

    def named(self, name, *roles, root=None):
        return self.find(lambda n: n.get_role_name() in roles and n.get_name().startswith(name), root)

    def select_patch(self):
        """With GIMP's own tool and its soft edge."""
        self.desktop.press(" – GIMP$", "shift+ctrl+j")      # the whole photograph
        self.keys += 1
        self.click(self.find(lambda n: (n.get_description() or "").startswith("Rectangle Select Tool")))
        self.click(self.named("Feather edges", "check box"))
        e = max((self.extents(n) for n in subtree(self.main) if n.get_role_name() == "panel" and not n.get_child_count() and
                 self.desktop.shows(n)), key=lambda e: e.width * e.height)
        zoom = min(e.width / 3840, e.height / 2160)
        left, top = e.x + (e.width - 3840 * zoom) / 2, e.y + (e.height - 2160 * zoom) / 2
        x1, y1, x2, y2 = (round(a + b * zoom) for a, b in zip((left, top, left, top), PATCH))
        xdotool("mousemove", x1, y1, "mousedown", 1, "mousemove", x1 + 5, y1 + 5, "sleep", 0.2,
                "mousemove", x2, y2, "sleep", 0.2, "mouseup", 1)
        self.clicks += 1

    def do(self, task):
        """Seconds from OK to the end of the run."""
        if task != "texture":
            self.select_patch()
        self.click(self.named("Filters", "menu"))
        self.point(self.named("Diffusion", "menu"))
        time.sleep(0.5)      # the submenu
        self.click(self.named(MENU[task], "menu item"))
        window = self.desktop.window("^" + MENU[task])
        classes = self.desktop.control(window, "^Class$")
        self.click(classes)
        self.click(self.named("rock", "menu item", root=classes))
        if task == "texture":
            self.click(self.desktop.control(window, "^Seamless horizontally"))
            self.click(self.desktop.control(window, "^Seamless vertically"))
        time.sleep(0.5)
        self.click(self.desktop.control(window, "^OK$"))
        pressed = time.monotonic()
        assert self.desktop.window("^Materials$", 60) and self.desktop.gone("^Materials$", 1800)
        return time.monotonic() - pressed

    def save(self, path):
        self.desktop.press(" – GIMP$", "ctrl+s")
        assert self.desktop.window("^Save Image") and self.desktop.press("^Save Image", "ctrl+a")
        xdotool("type", "--delay", 20, path)
        self.desktop.press("^Save Image", "Return")
        return self.desktop.wait(path.exists, 60) and self.desktop.gone("^Save Image")


plugin, models, photo, folder = (Path(a).resolve() for a in sys.argv[1:5])
judge = Judge()
folder.mkdir(exist_ok=True)
for task in sys.argv[5:] or MENU:
    with Profile(plugin, models, QUIET) as profile:
        plug_ins, result = profile.folder / "plug-ins", folder / f"{task}.xcf"
        shutil.copytree(Path(SYSTEM) / "plug-ins" / "file-jpeg", plug_ins / "file-jpeg")
        shutil.copytree(models / "materials-64", plug_ins / "gimp-diffusion" / "models" / "materials-64")
        shutil.rmtree(plug_ins / "gimp-diffusion" / "models" / "tiny")
        profile.console("pass")      # GIMP has met its plug-ins before
        result.unlink(missing_ok=True)
        with Desktop(profile, photo) as desktop:
            user = User(desktop)
            computed = user.do(task)
            took = time.monotonic() - user.began
            time.sleep(2)      # all is drawn
            subprocess.run(["import", "-window", "root", folder / f"{task}.png"], check=True)
            judge.check(f"{task}: {user.clicks} clicks, {user.keys} keystrokes, {took:.1f} s, {computed:.1f} s of them after OK",
                        user.save(result))
        judge.take(profile.script("new_user.py", NEW_USER=task, RESULT=result, PHOTO=photo))
judge.end()
