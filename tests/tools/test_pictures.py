# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of diffusion-cli: PNG of 8 and 16 bits and arrays, in and out; noising; masks."""

import shutil
import subprocess

import numpy as np
from PIL import Image

from cli import EPSILON, TINY, VECTORS, Case, abar, main, noise_picture, read_png, write_png

RGBA, GREY = VECTORS / "unet-rgba/model", VECTORS / "unet-grey/model"
LINEAR = np.vectorize(lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
CURVE = np.vectorize(lambda v: v * 12.92 if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055)


def samples(seed, kind, *shape):
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


class Formats(Case):
    def same(self, model, picture, *more):
        """A picture at the clean end of q(x_t|x_0): what was read is what is written."""
        source = write_png(self.path("in.png"), picture)
        self.good("noise", model, "-i", source, "--t", "-1", "-o", self.path("out.png"), *more)
        return read_png(self.path("out.png"))

    def test_png_unchanged(self):
        for model, channels in (EPSILON, 3), (GREY, 1), (RGBA, 4), (EPSILON, 4), (GREY, 2):
            for kind in np.uint8, np.uint16:
                with self.subTest(channels=channels, kind=kind):
                    picture = samples(channels, kind, 16, 18, channels)
                    np.testing.assert_array_equal(self.same(model, picture), picture)

    def test_clear_pixels_keep_their_colour(self):
        picture = samples(3, np.uint16, 16, 16, 4)
        picture[:8, :, 3] = 0
        picture[8:12, :, 3] = 1
        np.testing.assert_array_equal(self.same(RGBA, picture), picture)

    def test_grey_picture_for_a_colour_model(self):
        picture = samples(4, np.uint8, 16, 16, 1)
        np.testing.assert_array_equal(self.same(EPSILON, picture), np.repeat(picture, 3, 2))

    def test_palette_and_one_bit(self):
        picture = samples(5, np.uint8, 16, 16, 3) // 64 * 85
        Image.fromarray(picture).quantize(64).save(self.path("palette.png"))
        self.good("noise", EPSILON, "-i", self.path("palette.png"), "--t", "-1", "-o", self.path("out.png"))
        np.testing.assert_array_equal(read_png(self.path("out.png")),
                                      np.asarray(Image.open(self.path("palette.png")).convert("RGB")))
        Image.fromarray(picture[..., 0]).convert("1").save(self.path("bit.png"))
        self.good("noise", GREY, "-i", self.path("bit.png"), "--t", "-1", "-o", self.path("out.png"))
        np.testing.assert_array_equal(read_png(self.path("out.png"))[..., 0],
                                      np.asarray(Image.open(self.path("bit.png")).convert("L")))

    def test_interlaced(self):
        if shutil.which("convert") is None:
            self.skipTest("needs imagemagick")
        picture = samples(6, np.uint8, 16, 16, 3)
        write_png(self.path("in.png"), picture)
        subprocess.run(["convert", self.path("in.png"), "-interlace", "PNG", self.path("i.png")], check=True)
        self.good("noise", EPSILON, "-i", self.path("i.png"), "--t", "-1", "-o", self.path("out.png"))
        np.testing.assert_array_equal(read_png(self.path("out.png")), picture)

    def test_range_of_the_network(self):
        """v/127.5 - 1 and v/32767.5 - 1."""
        for kind, half in (np.uint8, 127.5), (np.uint16, 32767.5):
            picture = samples(7, kind, 16, 16, 3)
            picture[0, 0], picture[0, 1] = 0, np.iinfo(kind).max
            x = self.result("noise", EPSILON, "-i", write_png(self.path("in.png"), picture), "--t", "-1")
            np.testing.assert_allclose(x, (picture / half - 1).transpose(2, 0, 1)[None], atol=1e-7, rtol=0)
            self.assertEqual((x.min(), x.max()), (-1, 1))

    def test_alpha_for_a_network_with_alpha(self):
        """Premultiplied colour."""
        picture = samples(8, np.uint8, 16, 16, 4)
        x = self.result("noise", RGBA, "-i", write_png(self.path("in.png"), picture), "--t", "-1")
        alpha = picture[..., 3:] / 255
        want = np.concatenate((picture[..., :3] / 255 * alpha, alpha), 2).transpose(2, 0, 1)[None] * 2 - 1
        np.testing.assert_allclose(x, want, atol=1e-6, rtol=0)

    def test_rounding(self):
        """Half to even of 255·clamp(x/2 + 1/2); arrays give 8 bits."""
        levels = np.array([-2, -1, -1 + 1 / 255, 0, 3 / 255 - 1, 1, 1.5, 0.25], np.float32)
        x = np.resize(levels, (1, 3, 16, 16))
        self.good("noise", EPSILON, "-i", self.array("x.npy", x), "--t", "-1", "-o", self.path("out.png"))
        got = read_png(self.path("out.png"))
        self.assertEqual(got.dtype, np.uint8)
        want = np.rint(255 * np.clip(x[0].transpose(1, 2, 0).astype(float) / 2 + 0.5, 0, 1))
        np.testing.assert_array_equal(got, want)

    def test_arrays_unchanged(self):
        x = noise_picture(1, 2, 3, 16, 18) * 3
        np.testing.assert_array_equal(self.result("noise", EPSILON, "-i", self.array("x.npy", x), "--t", "-1"), x)
        raw = self.path("out.npy").read_bytes()
        self.assertEqual(raw[:8], b"\x93NUMPY\x01\0")
        self.assertEqual((10 + raw[8] + 256 * raw[9]) % 64, 0)


class Noise(Case):
    def test_is_the_closed_form(self):
        """x_t = √ᾱ x_0 + √(1-ᾱ) ε (Ho 2020, eq. 4), ε from the second implementation of the noise field."""
        field = np.load(VECTORS / "philox/plain.npy").reshape(5, 7, 3)       # seed 0, transition 0
        x = noise_picture(1, 1, 3, 8, 10)
        for t in 0, 250, 999:
            a = abar(EPSILON)[t]
            got = self.result("noise", EPSILON, "-i", self.array("x.npy", x), "--t", t)
            want = np.sqrt(a) * x[..., :5, :7] + np.sqrt(1 - a) * field.transpose(2, 0, 1)
            np.testing.assert_allclose(got[..., :5, :7], want, atol=1e-5, rtol=0)     # ᾱ is a float32 table

    def test_with_torch_generator(self):
        draws = np.load(VECTORS / "rng/1-48.npy")[0].reshape(1, 3, 4, 4)
        a = abar(EPSILON)[300]
        got = self.result("noise", EPSILON, "-i", self.array("x.npy", np.zeros((1, 3, 4, 4))), "--t", "300", "--rng",
                          "torch", "--seed", "1")
        np.testing.assert_allclose(got, np.sqrt(1 - a) * draws, atol=1e-5, rtol=0)

    def test_origin(self):
        """The field belongs to the picture: a part of it at its own place has the noise of the whole."""
        words = ["noise", EPSILON, "--t", "999", "--seed", "5"]
        whole = self.result(*words, "-i", self.array("x.npy", np.zeros((1, 3, 32, 32))))
        part = self.result(*words, "-i", self.array("x.npy", np.zeros((1, 3, 16, 16))), "--origin", "12,7")
        np.testing.assert_array_equal(part, whole[..., 7:23, 12:28])

    def test_rows_have_seeds_of_their_own(self):
        words = ["noise", EPSILON, "--t", "999"]
        both = self.result(*words, "-i", self.array("x.npy", np.zeros((2, 3, 16, 16))), "--seed", "3")
        one = self.result(*words, "-i", self.array("x.npy", np.zeros((1, 3, 16, 16))), "--seed", "4")
        np.testing.assert_array_equal(both[1:], one)

    def test_only_where_selected(self):
        picture, mask = samples(1, np.uint16, 32, 32, 3), np.zeros((32, 32, 1), "u1")
        mask[5:9, 20:30] = 255
        write_png(self.path("in.png"), picture)
        self.good("noise", EPSILON, "-i", self.path("in.png"), "--mask", write_png(self.path("m.png"), mask), "--t",
                  "500", "-o", self.path("out.png"))
        self.assertTrue(((read_png(self.path("out.png")) != picture).any(2) == (mask[..., 0] > 0)).all())

    def test_a_selection_has_the_noise_of_its_place(self):
        """Whatever canvas lies around it."""
        words = ["noise", EPSILON, "--t", "500", "-i", self.array("x.npy", noise_picture(2, 1, 3, 120, 140))]
        whole = self.result(*words)
        mask = np.zeros((120, 140, 1), "u1")
        mask[70:75, 90:101] = 255
        part = self.result(*words, "--mask", write_png(self.path("m.png"), mask))
        np.testing.assert_array_equal(part[..., 70:75, 90:101], whole[..., 70:75, 90:101])


class Masks(Case):
    """denoise of a part of a picture."""

    def setUp(self):
        super().setUp()
        self.picture = samples(1, np.uint16, 40, 50, 3)
        write_png(self.path("in.png"), self.picture)
        self.mask = np.zeros((40, 50, 1), np.uint8)
        self.mask[12:30, 20:41] = 255

    def denoised(self, mask, *more, picture="in.png", model=TINY):
        self.good("denoise", model, "-i", self.path(picture), "--mask", write_png(self.path("m.png"), mask), "--t", "400",
                  "--steps", "4", "-o", self.path("out.png"), *more)
        return read_png(self.path("out.png"))

    def test_outside_stays(self):
        for edge in "noise-level", "blend":
            got = self.denoised(self.mask, "--edge", edge)
            self.assertEqual(got.dtype, np.dtype(">u2"))
            selected = self.mask[..., 0] > 0
            np.testing.assert_array_equal(got[~selected], self.picture[~selected])
            self.assertGreater((got[selected] != self.picture[selected]).any(1).mean(), 0.95)

    def test_eight_bits_stay_eight(self):
        write_png(self.path("8.png"), (self.picture >> 8).astype(np.uint8))
        self.assertEqual(self.denoised(self.mask, picture="8.png").dtype, np.uint8)

    def test_alpha_stays(self):
        picture = samples(2, np.uint16, 40, 50, 4)
        write_png(self.path("a.png"), picture)
        got = self.denoised(self.mask, picture="a.png")
        np.testing.assert_array_equal(got[..., 3], picture[..., 3])
        self.assertTrue((got[..., :3] != picture[..., :3]).any())

    def test_sixteen_bit_mask(self):
        mask = self.mask.astype(np.uint16) * 257
        mask[14, 22] = 20000
        eight = self.mask.copy()
        eight[14, 22] = 78
        a, b = self.denoised(mask), self.denoised(eight)
        rest = np.ones((40, 50), bool)
        rest[10:20, 18:28] = False
        self.assertLess(np.abs(a[rest].astype(int) - b[rest]).max(), 200)

    def test_one_pixel(self):
        self.mask[:] = 0
        self.mask[0, 49] = 1
        got = self.denoised(self.mask)
        np.testing.assert_array_equal(np.argwhere((got != self.picture).any(2)).tolist(), [[0, 49]])

    def test_feather(self):
        """Less of the border moves, the middle moves alike; a selection with soft edges has no feather of its own."""
        hard = self.denoised(self.mask, "--feather", "0")
        auto = self.denoised(self.mask)
        three = self.denoised(self.mask, "--feather", "3")
        np.testing.assert_array_equal(auto, three)
        border = np.abs(self.picture[12, 20:41].astype(int) - three[12, 20:41]).mean()
        self.assertLess(border, 0.5 * np.abs(self.picture[12, 20:41].astype(int) - hard[12, 20:41]).mean())
        self.mask[12, 20:41] = 128
        np.testing.assert_array_equal(self.denoised(self.mask), self.denoised(self.mask, "--feather", "0"))

    def test_blend_is_linear_light(self):
        soft = self.mask.copy()
        soft[12:30, 20:30] = np.arange(0, 250, 25, dtype=np.uint8)[None, :, None] + 5
        whole = self.denoised(self.mask, "--edge", "blend")
        got = self.denoised(soft, "--edge", "blend")
        s = soft.astype(float) / 255
        a, b = LINEAR(self.picture / 65535), LINEAR(whole / 65535)
        want = 65535 * CURVE(a + s * (b - a))
        self.assertLess(np.abs(got - want)[self.mask[..., 0] > 0].max(), 3)

    def test_without_a_mask_all_is_selected(self):
        every = np.full((40, 50, 1), 255, np.uint8)
        got = self.denoised(every)
        self.good("denoise", TINY, "-i", self.path("in.png"), "--t", "400", "--steps", "4", "-o", self.path("w.png"))
        np.testing.assert_array_equal(read_png(self.path("w.png")), got)

    def test_any_size_without_a_mask(self):
        for height, width in (1, 1), (7, 13), (40, 51):
            picture = samples(3, np.uint8, height, width, 3)
            write_png(self.path("s.png"), picture)
            self.good("denoise", TINY, "-i", self.path("s.png"), "--t", "400", "--steps", "3", "-o", self.path("o.png"))
            got = read_png(self.path("o.png"))
            self.assertEqual(got.shape, picture.shape)
            self.assertTrue((got != picture).any())

    def test_a_far_pixel_does_not_matter(self):
        """The network sees only the surroundings of the selection."""
        picture = samples(4, np.uint16, 200, 200, 3)
        mask = np.zeros((200, 200, 1), np.uint8)
        mask[:4, :4] = 255
        write_png(self.path("p.png"), picture)
        a = self.denoised(mask, picture="p.png")
        picture[150:] = 0
        write_png(self.path("p.png"), picture)
        np.testing.assert_array_equal(self.denoised(mask, picture="p.png")[:4, :4], a[:4, :4])

    def test_a_faint_selection_hardly_moves(self):
        """noise-level has no jump at the selection's edge."""
        faint = self.mask.copy()
        faint[faint > 0] = 1
        got = self.denoised(faint, "--timesteps", "400,300,200,100")
        selected = self.mask[..., 0] > 0
        # τ = 401/255 - 1 = 0.57: released in the last step only, by (0.57 + 1)/101
        change = np.abs(got[selected].astype(int) - self.picture[selected])
        self.assertGreater(change.max(), 0)
        self.assertLess(change.max(), 0.035 * 65535)


main()
