# SPDX-License-Identifier: GPL-3.0-or-later
"""The measures of tests/model on pictures for which the answer is known."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]
import distance  # noqa: E402 - the measures and the tests of diffusion-cli lie beside these
import nearest  # noqa: E402
import seams  # noqa: E402
import texture  # noqa: E402
from cli import Case, main  # noqa: E402


def noise(h, w, seed):
    """Smooth seamless noise, 0 ... 1."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.fft2(rng.standard_normal((h, w, 3)), axes=(0, 1))
    fy, fx = np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None]
    plane = np.fft.ifft2(spectrum * np.exp(-200 * (fx * fx + fy * fy))[..., None], axes=(0, 1)).real
    return ((plane - plane.min()) / (plane.max() - plane.min())).astype(np.float32)


class Measures(Case):
    def save(self, name, picture):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * picture).astype(np.uint8)).save(path)

    def run_tool(self, *words):
        return subprocess.run([sys.executable, HERE / words[0], *words[1:]], capture_output=True, text=True)

    def test_a_seam_is_found(self):
        whole = np.concatenate([seams.measure(noise(64, 64, seed)) for seed in range(12)])
        self.assertLess(abs(whole[:, 0].mean() - 1), 0.1)
        cut = np.concatenate([seams.measure(noise(128, 128, seed)[:64, :64]) for seed in range(12)])
        self.assertGreater(cut[:, 0].mean(), 2)
        for name, side in (("whole", 64), ("cut", 128)):
            for seed in range(6):
                self.save(f"{name}/a/{seed}.png", noise(side, side, seed)[:64, :64])
        self.assertEqual(self.run_tool("seams.py", self.path("whole")).returncode, 0)
        self.assertEqual(self.run_tool("seams.py", self.path("cut")).returncode, 1)

    def test_a_copy_is_found(self):
        for seed in range(3):
            self.save(f"data/a/{seed}.png", noise(96, 80, seed))
        pictures = nearest.Pictures(self.path("data"), 0, True, (32, 32))
        for flips, at in (("xyt", (1, 50, 20, 1, 1, 1)),              # turned by a right angle and mirrored
                          ("xy", (2, 70, 80, 1, 0, 0))):              # over both edges, and mirrored
            copy = 0.5 * pictures.place(*at, (32, 32)) + 0.2          # in another contrast and colour
            alike, *found = pictures.nearest(copy, flips)
            self.assertGreater(alike, 0.98)
            self.assertEqual(tuple(map(int, found)), at)
        self.assertLess(pictures.nearest(copy, "xy", without=2)[0], 0.9)
        self.assertLess(pictures.nearest(copy, "")[0], 0.9)       # without flips it is not there

    def test_flat_is_like_nothing(self):
        self.save("data/a/0.png", np.full((64, 64, 3), 0.5, np.float32))
        pictures = nearest.Pictures(self.path("data"), 0, True, (32, 32))
        self.assertLess(pictures.nearest(noise(32, 32, 1).transpose(2, 0, 1), "")[0], 0.1)

    def test_distance_of_gaussians(self):
        """N(0, 1) and N(m, s²): m² + (1 − s)² in each direction."""
        rng = np.random.default_rng(5)
        a, b = rng.standard_normal((200000, 2)), rng.standard_normal((200000, 2)) * (2, 0.5) + (3, 0)
        self.assertAlmostEqual(distance.frechet(a, b), 9 + 1 + 0.25, delta=0.1)
        self.assertLess(distance.frechet(a[:100000], a[100000:]), 1e-3)

    def test_a_sprite_lies_on_the_ground_and_grows(self):
        rgba = np.zeros((32, 32, 4), np.uint8)
        rgba[8:16, 4:12] = 200, 40, 10, 255
        Image.fromarray(rgba).save(self.path("sprite.png"))
        crop = texture.crops(texture.read(self.path("sprite.png")), 1, np.random.default_rng(1), wrap=False)[0]
        self.assertEqual(crop.shape, (64, 64, 3))
        self.assertTrue(np.allclose(crop[0, 0] * 255, texture.GROUND[:3]))
        self.assertTrue(np.allclose(crop[16:32, 8:24] * 255, (200, 40, 10)))

    def test_sheet_and_score(self):
        for kind in ("a", "b"):
            for seed in range(2):
                self.save(f"samples/{kind}/{seed}.png", noise(32, 32, seed))
                self.save(f"data/{kind}/{seed}.png", noise(64, 48, 9 + seed))
        sheet, key = self.path("sheet.png"), self.path("key.json")
        words = ("judge_sheet.py", "make", self.path("samples"), self.path("data"), sheet, key, "--classes", "a,b", "--count",
                 "8", "--wrap")
        self.assertEqual(self.run_tool(*words).returncode, 0)
        first = (sheet.read_bytes(), key.read_text())
        self.run_tool(*words)
        self.assertEqual(first, (sheet.read_bytes(), key.read_text()))
        cells = json.loads(key.read_text())["cells"]
        samples = [int(n) for n, cell in cells.items() if cell["is"] == "sample"]
        self.assertEqual((len(samples), len(cells)), (8, 16))
        self.assertNotEqual(samples, list(range(1, 9)))
        answers = []
        for i in range(3):
            answers.append(self.path(f"answer-{i}.json"))
            answers[i].write_text(json.dumps({"judge": str(i), "real": samples[:2], "keep": samples[1:2]}))
        score = ("judge_sheet.py", "score", key)
        self.assertEqual(self.run_tool(*score, *answers).returncode, 0)              # two of eight: a quarter
        self.assertEqual(self.run_tool(*score, *answers[:2]).returncode, 1)          # two judges are too few
        answers[2].write_text(json.dumps({"judge": "2", "real": [], "keep": []}))
        self.assertEqual(self.run_tool(*score, *answers).returncode, 1)
        answers[2].write_text(json.dumps({"judge": "2", "real": [17], "keep": []}))
        self.assertIn("not on the sheet", self.run_tool(*score, *answers).stderr)


if __name__ == "__main__":
    main()
