# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusion-cli likelihood against a second implementation in numpy (tests/reference/likelihood.py), whose predictions
come from `eps` at noised pictures that it makes itself; and what the command says and refuses."""
import json
import math
import re
import sys

import numpy as np

from cli import EPSILON, SOURCE, TINY, VECTORS, Case, main, run, write_png

sys.path.insert(0, str(SOURCE / "tests/reference"))
from likelihood import bound, spaced

SIZES = ("fixed-small", "fixed-large")


def pixels(seed, height=16, width=16, channels=3):
    """Not smooth, and with many values at both ends of the range, where the decoder's bins are infinite."""
    values = np.random.default_rng(seed).integers(-60, 316, (height, width, channels))
    return np.clip(values, 0, 255).astype(np.uint8)


class Likelihood(Case):
    def picture(self, name, values):
        path = self.path("data") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, values)

    def told(self, model, *words):
        words = ["likelihood", model, "--data", self.path("data"), "--json", *words]
        return json.loads(self.good(*words).out)

    def predictor(self, model, *words):
        def predict(x, t):
            x = self.array("x.npy", x.transpose(2, 0, 1)[None])
            return self.result("eps", model, "-i", x, "--t", t, *words)[0].transpose(1, 2, 0)
        return predict

    def compare(self, got, want):
        # what is left of the cosine schedule's ᾱ is a product with 1 - β near 0, where a float32 β is wrong by 6e-5
        self.assertAlmostEqual(got["prior"], want["prior"], delta=1e-4 * want["prior"])
        self.assertEqual(len(got["terms"]), len(want["terms"]))
        for one, other in zip(got["terms"], want["terms"]):
            self.assertEqual(one["t"], other["t"])
            self.assertAlmostEqual(one["error"], other["error"], delta=1e-4 * other["error"])
            for size in SIZES:
                self.assertAlmostEqual(one["bits"][size], other["bits"][size], delta=1e-4 * other["bits"][size])
        for size in SIZES:
            self.assertAlmostEqual(got["total"][size], want["total"][size], delta=1e-4 * want["total"][size])

    def test_v_prediction_with_a_class(self):
        self.picture("waves/a.png", pixels(1))
        got = self.told(TINY, "--seed", 5, "--timesteps", 9)
        x0 = pixels(1) / 127.5 - 1
        self.compare(got, bound(TINY, x0, 5, spaced(1000, 9), self.predictor(TINY, "--class", "waves")))

    def test_epsilon_without_a_class(self):
        self.picture("a.png", pixels(2))
        got = self.told(EPSILON, "--seed", 1, "--timesteps", 9, "--clip", "none")
        self.compare(got, bound(EPSILON, pixels(2) / 127.5 - 1, 1, spaced(1000, 9), self.predictor(EPSILON)))

    def test_the_mean_over_pictures(self):
        """Each with the next seed; the centre of a larger one; the standard error of the mean."""
        large = pixels(4, 19, 22)
        self.picture("a.png", pixels(3))
        self.picture("b.png", large)
        both = self.told(EPSILON, "--timesteps", 4, "--clip", "none")
        predict, steps = self.predictor(EPSILON), spaced(1000, 4)
        one, two = (bound(EPSILON, x / 127.5 - 1, seed, steps, predict)
                    for seed, x in enumerate((pixels(3), large[1:17, 3:19])))
        for size in SIZES:
            a, b = one["total"][size], two["total"][size]
            self.assertAlmostEqual(both["total"][size], (a + b) / 2, delta=1e-4 * (a + b))
            self.assertAlmostEqual(both["standard_error"][size], abs(a - b) / 2, delta=1e-3 * abs(a - b))

    def test_weights(self):
        """L in bits is the weight (eq. 12) of the error, and for β what two variances differ by on top."""
        self.picture("a.png", pixels(2))
        betas = np.linspace(1e-4, 0.02, 1000)
        abar = np.cumprod(1 - betas)
        for term in self.told(EPSILON, "--timesteps", 7, "--clip", "none")["terms"][1:]:
            t = term["t"]
            tilde = (1 - abar[t - 1]) / (1 - abar[t]) * betas[t]
            for size, variance in zip(SIZES, (tilde, betas[t])):
                weight = betas[t] ** 2 / (2 * variance * (1 - betas[t]) * (1 - abar[t]))
                nats = weight * term["error"] + (math.log(variance / tilde) + tilde / variance - 1) / 2
                self.assertAlmostEqual(term["weight"][size], weight, delta=1e-5 * weight)
                self.assertAlmostEqual(term["bits"][size], nats / math.log(2), delta=1e-5 * nats)

    def test_all_timesteps(self):
        """By default every t is evaluated, once, and the bound is the plain sum."""
        self.picture("waves/a.png", pixels(1))
        all_of_them = self.told(TINY)
        self.assertEqual([term["t"] for term in all_of_them["terms"]], list(range(1000)))
        self.assertEqual(all_of_them["each_stands_for"], 1)
        for size in SIZES:
            total = all_of_them["prior"] + sum(term["bits"][size] for term in all_of_them["terms"])
            self.assertAlmostEqual(all_of_them["total"][size], total, delta=1e-9 * total)
        few = self.told(TINY, "--timesteps", 5)
        for term in few["terms"]:
            self.assertEqual(term, all_of_them["terms"][term["t"]])     # a term does not depend on the others

    def test_the_same_twice_and_with_threads(self):
        self.picture("waves/a.png", pixels(1))
        first = self.told(TINY, "--timesteps", 4, "--threads", 1)
        self.assertEqual(first, self.told(TINY, "--timesteps", 4, "--threads", 2))
        self.assertNotEqual(first["total"], self.told(TINY, "--timesteps", 4, "--seed", 1)["total"])

    def test_classes(self):
        """A subfolder with a class's name is that class; others are none; --class is for all."""
        totals = {}
        for folder, words in (("waves", []), ("checks", []), ("other", []), ("other", ["--class", "checks"])):
            self.path("data").mkdir()
            self.picture(f"{folder}/a.png", pixels(1))
            totals[(folder, *words)] = self.told(TINY, "--timesteps", 3, *words)["total"]["fixed-small"]
            self.path("data").rename(self.path(f"old-{len(totals)}"))
        self.assertEqual(totals["checks",], totals["other", "--class", "checks"])
        self.assertEqual(len(set(totals.values())), 3)

    def test_limit(self):
        for i in range(5):
            self.picture(f"waves/{i}.png", pixels(i))
        self.assertEqual(self.told(TINY, "--timesteps", 2, "--limit", 2)["pictures"], 2)
        self.assertEqual(self.told(TINY, "--timesteps", 2, "--limit", 9)["pictures"], 5)

    def test_clipping(self):
        """x̂_0 within -1 … 1 is nearer to a picture, where the network knows little."""
        self.picture("a.png", pixels(2))
        free, kept = (self.told(EPSILON, "--timesteps", 3, "--clip", clip) for clip in ("none", "clip"))
        self.assertEqual((free["clip"], kept["clip"]), ("none", "clip"))
        self.assertLess(kept["terms"][-1]["error"], free["terms"][-1]["error"])

    def test_size(self):
        self.picture("waves/a.png", pixels(1, 40, 24))
        got = self.told(TINY, "--timesteps", 2, "--size", "24x32")
        self.assertEqual((got["width"], got["height"], got["channels"]), (24, 32, 3))

    def test_text(self):
        """The table shows what JSON says."""
        self.picture("waves/a.png", pixels(1))
        text = self.good("likelihood", TINY, "--data", self.path("data"), "--timesteps", 4).out
        told = self.told(TINY, "--timesteps", 4)
        self.assertIn("4 of 1000 timesteps", text)
        self.assertIn("each times 333", text)
        for term in told["terms"][1:]:
            row = re.search(rf"^ *{term['t']} +(.*)$", text, re.M)[1].split()
            want = [term["error"]] + [term[what][size] for size in SIZES for what in ("weight", "bits")]
            np.testing.assert_allclose([float(v) for v in row], want, atol=1e-6)
        for words, want in (("the bound, bits/dim", told["total"]), ("L_0, the decoder", told["terms"][0]["bits"])):
            row = re.search(rf"^{words} +(\S+) +(\S+)$", text, re.M)
            np.testing.assert_allclose([float(row[1]), float(row[2])], [want[size] for size in SIZES], atol=1e-7)

    def test_a_small_picture_is_named_and_skipped(self):
        self.picture("a.png", pixels(1, 16, 16))
        self.picture("b.png", pixels(1, 20, 16))
        result = run("likelihood", EPSILON, "--data", self.path("data"), "--timesteps", 2, "--size", "16x20")
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("1 pictures", result.out)
        self.assertIn("16 × 16", result.err)

    def test_refusals(self):
        self.refused(2, "likelihood", EPSILON, says=["--data"])
        self.refused(2, "likelihood", "--data", "x", says=["MODEL"])
        self.refused(1, "likelihood", EPSILON, "--data", self.path("none"), "--timesteps", 2, says=["none", "16 × 16"])
        self.picture("a.png", pixels(1))
        words = ["likelihood", EPSILON, "--data", self.path("data")]
        for n in "1", "1001":
            self.refused(2, *words, "--timesteps", n, says=["2", "1000", n])
        for option in "--timesteps", "--limit":
            self.refused(2, *words, option, "-1", says=[option])
        self.refused(2, *words, "--class", "0", says=["no classes"])
        self.refused(2, *words, "--steps", "5", says=["--steps"])
        self.refused(2, *words, "--size", "15x15", says=["multiples"])
        self.picture("a.png", pixels(1, 256, 256))
        self.refused(1, *words, "--memory", "1", "--size", "256x256", says=["MB"])

    def test_a_model_that_asks_for_a_class(self):
        self.picture("no-such-class/a.png", pixels(1))
        words = ["likelihood", VECTORS / "trajectories/v", "--data", self.path("data"), "--timesteps", 2]
        self.refused(2, *words, says=["no-such-class", "--class"])
        self.good(*words, "--class", "0")


main()
