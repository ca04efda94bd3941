# SPDX-License-Identifier: GPL-3.0-or-later
"""One command is one undo step, undo and redo are exact, and a kill inside the commit is put right by one undo, in a real
GIMP on a virtual screen. usage: run_undo.py PLUGIN MODELS CLI"""
import sys

from host import QUIET, Judge, Profile
from screen import run_on_screen

judge = Judge()
with Profile(*sys.argv[1:3], QUIET) as profile:
    judge.take(run_on_screen(profile, "undone.py"))
judge.end()
