# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernels of every instruction set that this machine has give the same picture, within one step of eight bits."""
from pathlib import Path

import numpy as np

from cli import TINY, Case, main

STEP = 1 / 255                                   # of a picture of 0…1
ALL = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512vl", "avx512dq", "avx512bw"}}


class Paths(Case):
    def picture(self, isa, *words):
        got = self.result("sample", TINY, "--steps", "50", "--sampler", "ddim", *words, env={"GIMP_DIFFUSION_ISA": isa})
        return got / 2 + 0.5

    def test_pictures_agree(self):
        cpu = Path("/proc/cpuinfo")
        flags = set(cpu.read_text().split()) if cpu.exists() else set()
        here = [isa for isa, needed in ALL.items() if needed <= flags]
        if not here:
            self.skipTest("this machine has the portable kernels only")
        for words in (["--size", "64x64"], ["--size", "96x72", "--class", "waves", "--guidance", "2"],
                      ["--size", "64x64", "--class", "checks", "--seed", "5", "--eta", "1"]):
            slow = self.picture("generic", *words)
            for isa in here:
                with self.subTest(isa=isa, words=words):
                    fast = self.picture(isa, *words)
                    self.assertLessEqual(np.abs(fast - slow).max(), STEP)
                    self.assertTrue((fast != slow).any(), "the environment variable has no effect")


main()
