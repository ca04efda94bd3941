# SPDX-License-Identifier: GPL-3.0-or-later
"""Train Model on This Image, from scripts and from its dialog. usage: run_train.py PLUGIN MODELS CLI"""
import sys
import tempfile

from host import QUIET, Judge, Profile
from screen import run_on_screen

judge = Judge()
with Profile(*sys.argv[1:3]) as profile, tempfile.TemporaryDirectory() as scratch:
    judge.take(profile.script("trains.py", SCRATCH=scratch, PROFILE=profile.folder))
with Profile(*sys.argv[1:3], QUIET) as profile:
    judge.take(run_on_screen(profile, "train_dialog.py", seconds=400))
judge.end()
