# SPDX-License-Identifier: GPL-3.0-or-later
"""A GIMP on a virtual screen, seen and used from outside by the accessibility bus, as a screen reader does, and by keys."""
import gettext
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host import SYSTEM
from screen import Screen


CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gimp-diffusion"
LOCALES = {"de": "de_DE", "zh_CN": "zh_CN"}      # glibc translates in locales that exist, and in no other


def make_locales():
    """Those of LOCALES, once, in the cache, from the package that has them."""
    if (CACHE / "locpath").exists():
        return
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "locales"], cwd=work, check=True)
        subprocess.run(["dpkg-deb", "-x", next(Path(work).glob("*.deb")), work], check=True)
        (Path(work) / "out").mkdir()
        for name in LOCALES.values():
            subprocess.run(["localedef", "-i", name, "-f", "UTF-8", "--no-archive", f"{work}/out/{name}.UTF-8"],
                           env=dict(os.environ, I18NPATH=f"{work}/usr/share/i18n"))      # 1: it warned
        shutil.copytree(Path(work) / "out", CACHE / "locpath")


def speaking(language):
    """The environment of a program that speaks a language."""
    if language not in LOCALES:
        return {"LC_ALL": "C.UTF-8", "LANGUAGE": language}
    return {"LC_ALL": LOCALES[language] + ".UTF-8", "LANGUAGE": language, "LOCPATH": str(CACHE / "locpath")}


def translator(plugin, language):
    """Our texts in a language, from the catalogues just built."""
    return gettext.translation("gimp-diffusion", Path(plugin).parent / "po", [language], fallback=True).gettext


def plain(text):
    """A pattern for a text without the mark of its letter: so it is in the bus's names."""
    return "^" + re.escape(re.sub(r"\(_\w\)", "", text).replace("_", "").replace("…", "").strip()) + r"\s*(…|\(|$)"


def subtree(node):
    """The node and all below it; what vanishes meanwhile is left out."""
    yield node
    try:
        children = [node.get_child_at_index(i) for i in range(node.get_child_count())]
    except Exception:      # GLib.Error: the window is gone
        return
    for child in children:
        if child is not None:
            yield from subtree(child)


def one_by_one(judge, words):
    """This program once more for each word, in a process of its own: the library of the bus connects once in its life, and each
    GIMP has a bus of its own."""
    for word in words:
        done = subprocess.run([sys.executable, *sys.argv[:4], word], stdout=subprocess.PIPE, text=True, check=False)
        judge.take(done, scripts=0)
        fine = re.search(r"^\d+ passed, 0 failed$", done.stdout, re.M)
        judge.check(f"{word}: to the end", fine, "" if fine else done.stdout[-300:])


class Desktop:
    """GIMP with the plug-in and an image, on a bus of its own. more: environment of GIMP."""

    def __init__(self, profile, image, screen=None, **more):
        self.profile, self.image, self.more, self.screen = profile, image, more, screen or Screen()
        if not (profile.folder / "plug-ins" / "file-png").exists():
            shutil.copytree(Path(SYSTEM) / "plug-ins" / "file-png", profile.folder / "plug-ins" / "file-png")

    def __enter__(self):
        self.screen.__enter__()
        self.log = tempfile.TemporaryFile("w+")
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True, env=dict(os.environ, DISPLAY=self.screen.display))
        os.environ.update(DBUS_SESSION_BUS_ADDRESS=self.bus.stdout.readline().strip(), DISPLAY=self.screen.display)
        environment = self.profile.environment(GDK_BACKEND="x11", **self.more)
        environment.pop("NO_AT_BRIDGE", None)
        self.gimp = subprocess.Popen(["gimp", "--new-instance", "--no-splash", str(self.image)], env=environment,
                                     stdout=self.log, stderr=subprocess.STDOUT)
        import gi      # only now: it connects to the bus of the environment
        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi
        self.atspi = Atspi
        Atspi.init()
        return self

    def __exit__(self, *_):
        self.gimp.kill()
        self.gimp.wait()
        self.bus.terminate()
        self.bus.wait()
        self.screen.__exit__()

    def wait(self, look, seconds=120):
        """What look () finds, as soon as it is something; None when the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = look()
            except Exception:      # GLib.Error: windows come and go
                found = None
            if found:
                return found
            time.sleep(0.05)
        return None

    def windows(self):
        """(application's name, window) of all that show."""
        desktop = self.atspi.get_desktop(0)
        if desktop.get_child_count() == 0:      # asked before the first came: that is remembered
            desktop.clear_cache()
        for i in range(desktop.get_child_count()):
            application = desktop.get_child_at_index(i)
            for j in range(application.get_child_count() if application is not None else 0):
                window = application.get_child_at_index(j)
                if window is not None and self.shows(window):
                    yield application.get_name(), window

    def shows(self, node):
        return node.get_state_set().contains(self.atspi.StateType.SHOWING)

    def window(self, title, seconds=120):
        """The window whose title has this pattern; None when it does not come."""
        return self.wait(lambda: next((w for _, w in self.windows() if re.search(title, w.get_name() or "")), None), seconds)

    def gone(self, title, seconds=120):
        return bool(self.wait(lambda: all(not re.search(title, w.get_name() or "") for _, w in self.windows()), seconds))

    def named(self, root, name, role=None):
        """The first below root of this name, as a pattern, and role; None."""
        return next((node for node in subtree(root) if re.search(name, node.get_name() or "") and
                     (role is None or node.get_role_name() == role)), None)

    def name(self, node):
        """Its label's text, else its own name."""
        labels = [r for r in node.get_relation_set() if r.get_relation_type() == self.atspi.RelationType.LABELLED_BY]
        return (labels[0].get_target(0).get_name() if labels else "") or node.get_name()

    def control(self, window, label, seconds=20):
        """The control of a window with this label, as a pattern."""
        return self.wait(lambda: next((n for n in subtree(window) if n.get_role_name() not in ("label", "dialog") and
                                       self.shows(n) and re.search(label, self.name(n) or "")), None), seconds)

    def set(self, window, label, value):
        """A number, or the place of a word in its list."""
        control = self.control(window, label)
        if control.get_role_name() == "combo box":
            return control.get_selection_iface().select_child(value)
        return control.get_value_iface().set_current_value(value)

    def push(self, window, label, seconds=20):
        """Presses a button, or ticks."""
        control = self.wait(lambda: next((n for n in [self.control(window, label, 1)] if n is not None and
                                          n.get_state_set().contains(self.atspi.StateType.SENSITIVE)), None), seconds)
        return control is not None and control.do_action(0)

    def menu(self, name, seconds=200):
        """Activates an item of GIMP's menus once it can be."""
        def item():
            frame = next((w for _, w in self.windows() if w.get_role_name() == "frame"), None)
            if frame is None:
                return None
            frame.clear_cache()      # menus that came later would not be seen
            found = self.named(frame, name, "menu item")
            return found if found and found.get_state_set().contains(self.atspi.StateType.SENSITIVE) else None
        found = self.wait(item, seconds)
        return bool(found) and found.do_action(0)

    def press(self, window, keys):
        """Keys for a window, once it is there."""
        return self.wait(lambda: self.screen.key(window, keys), 20)
