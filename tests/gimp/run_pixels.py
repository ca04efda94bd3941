# SPDX-License-Identifier: GPL-3.0-or-later
"""Pixels, refusals, threads and the command line beside the plug-in. usage: run_pixels.py PLUGIN MODELS CLI"""
import sys
import tempfile
from pathlib import Path

import numpy as np
from host import Judge, Profile, clean

PLUGIN, MODELS, CLI = sys.argv[1:4]
# babl times its conversions at the start and takes another road on a busy machine, which rounds otherwise. The law of
# bit identity is core's, and tests/core watches over it.
BABL = 2e-6
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
        two = profile.script("fingerprint.py", SCRATCH=scratch, NAME="two")
        judge.check("RUN-INTERACTIVE without a display is a calling error", "no display" in profile.console(
            '(let* ((i (car (gimp-image-new 20 20 RGB)))) (plug-in-diffusion-generate #:run-mode RUN-INTERACTIVE '
            '#:image i #:drawables (vector)))', "plug-in-script-fu-eval", DISPLAY="").stdout)
        failing = profile.console(
            '(let* ((i (car (gimp-image-new 20 20 RGB)))) (plug-in-diffusion-generate #:run-mode RUN-NONINTERACTIVE '
            '#:image i #:drawables (vector) #:model "none"))', "plug-in-script-fu-eval")
        judge.check("a refusal stops a script with status 70", failing.returncode == 70 and
                    'There is no model "none"' in failing.stdout, failing.returncode)
    with Profile(PLUGIN, MODELS, "(num-processors 1)\n") as profile:
        one = profile.script("fingerprint.py", SCRATCH=scratch, NAME="one")
    for which in ("denoised", "generated"):
        files = [Path(scratch) / f"{name}-{which}.npy" for name in ("one", "two")]
        pixels = [np.load(f) for f in files if f.exists()]
        found = np.abs(pixels[0] - pixels[1]).max() if len(pixels) == 2 else clean(one.stdout + two.stdout)[-500:]
        judge.check(f"1 and 2 threads, {which}: the same floats", len(pixels) == 2 and found <= BABL, found)
judge.end()
