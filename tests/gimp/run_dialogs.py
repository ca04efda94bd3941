# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogs and the window of a run, driven by keys in a real GIMP on a virtual screen.
usage: run_dialogs.py PLUGIN MODELS CLI"""
import sys

from host import QUIET, Judge, Profile
from screen import run_on_screen

judge = Judge()
with Profile(*sys.argv[1:3], QUIET) as profile:
    judge.take(run_on_screen(profile, "dialogs.py"))
    judge.take(run_on_screen(profile, "library.py"))
judge.end()
