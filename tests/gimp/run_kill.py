# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL, which is what GIMP's Cancel is, ten times at random moments of a run: GIMP goes on, picture and selection are as
before. And a plug-in ends with its host. (Inside the commit: run_undo.py.)
usage: run_kill.py PLUGIN MODELS CLI"""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from host import Judge, Profile

PLUGIN, MODELS = sys.argv[1:3]
judge = Judge()


def children_running(profile):
    """Process ids of the plug-in that belong to this profile and run a procedure (GIMP asks it for its list first)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (entry.name.isdigit() and os.readlink(entry / "exe").startswith(str(profile.folder / "plug-ins" / "gimp-diffusion"))
                    and b"-run" in (entry / "cmdline").read_bytes().split(b"\0")):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


with Profile(PLUGIN, MODELS) as profile, tempfile.TemporaryDirectory() as scratch:
    judge.take(profile.script("killed.py", SCRATCH=scratch, PROFILE=profile.folder))

with Profile(PLUGIN, MODELS) as profile:
    command = ('(let* ((i (car (gimp-image-new 512 512 RGB)))) (plug-in-diffusion-generate #:run-mode '
               'RUN-NONINTERACTIVE #:image i #:drawables (vector) #:model "tiny" #:class "waves" #:steps 900))')
    host = subprocess.Popen(["gimp-console", "-idf", "--batch-interpreter", "plug-in-script-fu-eval", "-b", command,
                             "--quit"], env=profile.environment(), stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not children_running(profile) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2.0)
    running = children_running(profile)
    host.send_signal(signal.SIGKILL)
    host.wait()
    deadline = time.monotonic() + 20
    while children_running(profile) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = children_running(profile)
    judge.check("killing gimp-console ends the plug-in", running and not left, (running, left))
judge.end()
