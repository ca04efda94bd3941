# SPDX-License-Identifier: GPL-3.0-or-later
"""A real GIMP on a virtual screen, running a script of this folder; keys that the script asks for (inside.press) are
pressed from here, outside GIMP."""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host import HERE, clean


CLIPBOARD = """import gi, sys
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
if sys.argv[1] == "copied":
    picture = clipboard.wait_for_image()
    print(picture and picture.savev(sys.argv[2], "png", [], []))
else:
    text = clipboard.wait_for_text()
    print(text is not None)
    open(sys.argv[2], "w").write(text or "")"""


SETTLED = 0.5      # seconds that a window has been there before it gets keys


class Screen:
    """An X server of our own on a free display, high enough for dialogs with all their details: on a lower one they scroll."""

    def __enter__(self):
        self.seen = {}      # windows, and since when
        for number in random.sample(range(100, 10000), 10):
            self.server = subprocess.Popen(["Xvfb", f":{number}", "-screen", "0", "1600x1400x24", "-nolisten", "tcp"],
                                           stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 20
            while self.server.poll() is None and time.monotonic() < deadline:
                if os.path.exists(f"/tmp/.X11-unix/X{number}"):
                    self.display = f":{number}"
                    return self
                time.sleep(0.1)
            self.server.kill()
        raise RuntimeError("Xvfb does not start")

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def key(self, window, keys):
        """Keys for the visible window whose title has this pattern, or "shot FILE", a picture of it, or "clipboard FILE",
        the text that was copied, or "copied FILE", the picture; False while there is none."""
        environment = dict(os.environ, DISPLAY=self.display)
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", window], env=environment,
                               capture_output=True, text=True).stdout.split()
        if found and keys.startswith("shot "):
            subprocess.run(["import", "-window", found[0], keys[5:]], env=environment, check=True, timeout=20)
            return True
        if found and keys.split()[0] in ("clipboard", "copied"):
            done = subprocess.run([sys.executable, "-c", CLIPBOARD, *keys.split(" ", 1)], env=environment, check=True,
                                  capture_output=True, text=True, timeout=60)
            return done.stdout.strip() == "True"      # else not copied yet
        return bool(found) and self.take_keys(found[0], keys.split(), environment)

    def take_keys(self, number, keys, environment):
        """Presses keys in a window when the keyboard is really its own: one that is just opening does not take it yet, and
        its keys would go to another."""
        if self.seen.setdefault(number, time.monotonic()) > time.monotonic() - SETTLED:
            return False
        for command in (["windowraise", number, "windowfocus", number], ["getwindowfocus"]):
            done = subprocess.run(["xdotool", *command], env=environment, capture_output=True, text=True, timeout=60)
        if done.stdout.strip() != number:
            return False
        subprocess.run(["xdotool", "key", "--clearmodifiers", *keys], env=environment, stderr=subprocess.DEVNULL, timeout=60)
        return True


def press_what_is_asked(screen, scratch, gimp, seconds):
    """A file key-N holds a window's title and keys; it goes away when they are pressed."""
    deadline = time.monotonic() + seconds
    while gimp.poll() is None and time.monotonic() < deadline:
        for request in sorted(Path(scratch).glob("key-*")):
            try:
                asked = request.read_text().split("\n")
            except FileNotFoundError:      # taken back meanwhile
                continue
            if screen.key(*asked):
                request.unlink(missing_ok=True)
            break
        time.sleep(0.1)


def run_on_screen(profile, *scripts, seconds=800):
    """The finished process of GIMP; its output is that of the scripts, one after the other."""
    with Screen() as screen, tempfile.TemporaryDirectory() as scratch, open(os.path.join(scratch, "log"), "w+") as log:
        command = "; ".join([f"import sys; sys.path.insert(0, {str(HERE)!r})",
                             *(f"exec(open({str(HERE / script)!r}).read())" for script in scripts)])
        gimp = subprocess.Popen(
            ["dbus-run-session", "--", "gimp", "--new-instance", "--no-splash", "--no-data", "--console-messages", "--batch-interpreter", "python-fu-eval",
             "-b", command, "--quit"],
            env=profile.environment(DISPLAY=screen.display, SCRATCH=scratch, PROFILE=profile.folder, GDK_BACKEND="x11",
                                    NO_AT_BRIDGE=1), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        press_what_is_asked(screen, scratch, gimp, seconds)
        if gimp.poll() is None:
            os.killpg(gimp.pid, signal.SIGKILL)
        gimp.wait()
        log.seek(0)
        return subprocess.CompletedProcess([], gimp.returncode, clean(log.read()))
