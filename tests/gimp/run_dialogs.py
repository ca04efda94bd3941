# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogs and the window of a run, driven by keys in a real GIMP on a virtual screen.
usage: run_dialogs.py PLUGIN MODELS CLI"""
import os
import sys
import time

from host import QUIET, Judge, Profile
from screen import run_on_screen

PLUGIN, MODELS, CLI = sys.argv[1:4]
os.environ.update(DIFFUSION_CLI=CLI, MODEL=os.path.join(MODELS, "tiny"))


def processes_of(folder):
    """Process ids of programs in a folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += [int(name)] * os.readlink(f"/proc/{name}/exe").startswith(str(folder))
        except OSError:      # it is gone, or not ours
            pass
    return found


judge = Judge()
with Profile(PLUGIN, MODELS, QUIET) as profile:
    finished = run_on_screen(profile, "library.py", "dialogs.py", seconds=1200)
    judge.take(finished, scripts=2)
    said = finished.stdout.count("changed during the run; the result is a new layer")
    judge.check("it was said each time that the result is a new layer", said >= 4, said)
    finished = run_on_screen(profile, "quits.py", seconds=200)
    judge.check("quit: GIMP ends in the midst of a run", "a run is under way" in finished.stdout and finished.returncode >= 0 and
                "GIMP went on" not in finished.stdout, finished.stdout[-800:])
    deadline = time.monotonic() + 10
    program = profile.folder / "plug-ins" / "gimp-diffusion"
    while processes_of(program) and time.monotonic() < deadline:
        time.sleep(0.2)
    judge.check("quit: no process is left", not processes_of(program), processes_of(program))
judge.end()
