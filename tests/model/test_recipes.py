# SPDX-License-Identifier: GPL-3.0-or-later
"""models/recipes: each configuration trains for a few steps, as it is, on small drawn pictures, and the model draws.

Fetching needs the network. With GIMP_DIFFUSION_PACKAGES=DIR, a folder that holds packages of sources.tsv, the fetch scripts
of those recipes run too; without it that test says that it is skipped."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from cli import SOURCE, Case, main  # noqa: E402 - the tests of diffusion-cli lie beside these

RECIPES = SOURCE / "models/recipes"
PACKAGES = os.environ.get("GIMP_DIFFUSION_PACKAGES")


def draw(path, side, channels, rng):
    """A disc on a ground, clear around it where there is alpha."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    inside = (x * x + y * y < 0.1)[..., None]
    colour = rng.integers(0, 256, (2, 1, 1, channels))
    pixels = np.where(inside, *colour).astype(np.uint8)
    if channels == 4:
        pixels[..., 3:] = 255 * inside
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)


class Recipes(Case):
    def shortened(self, recipe):
        """The recipe's configuration with four steps, and the pictures that it wants, drawn."""
        config = json.loads((RECIPES / recipe / "config.json").read_text())
        channels = config["unet"].get("in_channels", 3)
        side = max(int(config.get("picture_size", 0)), *(phase["size"] for phase in config["phases"]))
        rng = np.random.default_rng(1)
        for kind in ("one", "two"):
            for i in range(2):
                draw(self.path(f"{recipe}/pictures/{kind}/{i}.png"), side, channels, rng)
        for phase in config["phases"]:
            phase["batch"] = 1
        self.path(f"{recipe}/config.json").write_text(json.dumps({**config, "steps": 4, "minutes": 0, "threads": 1}))
        return config, channels

    def test_configurations(self):
        recipes = sorted(path.parent.name for path in RECIPES.glob("*/config.json"))
        self.assertTrue({"materials-64", "sprites-32", "relief-64", "deep-sky-64"} <= set(recipes))
        for recipe in recipes:
            with self.subTest(recipe):
                config, channels = self.shortened(recipe)
                model = self.path(f"{recipe}/model")
                text = self.good("train", "--data", self.path(f"{recipe}/pictures"), "--config",
                                 self.path(f"{recipe}/config.json"), "-o", model).out
                self.assertIn("done after step 4", text)
                told = json.loads(self.good("info", model, "--json").out)
                self.assertEqual((told["channels"], told["classes"]), (channels, ["one", "two"]))
                card = json.loads((model / "card.json").read_text())
                for key, value in config.get("card", {}).items():
                    self.assertEqual(card[key], value)
                picture = self.path(f"{recipe}/x.png")
                self.good("sample", model, "--class", "two", "--steps", "1", "--guidance", "1", "-o", picture)
                with Image.open(picture) as drawn:
                    self.assertEqual(len(drawn.getbands()), channels)

    def test_fetch(self):
        if PACKAGES is None:
            self.skipTest("GIMP_DIFFUSION_PACKAGES names no folder of packages: nothing is fetched")
        for table in sorted(RECIPES.glob("*/sources.tsv")):
            names = [line.split("\t")[2].rsplit("/", 1)[-1] for line in table.read_text().splitlines()[1:]]
            if not all(Path(PACKAGES, name).exists() for name in names):
                print(f"{table.parent.name}: not all of its packages are in {PACKAGES}, not fetched")
                continue
            out = self.path("fetched-" + table.parent.name)
            words = [table.parent / "fetch", out, "--packages", PACKAGES]
            for time in ("first", "again"):
                done = subprocess.run(words, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, f"{time}: {done.stdout}{done.stderr}")
            self.assertTrue(list(out.glob("*/*.png")))
            self.assertFalse(list(out.glob("*/*.part")))


if __name__ == "__main__":
    main()
