# SPDX-License-Identifier: GPL-3.0-or-later
"""A real GIMP on a virtual screen: one command is one undo step, undo and redo are exact, and a kill inside the commit is
put right by one undo. usage: run_undo.py PLUGIN MODELS CLI"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host import HERE, Judge, Profile, clean

PLUGIN, MODELS = sys.argv[1:3]
judge = Judge()


class Screen:
    """An X server of our own on a free display."""

    def __enter__(self):
        for number in random.sample(range(100, 10000), 10):
            self.server = subprocess.Popen(["Xvfb", f":{number}", "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
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

    def key(self, keys):
        """Keys for the image window; False while there is none."""
        environment = dict(os.environ, DISPLAY=self.display)
        found = subprocess.run(["xdotool", "search", "--name", "undo-test"], env=environment, capture_output=True,
                               text=True).stdout.split()
        for window in found:
            subprocess.run(["xdotool", "windowfocus", "--sync", window, "key", "--clearmodifiers", keys],
                           env=environment, stderr=subprocess.DEVNULL, timeout=10)
        return bool(found)


def answer(screen, scratch, gimp):
    """The script inside GIMP asks for keys by a file and goes on when the picture has changed."""
    deadline = time.monotonic() + 800
    while gimp.poll() is None and time.monotonic() < deadline:
        for request in Path(scratch).glob("key-*"):
            keys = request.read_text()
            if keys and screen.key(keys):
                request.unlink(missing_ok=True)
        time.sleep(0.1)


with Profile(PLUGIN, MODELS, '(show-welcome-dialog no)\n(check-updates no)\n') as profile, Screen() as screen, \
        tempfile.TemporaryDirectory() as scratch:
    log = open(os.path.join(scratch, "log"), "w+")
    command = f"import sys; sys.path.insert(0, {str(HERE)!r}); exec(open({str(HERE / 'undone.py')!r}).read())"
    gimp = subprocess.Popen(
        ["dbus-run-session", "--", "gimp", "--new-instance", "--no-splash", "--batch-interpreter", "python-fu-eval", "-b",
         command, "--quit"],
        env=profile.environment(DISPLAY=screen.display, SCRATCH=scratch, PROFILE=profile.folder, GDK_BACKEND="x11",
                                NO_AT_BRIDGE=1), stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    answer(screen, scratch, gimp)
    if gimp.poll() is None:
        os.killpg(gimp.pid, signal.SIGKILL)
    gimp.wait()
    log.seek(0)
    judge.take(subprocess.CompletedProcess([], gimp.returncode, clean(log.read())))
judge.end()
