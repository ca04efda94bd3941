# SPDX-License-Identifier: GPL-3.0-or-later
"""Pixels, refusals, threads and the command line beside the plug-in. usage: run_pixels.py PLUGIN MODELS CLI"""
import sys
import tempfile
from pathlib import Path

from host import Judge, Profile, clean

PLUGIN, MODELS, CLI = sys.argv[1:4]
judge = Judge()

with tempfile.TemporaryDirectory() as scratch:
    with Profile(PLUGIN, MODELS, "(num-processors 2)\n") as profile:
        judge.take(profile.script("pixels.py", SCRATCH=scratch))
        judge.take(profile.script("refusals.py", SCRATCH=scratch))
        again = profile.script("again.py", SCRATCH=scratch)
        judge.take(again)
        said = again.stdout.count("The selection is another than when this layer was made")
        judge.check("rerun: another selection is said, twice, and the same is not", said == 2, said)
        judge.take(profile.script("same_as_cli.py", SCRATCH=scratch, DIFFUSION_CLI=CLI, MODEL=Path(MODELS) / "tiny"))
        two = profile.script("fingerprint.py", SCRATCH=scratch)
        judge.check("RUN-INTERACTIVE without a display is a calling error", "no display" in profile.console(
            '(let* ((i (car (gimp-image-new 20 20 RGB)))) (plug-in-diffusion-generate #:run-mode RUN-INTERACTIVE '
            '#:image i #:drawables (vector)))', "plug-in-script-fu-eval", DISPLAY="").stdout)
        failing = profile.console(
            '(let* ((i (car (gimp-image-new 20 20 RGB)))) (plug-in-diffusion-generate #:run-mode RUN-NONINTERACTIVE '
            '#:image i #:drawables (vector) #:model "none"))', "plug-in-script-fu-eval")
        judge.check("a refusal stops a script with status 70", failing.returncode == 70 and
                    'There is no model "none"' in failing.stdout, failing.returncode)
    with Profile(PLUGIN, MODELS, "(num-processors 1)\n") as profile:
        one = profile.script("fingerprint.py", SCRATCH=scratch)
    prints = [[line for line in run.stdout.splitlines() if line.startswith("fingerprint")] for run in (one, two)]
    judge.check("1 and 2 threads give the same bytes", prints[0] == prints[1] and len(prints[0]) == 2,
                prints if prints[0] != prints[1] else clean(one.stdout)[-500:] if len(prints[0]) != 2 else "")
judge.end()
