# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts behind docs/ddim-table.md: the judge against independent arithmetic, the whole chain with tiny counts.
usage: test_table.py DIFFUSION_CLI SOURCE_ROOT"""
import json
import subprocess
import sys
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]
from cli import CLI, SOURCE, Case, main     # noqa: E402
import judge                                # noqa: E402

T, STEPS, COUNT, FEW = 20, (5, 20), 24, 12


def drawn(count, seed):
    """Grey 16 x 16 pictures of three classes: bars that lie, bars that stand, discs; and their labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    labels = rng.integers(0, 3, count)
    at, size = rng.uniform(4, 11, (count, 2)), rng.uniform(1.5, 3, count)
    shapes = [(abs(y - a) < s, abs(x - b) < s, (y - a) ** 2 + (x - b) ** 2 < 3 * s * s)[k]
              for k, (a, b), s in zip(labels, at, size)]
    return (np.stack(shapes) * rng.integers(150, 255, count)[:, None, None]).astype(np.uint8), labels


class Judge(unittest.TestCase):
    def test_gradients_are_finite_differences(self):
        rng = np.random.default_rng(5)
        pictures, labels = drawn(6, 5)
        net = [p.astype(float) for p in judge.start(16, 3, rng)]

        def loss():
            scores = judge.forward(net, judge.scaled(pictures).astype(float))[0]
            return -np.log(judge.softmax(scores)[np.arange(6), labels]).sum()
        scores, kept = judge.forward(net, judge.scaled(pictures).astype(float))
        error = judge.softmax(scores)
        error[np.arange(6), labels] -= 1
        for parameter, gradient in zip(net, judge.backward(net, kept, error)):
            at = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            middle, side = parameter[at], []
            for parameter[at] in middle + 1e-6, middle - 1e-6:
                side.append(loss())
            parameter[at] = middle
            self.assertAlmostEqual((side[0] - side[1]) / 2e-6 / gradient[at], 1, 4)

    def test_it_learns_and_features_are_what_the_classes_come_from(self):
        net = judge.train(*drawn(600, 1), epochs=30, seed=1)
        pictures, labels = drawn(300, 2)
        look = judge.Judge(net, pictures)
        told, raw = look(pictures), look.raw(pictures)
        self.assertGreater((told["classes"] == labels).mean(), .9)
        for kind in judge.KINDS:
            self.assertEqual(told[kind].shape, (300, judge.FEATURES))
            self.assertAlmostEqual(told[kind].var(0).mean(), 1, 9)
        again = (np.maximum(raw["units"], 0) @ net[-2] + net[-1]).argmax(1)
        np.testing.assert_array_equal(again, told["classes"])

    def test_texture_sees_grain_and_not_where_things_lie(self):
        pictures = drawn(300, 6)[0]
        look = judge.Judge(judge.start(16, 3, np.random.default_rng(6)), pictures)
        noise = np.random.default_rng(7).normal(0, 20, pictures.shape)
        grainy = np.clip(pictures + noise, 0, 255).astype(np.uint8)
        plain, moved, grain = (look(p)["texture"] for p in (pictures, np.roll(pictures, 2, 2), grainy))
        self.assertGreater(judge.frechet(plain, grain), 5 * judge.frechet(plain, moved))

    def test_frechet_of_gaussians(self):
        """Commuting covariances: |difference of means|^2 + sum (s - t)^2 over the axes of a rotated frame."""
        rng = np.random.default_rng(3)
        frame = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        white = rng.normal(size=(4000, 4))
        white -= white.mean(0)
        white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T))).T      # mean 0, covariance 1, to rounding
        s, t, shift = np.array([1, 2, .5, 3]), np.array([2, 2, .1, 1]), np.array([1, 0, -2, .5])
        a, b = white * s @ frame.T, white[::-1] * t @ frame.T + shift
        self.assertAlmostEqual(judge.frechet(a, b), (shift ** 2).sum() + ((s - t) ** 2).sum(), 6)
        self.assertAlmostEqual(judge.frechet(a, a), 0, 6)

    def test_kid_is_the_sum_over_pairs_and_unbiased(self):
        rng = np.random.default_rng(4)
        a, b = rng.normal(size=(5, 3)), rng.normal(size=(7, 3)) + 1

        def mean(pairs):
            return np.mean([(x @ y / 3 + 1) ** 3 for x, y in pairs])
        within = [mean([(x, y) for i, x in enumerate(z) for j, y in enumerate(z) if i != j]) for z in (a, b)]
        self.assertAlmostEqual(judge.kid(a, b), sum(within) - 2 * mean([(x, y) for x in a for y in b]), 9)
        same = [judge.kid(*rng.normal(size=(2, 20, 3))) for _ in range(2000)]
        self.assertLess(abs(np.mean(same)), 4 * np.std(same) / 2000 ** .5)


class Chain(Case):
    def setUp(self):
        super().setUp()
        for part, count, seed in ("train", 200, 1), ("test", 60, 2):
            self.path(f"data/{part}").mkdir(parents=True)
            for i, (picture, label) in enumerate(zip(*drawn(count, seed))):
                Image.fromarray(picture).save(self.path(f"data/{part}/{i:05d}-{label}.png"))
        config = json.loads((SOURCE / "models/recipes/fashion-mnist/config.json").read_text())
        config["unet"]["sample_size"] = config["phases"][0]["size"] = config["picture_size"] = 16
        config["scheduler"].update(num_train_timesteps=T, beta_end=.5)
        config.update(steps=12, warmup_steps=2, threads=1)
        config["phases"][0]["batch"] = 8
        self.path("config.json").write_text(json.dumps(config))
        self.good("train", "--data", self.path("data/train"), "--config", self.path("config.json"), "-o", self.path("model"))

    def script(self, path, *words):
        done = subprocess.run([sys.executable, SOURCE / path, *map(str, words)], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def measure(self, *more):
        self.script("tests/ddim/table.py", CLI, self.path("model"), self.path("data"), self.path("work"), "--steps", "5 20",
                    "--timesteps", T, "--count", COUNT, "--few", FEW, "--back", 6, "--back-steps", "5 10 20", "--epochs", 3,
                    *more)

    def test_the_whole_chain(self):
        self.measure("--rows", "0 hat")
        before = {p.name: p.stat().st_mtime_ns for p in self.path("work").iterdir()}
        self.assertEqual(len(before), 4)
        self.measure("--json", self.path("table.json"))
        for name, time in before.items():
            self.assertEqual(self.path(f"work/{name}").stat().st_mtime_ns, time, "made twice")
        told = json.loads(self.path("table.json").read_text())
        for row, cells in told["cells"].items():
            self.assertEqual([[at["n"] for at in cell["at"]] for cell in cells.values()], [[FEW, COUNT], [FEW]], row)
        same = told["consistency"]["same"]
        self.assertEqual(same["20"], {"pixels": 0, "features": 0})
        self.assertLess(0, same["5"]["pixels"])
        self.assertLess(same["5"]["pixels"], told["consistency"]["apart"]["pixels"])
        error = told["back"]["error"]
        self.assertTrue(error["5"] > error["10"] > error["20"] > 0, error)
        self.drawn_from(told)

    def drawn_from(self, told):
        out = self.script("docs/plot_ddim.py", self.path("table.json"), "--out", self.folder)
        for at in told["cells"]["hat"]["20"]["at"]:
            for kind in judge.KINDS:
                self.assertIn(f"{at[kind]['frechet']:.2f}", out)
                self.assertIn(f"{1000 * at[kind]['kid']:.0f}", out)
        self.assertIn("367.43", out)
        self.assertTrue(self.path("ddim-back.svg").exists())


if __name__ == "__main__":
    main()
