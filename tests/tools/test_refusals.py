# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusion-cli says no: 2 for a wrong command line, 1 for a run that fails, one line that says what to do."""
import shutil
import struct
import zlib

import numpy as np

from cli import COLOURS, EPSILON, TINY, VECTORS, Case, chunk, main, noise_picture, write_png


class Commands(Case):
    def test_no_command(self):
        self.refused(2, says=["--help"])

    def test_unknown_command(self):
        self.refused(2, "paint", says=['"paint"', "--help"])

    def test_unknown_option(self):
        for command in "info eps sample denoise noise encode blend train bench likelihood".split():
            self.refused(2, command, "--no-such-option", says=["--no-such-option", f"{command} --help"])

    def test_option_of_another_command(self):
        self.refused(2, "sample", TINY, "--mask", "m.png", "-o", "x.png", says=["--mask"])
        self.refused(2, "denoise", TINY, "--size", "16x16", "-o", "x.png", says=["--size"])
        self.refused(2, "eps", TINY, "--weight", "0.5", says=["--weight"])
        self.refused(2, "info", TINY, "-o", "x.png", says=["-o"])

    def test_no_model(self):
        self.refused(2, "sample", "-o", "x.png", says=["MODEL"])

    def test_word_too_many(self):
        self.refused(2, "info", TINY, "more", says=["1 word"])

    def test_missing_files(self):
        self.refused(2, "sample", TINY, says=["-o"])
        self.refused(2, "denoise", TINY, "-o", "x.png", says=["-i"])
        self.refused(2, "eps", TINY, "-i", "x.npy", "-o", "y.npy", says=["--t"])
        self.refused(2, "noise", TINY, "-i", "x.npy", "-o", "y.npy", says=["--t"])
        self.refused(2, "train", "--data", ".", says=["-o"])
        self.refused(2, "train", "-o", "x", says=["--data"])

    def test_names_of_results(self):
        self.refused(2, "sample", TINY, "-o", "x.jpg", says=[".png", ".npy"])
        self.refused(2, "encode", TINY, "-i", "x.png", "-o", "x.png", says=[".npy"])

    def test_no_folder_for_the_result(self):
        self.refused(1, "sample", TINY, "-o", self.path("none/x.png"), says=["none"])

    def test_help(self):
        self.assertIn("diffusion-cli denoise", self.good("--help").out)
        self.assertIn("--feather", self.good("denoise", "--help").out)
        self.assertNotIn("--feather", self.good("sample", "--help").out)


class Words(Case):
    """A bad word is answered with the good ones."""

    def check(self, option, word, *good):
        self.refused(2, "sample", EPSILON, "-o", self.path("x.npy"), option, word, says=[option, word, *good])

    def test_sampler(self):
        self.check("--sampler", "euler", "ddim", "ddpm")

    def test_spacing(self):
        self.check("--spacing", "karras", "leading", "trailing", "linspace", "quad")

    def test_variance(self):
        self.check("--variance", "learned", "fixed-small", "fixed-large", "sigma-hat")

    def test_rng(self):
        self.check("--rng", "numpy", "philox", "torch")

    def test_compat(self):
        self.check("--compat", "ldm", "diffusers")

    def test_clip(self):
        self.check("--clip", "threshold", "auto", "none", "clip", "rederive")

    def test_tile(self):
        self.check("--tile", "z", "x", "y", "xy")

    def test_size(self):
        self.check("--size", "16", "WIDTHxHEIGHT")
        self.check("--size", "16x16x3", "WIDTHxHEIGHT")
        self.check("--size", "0x16", "WIDTHxHEIGHT")

    def test_origin(self):
        self.check("--origin", "5", "X,Y")

    def test_timesteps(self):
        self.refused(2, "sample", EPSILON, "-o", self.path("x.npy"), "--timesteps", "400,x,0", says=['"x" is not'])

    def test_edge(self):
        self.refused(2, "denoise", EPSILON, "-i", self.array("x.npy", noise_picture(1, 1, 3, 16, 16)), "-o",
                     self.path("y.npy"), "--edge", "soft", says=["soft", "noise-level", "blend"])


class Ranges(Case):
    def check(self, *words, says):
        self.refused(2, "sample", EPSILON, "-o", self.path("x.npy"), *words, says=says)

    def test_numbers(self):
        self.check("--seed", "-1", says=["2147483647"])
        self.check("--seed", "2147483648", says=["2147483647"])
        self.check("--count", "0", says=["4096"])
        self.check("--steps", "0", says=["0"])
        self.check("--steps", "1001", says=["1000", "1001"])
        self.check("--eta", "1.5", says=["eta", "1.5"])
        self.check("--eta", "nan", says=["finite"])
        self.check("--guidance", "inf", says=["finite"])
        self.check("--threads", "-1", says=["threads"])
        self.check("--memory", "-1", says=["--memory"])
        self.check("--steps", "ten", says=["ten"])

    def test_timesteps(self):
        self.check("--timesteps", "400,400,0", says=["400"])
        self.check("--timesteps", "0,400", says=["400"])
        self.check("--timesteps", "1000,0", says=["1000"])

    def test_t(self):
        x = self.array("x.npy", noise_picture(1, 1, 3, 16, 16))
        for command in "denoise", "noise", "eps":
            for t in "-2" if command == "noise" else "-1", "1000", "nan":     # -1 is the clean picture
                self.refused(2, command, EPSILON, "-i", x, "--t", t, "-o", self.path("y.npy"), says=[])
        self.refused(2, "denoise", EPSILON, "-i", x, "--t", "400.5", "-o", self.path("y.npy"), says=["whole"])

    def test_t_and_timesteps(self):
        self.refused(2, "denoise", EPSILON, "-i", self.array("x.npy", noise_picture(1, 1, 3, 16, 16)), "--t", "300",
                     "--timesteps", "400,0", "-o", self.path("y.npy"), says=["400", "300"])

    def test_steps_of_a_partial_run(self):
        self.refused(2, "denoise", EPSILON, "-i", self.array("x.npy", noise_picture(1, 1, 3, 16, 16)), "--t", "4",
                     "--steps", "6", "-o", self.path("y.npy"), says=["5"])

    def test_weight(self):
        for weight in ["-0.1"], ["1.1"], ["nan"]:
            self.refused(2, "blend", TINY, "a.npy", "b.npy", "--weight", *weight, "-o", self.path("x.png"), says=[])
        self.refused(2, "blend", TINY, "a.npy", "b.npy", "-o", self.path("x.png"), says=["--weight"])

    def test_class(self):
        self.refused(2, "sample", TINY, "-o", self.path("x.png"), "--class", "dogs", says=["dogs"])
        self.refused(2, "sample", TINY, "-o", self.path("x.png"), "--class", "4", says=["4"])
        self.refused(2, "sample", EPSILON, "-o", self.path("x.png"), "--class", "0", says=[])
        self.refused(2, "sample", VECTORS / "trajectories/v", "-o", self.path("x.png"), says=["class"])

    def test_guidance(self):
        self.check("--guidance", "2", says=["null class"])
        self.refused(2, "sample", TINY, "-o", self.path("x.png"), "--class", "waves", "--guidance", "2", "--compat",
                     "diffusers", says=["--guidance", "--compat"])

    def test_seamless_sides(self):
        self.check("--tile", "x", "--size", "17x16", says=["16", "18"])

    def test_memory_cap(self):
        self.refused(1, "sample", TINY, "-o", self.path("x.png"), "--size", "512x512", "--memory", "1", says=["MB"])


class Files(Case):
    def test_models(self):
        self.refused(1, "info", self.path("none"), says=["none"])
        shutil.copytree(TINY, self.path("broken"))
        next(self.path("broken").rglob("*.safetensors")).write_bytes(b"nothing")
        self.refused(1, "info", self.path("broken"), says=["safetensors"])

    def check(self, name, data, says):
        self.path(name).write_bytes(data)
        self.refused(1, "eps", EPSILON, "-i", self.path(name), "--t", "5", "-o", self.path("y.npy"), says=[name, says])

    def npy(self, shape="(1, 3, 16, 16)", order="False", kind="<f4", version=1, data=4 * 3 * 16 * 16):
        head = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
        return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(head)) + head + bytes(data)

    def test_arrays(self):
        self.check("empty.npy", b"", "npy")
        self.check("no.npy", b"\x93NUMPY", "npy")
        self.check("long.npy", b"\x93NUMPY\x01\0\xff\xff{}", "1.0")
        self.check("two.npy", self.npy(version=2), "1.0")
        self.check("double.npy", self.npy(kind="<f8"), "float32")
        self.check("big-endian.npy", self.npy(kind=">f4"), "float32")
        self.check("fortran.npy", self.npy(order="True"), "C order")
        self.check("flat.npy", self.npy(shape="(768,)"), "shape")
        self.check("short.npy", self.npy(data=100), "damaged")
        self.check("more.npy", self.npy(data=4000), "damaged")
        self.check("none.npy", self.npy(shape="(0, 3, 16, 16)", data=0), "shape")
        self.check("negative.npy", self.npy(shape="(-1, 3, 16, 16)"), "shape")
        self.check("huge.npy", self.npy(shape="(65536, 64, 65536, 65536)"), "damaged")
        self.check("grey.npy", self.npy(shape="(1, 1, 16, 16)", data=1024), "channels")
        x = noise_picture(1, 1, 3, 16, 16)
        x[0, 1, 2, 3] = np.nan
        self.refused(1, "eps", EPSILON, "-i", self.array("nan.npy", x), "--t", "5", "-o", self.path("y.npy"),
                     says=["nan.npy", "finite"])

    def test_side_that_the_network_cannot_have(self):
        x = self.array("x.npy", noise_picture(1, 1, 3, 15, 16))
        self.refused(2, "eps", EPSILON, "-i", x, "--t", "5", "-o", self.path("y.npy"), says=["multiples"])
        self.refused(2, "sample", EPSILON, "--init", x, "-o", self.path("y.npy"), says=["multiples"])
        self.refused(2, "encode", EPSILON, "-i", x, "-o", self.path("y.npy"), says=["multiples"])

    def test_init_sets_the_size(self):
        x = self.array("x.npy", noise_picture(1, 1, 3, 16, 16))
        for more in ["--size", "16x16"], ["--count", "2"]:
            self.refused(1, "sample", EPSILON, "--init", x, "-o", self.path("y.npy"), *more, says=["--init", more[0]])

    def test_pictures(self):
        good = write_png(self.path("good.png"), np.zeros((16, 16, 3), "u1")).read_bytes()
        head = struct.pack(">IIBBBBB", 100000, 100000, 8, COLOURS[4], 0, 0, 0)
        bombs = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
        for name, data in ("text.png", b"hello"), ("cut.png", good[:-30]), ("huge.png", bombs), ("empty.png", b""):
            self.check(name, data, "PNG")
        self.refused(1, "eps", EPSILON, "-i", self.path("none.png"), "--t", "5", "-o", self.path("y.npy"),
                     says=["none.png"])

    def test_colour_for_a_grey_model(self):
        picture = write_png(self.path("c.png"), np.zeros((16, 16, 3), "u1"))
        self.refused(1, "eps", VECTORS / "unet-grey/model", "-i", picture, "--t", "5", "-o", self.path("y.npy"),
                     says=["grey"])

    def test_masks(self):
        picture = write_png(self.path("p.png"), np.full((16, 16, 3), 9, "u1"))
        words = ["denoise", EPSILON, "-i", picture, "--t", "5", "-o", self.path("y.png"), "--mask"]
        self.refused(1, *words, write_png(self.path("m.png"), np.zeros((16, 16, 1), "u1")), says=["nothing", "white"])
        self.refused(1, *words, write_png(self.path("m.png"), np.zeros((16, 15, 1), "u1")), says=["16 × 16"])
        self.refused(1, *words, write_png(self.path("m.png"), np.zeros((16, 16, 3), "u1")), says=["grey"])
        self.assertFalse(self.path("y.png").exists())

    def test_sigmas(self):
        words = ["sample", EPSILON, "-o", self.path("x.npy"), "--steps", "2", "--sigmas", self.path("s.txt")]
        self.refused(1, *words, says=["s.txt"])
        for text, says in ("", "no numbers"), ("0.1 x", '"x"'), ("0.1 0.2abc", '"0.2abc"'):
            self.path("s.txt").write_text(text)
            self.refused(1, *words, says=[says])
        for text, says in ("0.1", "2 steps"), ("5 0", "Sigma 1"), ("0 0.1", "Sigma 2"), ("-1 0", "Sigma 1"):
            self.path("s.txt").write_text(text)
            self.refused(2, *words, says=[says])

    def test_two_x_of_different_shapes(self):
        a, b = self.array("a.npy", noise_picture(1, 1, 3, 16, 16)), self.array("b.npy", noise_picture(1, 1, 3, 16, 32))
        self.refused(1, "blend", EPSILON, a, b, "--weight", "0.5", "-o", self.path("x.png"), says=["shapes"])

    def test_a_refused_run_keeps_an_older_result(self):
        self.path("x.npy").write_text("precious")
        self.refused(2, "sample", EPSILON, "-o", self.path("x.npy"), "--steps", "0", says=[])
        self.assertEqual(self.path("x.npy").read_text(), "precious")


main()
