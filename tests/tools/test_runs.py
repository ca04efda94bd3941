# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of diffusion-cli: what an option means, and what must not matter (threads, batches, the kind of file)."""
import json
import re

import numpy as np

from cli import EPSILON, TINY, VECTORS, Case, main, noise_picture, read_png

V = VECTORS / "trajectories/v"                   # class-conditional, without a null class


class Sampling(Case):
    def sample(self, *words, model=TINY, **more):
        return self.result("sample", model, *words, **more)

    def test_defaults_are_the_cards(self):
        got = self.sample("--class", "waves")
        self.assertEqual(got.shape, (1, 3, 16, 16))
        np.testing.assert_array_equal(got, self.sample("--class", "waves", "--sampler", "ddim", "--steps", "10", "--eta",
                                                       "0", "--seed", "0", "--guidance", "1", "--count", "1",
                                                       "--origin", "0,0", "--rng", "philox", "--clip", "auto"))

    def test_every_option_matters(self):
        base = self.sample("--class", "waves", "--size", "16x16")
        for words in (["--class", "checks"], ["--steps", "9"], ["--sampler", "ddpm"], ["--eta", "1"], ["--seed", "1"],
                      ["--origin", "1,0"], ["--origin", "0,-1"], ["--rng", "torch"], ["--tile", "x"], ["--tile", "y"],
                      ["--guidance", "3"], ["--spacing", "linspace"], ["--timesteps", "999,500,100"],
                      ["--size", "18x16"]):
            with self.subTest(words):
                got = self.sample("--class", "waves", *words)
                self.assertTrue(got.shape != base.shape or np.abs(got - base).max() > 1e-4)

    def test_class_by_name_and_number(self):
        np.testing.assert_array_equal(self.sample("--class", "stripes"), self.sample("--class", "1"))
        np.testing.assert_array_equal(self.sample(), self.sample("--class", ""))
        self.assertTrue((self.sample() != self.sample("--class", "1")).any())

    def test_count_is_seeds_in_turn(self):
        rows = self.sample("--count", "3", "--seed", "7", "--sampler", "ddpm")
        self.assertEqual(rows.shape, (3, 3, 16, 16))
        for i in range(3):
            np.testing.assert_array_equal(rows[i:i + 1], self.sample("--seed", 7 + i, "--sampler", "ddpm"))

    def test_count_of_pngs(self):
        rows = self.sample("--count", "2")
        self.good("sample", TINY, "--count", "2", "-o", self.path("p.png"))
        self.assertEqual(sorted(p.name for p in self.folder.glob("*.png")), ["p-0001.png", "p-0002.png"])
        for i in range(2):
            want = np.rint(255 * np.clip(rows[i].transpose(1, 2, 0).astype(float) / 2 + 0.5, 0, 1))
            np.testing.assert_array_equal(read_png(self.path(f"p-000{i + 1}.png")), want)

    def test_torch_draws_one_batch(self):
        both = self.sample("--count", "2", "--rng", "torch", "--steps", "3")
        np.testing.assert_allclose(both[:1], self.sample("--rng", "torch", "--steps", "3"), atol=2e-5)
        self.assertTrue(np.abs(both[1:] - self.sample("--rng", "torch", "--steps", "3", "--seed", "1")).max() > 0.01)

    def test_threads_do_not_matter(self):
        for words in (["--sampler", "ddpm", "--size", "64x40"], ["--count", "2", "--rng", "torch", "--size", "32x32"],
                      ["--class", "waves", "--guidance", "2"]):
            with self.subTest(words):
                one = self.sample(*words, "--threads", "1")
                for threads in 2, 3:
                    np.testing.assert_array_equal(one, self.sample(*words, "--threads", threads))

    def test_nothing_else_happens(self):
        """The same command, the same bytes; the seed is 0 unless it is given."""
        np.testing.assert_array_equal(self.sample("--seed", "0"), self.sample())

    def test_odd_sizes_are_cropped(self):
        whole = self.sample("--size", "20x18")
        np.testing.assert_array_equal(self.sample("--size", "19x17"), whole[..., :17, :19])

    def test_seamless(self):
        """With --tile x the noise and the network know no left edge: a shifted origin gives the shifted picture."""
        base = self.sample("--tile", "x", "--size", "32x16")
        moved = self.sample("--tile", "x", "--size", "32x16", "--origin", "8,0")
        np.testing.assert_allclose(np.roll(base, -8, 3), moved, atol=1e-4)
        plain = [self.sample("--size", "32x16", "--origin", o) for o in ("0,0", "8,0")]
        self.assertGreater(np.abs(np.roll(plain[0], -8, 3) - plain[1]).max(), 0.01)

    def test_steps_as_a_list(self):
        np.testing.assert_array_equal(self.sample("--steps", "5", "--spacing", "trailing"),
                                      self.sample("--timesteps", "999,799,599,399,199"))

    def test_sigmas_and_eta(self):
        """η = 0 is σ = 0 in every step; one σ per step, separated by anything."""
        self.path("s").write_text("0 0,\n0;0\t0\n")
        np.testing.assert_array_equal(self.sample("--steps", "5", "--sigmas", self.path("s"), "--seed", "3"),
                                      self.sample("--steps", "5", "--eta", "0", "--seed", "3"))
        self.path("s").write_text("0.2 0.2 0.2 0.1 0")
        self.assertTrue((self.sample("--steps", "5", "--sigmas", self.path("s"), "--seed", "3") !=
                         self.sample("--steps", "5", "--eta", "0", "--seed", "3")).any())

    def test_guidance(self):
        """ε̃ = ε(null) + g (ε(class) - ε(null)): 0 is no class."""
        np.testing.assert_allclose(self.sample("--class", "waves", "--guidance", "0"), self.sample(), atol=1e-5)

    def test_variance(self):
        words = ["--sampler", "ddpm", "--steps", "5"]
        small, large = (self.sample(*words, "--variance", f"fixed-{v}", model=EPSILON) for v in ("small", "large"))
        self.assertGreater(np.abs(small - large).max(), 0.01)
        hat = self.sample("--eta", "0.5", "--steps", "5", "--variance", "sigma-hat", model=EPSILON)
        self.assertGreater(np.abs(hat - self.sample("--eta", "0.5", "--steps", "5", model=EPSILON)).max(), 0.001)

    def test_memory_cap_that_suffices(self):
        np.testing.assert_array_equal(self.sample("--memory", "500"), self.sample())

    def test_other_locales(self):
        np.testing.assert_array_equal(self.sample("--eta", "0.5", env={"LC_ALL": "de_DE.UTF-8"}),
                                      self.sample("--eta", "0.5"))


class Arrays(Case):
    def test_init(self):
        """x_T given: the noise field is not drawn, and a whole run starts from it."""
        x = self.array("x.npy", noise_picture(1, 2, 3, 16, 20))
        both = self.result("sample", TINY, "--init", x, "--steps", "4")
        self.assertEqual(both.shape, (2, 3, 16, 20))
        np.testing.assert_array_equal(both, self.result("sample", TINY, "--init", x, "--steps", "4", "--seed", "9"))
        one = self.array("y.npy", noise_picture(1, 2, 3, 16, 20)[1:])
        np.testing.assert_array_equal(both[1:], self.result("sample", TINY, "--init", one, "--steps", "4"))

    def test_init_is_the_drawn_noise(self):
        """noise of nothing where nothing is left of the picture (ᾱ_999 = 2e-9) is what sample draws."""
        zeros = self.array("z.npy", np.zeros((1, 3, 16, 16)))
        self.good("noise", TINY, "-i", zeros, "--t", "999", "--seed", "4", "-o", self.path("xt.npy"))
        np.testing.assert_allclose(self.result("sample", TINY, "--init", self.path("xt.npy")),
                                   self.result("sample", TINY, "--seed", "4"), atol=1e-4)

    def test_encode_and_decode(self):
        """DDIM there and back, with an error that falls with the steps (Song 2021, §4.3 and table 2)."""
        picture = self.result("sample", TINY, "--class", "waves", "--seed", "5", name="p.npy")
        errors = []
        for steps in 10, 100, 1000:
            words = ["--class", "waves", "--steps", steps, "--clip", "none"]
            self.good("encode", TINY, "-i", self.path("p.npy"), "-o", self.path("xt.npy"), *words)
            back = self.result("sample", TINY, "--init", self.path("xt.npy"), *words)
            errors.append(float(np.mean((back - picture) ** 2)))
        self.assertTrue(errors[0] > errors[1] > errors[2], errors)
        self.assertLess(errors[2], 1e-3)

    def test_blend(self):
        """The ends are the two pictures; between them lies the slerp of the two x_T, from its formula."""
        a, b = (np.random.default_rng(i).normal(size=(1, 3, 16, 16)).astype("<f4") for i in (1, 2))
        files = [self.array("a.npy", a), self.array("b.npy", b)]
        decode = lambda x: self.result("sample", TINY, "--init", self.array("x.npy", x))
        blend = lambda w: self.result("blend", TINY, *files, "--weight", w)
        np.testing.assert_allclose(blend("0"), decode(a), atol=1e-5)
        np.testing.assert_allclose(blend("1"), decode(b), atol=1e-5)
        angle = np.arccos(np.sum(a * b, dtype=float) / np.linalg.norm(a.ravel()) / np.linalg.norm(b.ravel()))
        want = (np.sin(0.7 * angle) * a + np.sin(0.3 * angle) * b) / np.sin(angle)
        np.testing.assert_allclose(blend("0.3"), decode(want), atol=1e-3)

    def test_eps_rows(self):
        """N rows are N evaluations; t may lie between two steps."""
        x = noise_picture(3, 3, 3, 16, 16)
        words = ["eps", V, "--t", "321.5", "--class", "2"]
        rows = self.result(*words, "-i", self.array("x.npy", x))
        for i in range(3):
            np.testing.assert_allclose(rows[i:i + 1], self.result(*words, "-i", self.array("y.npy", x[i:i + 1])),
                                       atol=1e-5)
        near = self.result("eps", V, "--t", "321", "--class", "2", "-i", self.array("x.npy", x))
        self.assertTrue(0 < np.abs(near - rows).max() < 0.1)

    def test_eps_of_the_vectors(self):
        """A batch of three with t of its own for each row comes as three calls."""
        folder = VECTORS / "unet-adm"
        case = json.loads((folder / "manifest.json").read_text())["cases"][1]
        x, y = np.load(folder / case["x"]), np.load(folder / case["y"])
        for i, (t, label) in enumerate(zip(case["t"], case["labels"])):
            got = self.result("eps", folder / "model", "--t", t, "--class", label, "-i", self.array("x.npy", x[i:i + 1]))
            self.assertLess(np.abs(got - y[i:i + 1]).max(), 2e-5)


class PartialRuns(Case):
    def denoise(self, *words, model=TINY):
        return self.result("denoise", model, "-i", self.array("p.npy", noise_picture(5, 1, 3, 16, 16)), *words)

    def test_list_of_the_linear_spacing(self):
        """t_i = round_half_even((start + 1)(S - i)/S) - 1 (400 in 4: 400 300 199 99)."""
        np.testing.assert_array_equal(self.denoise("--t", "400", "--steps", "4", "--spacing", "linear"),
                                      self.denoise("--timesteps", "400,300,199,99"))

    def test_quad_is_another_list(self):
        linear, quad = (self.denoise("--t", "400", "--steps", "4", "--spacing", s) for s in ("linear", "quad"))
        self.assertGreater(np.abs(linear - quad).max(), 1e-3)

    def test_more_noise_more_change(self):
        before = noise_picture(5, 1, 3, 16, 16)
        change = [np.abs(self.denoise("--t", t, "--steps", min(8, t + 1)) - before).mean() for t in (0, 50, 300, 900)]
        self.assertEqual(change, sorted(change))
        self.assertLess(change[0], 0.1)

    def test_rows_have_seeds_of_their_own(self):
        rows = noise_picture(6, 2, 3, 16, 16)
        words = ["denoise", TINY, "--t", "500", "--steps", "3"]
        both = self.result(*words, "-i", self.array("b.npy", rows), "--seed", "3")
        np.testing.assert_array_equal(both[1:], self.result(*words, "-i", self.array("o.npy", rows[1:]), "--seed", "4"))

    def test_steps_default_to_the_card(self):
        np.testing.assert_array_equal(self.denoise("--t", "500"), self.denoise("--t", "500", "--steps", "8"))
        np.testing.assert_array_equal(self.denoise("--t", "3"), self.denoise("--t", "3", "--steps", "4"))

    def test_threads_do_not_matter(self):
        words = ["--t", "500", "--sampler", "ddpm"]
        np.testing.assert_array_equal(self.denoise(*words, "--threads", "1"), self.denoise(*words, "--threads", "2"))


class Reports(Case):
    def test_info(self):
        text = self.good("info", TINY).out
        for word in "Tiny", "CC0-1.0", "160531", "checks, stripes, waves", "GMAC", "MB":
            self.assertIn(word, text)

    def test_info_json(self):
        for words in [], ["--size", "64x32"], ["--size", "63x31"]:     # as sample makes it, cropped
            told = json.loads(self.good("info", TINY, "--json", *words).out)
            self.assertEqual(told["parameters"], 160531)
            self.assertEqual(told["classes"], ["checks", "stripes", "waves"])
            self.assertEqual((told["null_class"], told["size_multiple"]), (3, 2))
            self.assertEqual((told["width"], told["height"]), (64, 32) if words else (16, 16))
            self.assertGreater(told["bytes"], 0)
            self.assertGreater(told["seconds_per_step"], 0)

    def test_cost_grows_with_the_area(self):
        """MACs per pixel, but for the time embedding: counted from the shapes of the weights."""
        cost = [json.loads(self.good("info", TINY, "--json", "--size", s).out) for s in ("32x32", "64x64", "128x128")]
        grows = [b["macs_per_step"] / a["macs_per_step"] for a, b in zip(cost, cost[1:])]
        self.assertTrue(all(3.9 < g < 4.01 for g in grows), grows)

    def test_parameters_are_those_of_the_file(self):
        model = VECTORS / "unet-adm/model"
        raw = (model / "diffusion_pytorch_model.safetensors").read_bytes()
        head = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
        count = sum(int(np.prod(v["shape"])) for k, v in head.items() if k != "__metadata__")
        self.assertEqual(json.loads(self.good("info", model, "--json").out)["parameters"], count)

    def test_info_without_a_card(self):
        self.assertIn("v_prediction", self.good("info", V).out)

    def test_bench(self):
        text = self.good("bench", TINY, "--size", "32x16", "--batch", "2", "--threads", "1").out
        found = re.search(r"32 × 16, batch 2: median ([\d.]+) ms, minimum ([\d.]+) ms.* ([\d.]+) GFLOP/s.*peak", text)
        self.assertTrue(found, text)
        self.assertLessEqual(float(found[2]), float(found[1]))

    def test_bench_profile(self):
        lines = self.good("bench", TINY, "--profile", "--threads", "1").out.splitlines()
        total = float(re.search(r"median ([\d.]+) ms", lines[0])[1])
        rows = [float(line.split()[0]) for line in lines[2:]]
        self.assertGreater(len(rows), 10)
        self.assertEqual(rows, sorted(rows, reverse=True))
        # means beside a median: on a busy machine they may be several times as long, never much shorter
        self.assertGreater(sum(rows), 0.3 * total)

    def test_bench_refuses(self):
        self.refused(2, "bench", TINY, "--batch", "0", says=["batch"])


main()
