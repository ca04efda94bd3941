# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast road and the plain one (no fusion, no Winograd) make the same pictures after 50 DDIM steps."""
import unittest

import numpy as np

from cli import SOURCE, TINY, Case, main

MATERIALS = SOURCE / "models/materials-64"


class Plain(Case):
    def pictures(self, model, *options):
        both = []
        for name, plain in (("fast", "0"), ("plain", "1")):
            out = self.path(f"{name}.npy")
            self.good("sample", model, "-o", out, "--steps", 50, *options, env={"GIMP_DIFFUSION_PLAIN": plain})
            both.append(np.load(out).clip(-1, 1) * 127.5)
        self.assertFalse(np.array_equal(*both), "the plain road was not taken")
        return np.abs(both[0] - both[1]).max()

    def test_tiny(self):
        self.assertLess(self.pictures(TINY, "--size", "64x96", "--class", "waves", "--seed", 1, "--count", 3), 1)

    def test_seamless(self):
        self.assertLess(self.pictures(TINY, "--size", "32x32", "--class", "checks", "--seed", 2, "--tile", "xy"), 1)

    @unittest.skipUnless((MATERIALS / "model_index.json").exists(), "models/materials-64 is not here")
    def test_shipped(self):
        self.assertLess(self.pictures(MATERIALS, "--size", "64x64", "--class", "rock", "--seed", 3, "--guidance", 1.5), 1)


main()
