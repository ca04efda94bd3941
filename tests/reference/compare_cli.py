# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusion-cli against diffusers, live: other inputs, seeds and sizes than the committed vectors have.

    python tests/reference/compare_cli.py [--cli "./dev run build/diffusion-cli"] [--seed N] [--public] [--only WORD]
                                          [--shipped MODEL ...]

Prints one line per comparison; exit status 1 if one is beyond its tolerance. --public adds the two public
configurations with random weights (600 MB under the temporary folder, minutes). --shipped: only these models, the
network and whole runs, with and without circular padding."""
import argparse
import itertools
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

import numpy as np
import torch
from diffusers import DDPMScheduler

from common import ROOT, VECTORS, difference, evaluate, generator, redraw, save_npy
from diffusers import UNet2DModel
from make_unet_vectors import tiled
from trajectories import arguments, complete, trajectory


class Bench:
    def __init__(self, cli, folder, only):
        self.cli, self.folder, self.only = shlex.split(cli), pathlib.Path(folder), only
        self.failed = self.done = 0

    def wanted(self, name):
        return self.only is None or self.only in name

    def run(self, words):
        """The result of one call, or the reason why there is none."""
        out = self.folder / "out.npy"
        out.unlink(missing_ok=True)
        words = [str(out) if w == "OUT" else str(w) for w in words]
        done = subprocess.run(self.cli + words, capture_output=True, text=True, cwd=ROOT)
        if done.returncode != 0 or not out.exists():
            return None, f"status {done.returncode}: {done.stderr.strip()[-200:]} ({shlex.join(words)})"
        return torch.from_numpy(np.load(out)), None

    def compare(self, name, words, expected, tolerance):
        got, problem = self.run(words)
        if problem is None and got.shape != expected.shape:
            problem = f"shape {tuple(got.shape)} for {tuple(expected.shape)}"
        error = None if problem else difference(got, expected)
        good = error is not None and error["max"] <= tolerance
        self.done += 1
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name:44} "
              + (problem or f"max {error['max']:.1e} rms {error['rms']:.1e} allowed {tolerance:.0e}"), flush=True)


def load(folder):
    inner = folder / "unet"
    return UNet2DModel.from_pretrained(inner if inner.exists() else folder).float().eval()


def compare_network(bench, name, folder, model, shape, seed, tolerance, tile=""):
    g = generator(seed)
    x = torch.randn((1, model.config.in_channels, *shape), generator=g)
    t = float(torch.randint(0, 1000, (1,), generator=g))
    classes = model.config.num_class_embeds
    label = None if classes is None else int(torch.randint(0, classes, (1,), generator=g))
    source = bench.folder / "x.npy"
    save_npy(source, x)
    words = ["eps", folder, "-i", source, "--t", int(t), "-o", "OUT"]
    words += ["--class", label] if label is not None else []
    words += ["--tile", tile] if tile else []
    _, exact = evaluate(model, x, [t], None if label is None else [label])
    bench.compare(f"eps {name} {shape[0]}x{shape[1]} t={t:.0f} {tile}", words, exact, tolerance)


def networks(bench, seed):
    for manifest in sorted(VECTORS.glob("unet-*/manifest.json")):
        name, content = manifest.parent.name, json.loads(manifest.read_text())
        if not bench.wanted(name):
            continue
        folder = manifest.parent / content["model"]
        multiple = 2 ** (len(load(folder).config.block_out_channels) - 1)
        for factor in ((4, 4), (3, 7)):
            compare_network(bench, name, folder, load(folder), (factor[0] * multiple, factor[1] * multiple), seed, 2e-5)
        if "tile" in name:
            for tile in ("x", "y", "xy"):
                model = tiled(load(folder), "x" in tile, "y" in tile)
                compare_network(bench, name, folder, model, (5 * multiple, 4 * multiple), seed, 2e-5, tile)


def noising(bench, seed):
    root = VECTORS / "trajectories"
    picture = root / "picture.npy"
    x0 = torch.from_numpy(np.load(picture))
    for name, t in itertools.product(("epsilon", "v"), (0, 250, 999)):
        folder, z = root / name, torch.randn(x0.shape, generator=generator(seed))
        scheduler = DDPMScheduler.from_pretrained(folder)
        words = ["noise", folder, "-i", picture, "--t", t, "--seed", seed, "--rng", "torch", "--compat", "diffusers",
                 "-o", "OUT"]
        if bench.wanted("noise"):
            bench.compare(f"noise {name} t={t}", words, scheduler.add_noise(x0, z, torch.tensor([t])), 1e-5)


def runs(bench, seed):
    root = VECTORS / "trajectories"
    picture = torch.from_numpy(np.load(root / "picture.npy"))
    for entry in json.loads((root / "manifest.json").read_text())["cases"]:
        if not bench.wanted(entry["name"]):
            continue
        folder, stored = root / entry["model"], entry["case"]
        case = complete(dict(stored, seed=(stored["seed"] + seed) % 2 ** 31, size=tuple(stored["size"])))
        config = DDPMScheduler.from_pretrained(folder).config
        x0 = picture if case["start"] is not None else None
        expected = trajectory(load(folder), config, case, x0)
        words = [{"MODEL": folder, "IN": root / "picture.npy"}.get(w, w) for w in arguments(case)]
        bench.compare(f"run {entry['name']}", words, expected, entry["tolerance"])


def public(bench, seed):
    """Real sizes, random weights."""
    for name, shapes in (("cifar10-32", ((32, 32), (32, 64))), ("ddpm-256", ((64, 64),))):
        if not bench.wanted(name):
            continue
        folder = bench.folder / name
        model = redraw(UNet2DModel(**UNet2DModel.load_config(VECTORS / "public-configs" / name)), seed).eval()
        model.save_pretrained(folder)
        DDPMScheduler().save_pretrained(folder)
        for shape in shapes:
            compare_network(bench, name, folder, model, shape, seed, 2e-5)


def shipped(bench, folder, seed):
    """A model folder as diffusers opens it: its network, and runs of up to three classes from the same seed.
    diffusers has no tiling: the network's convolutions are told to pad circularly."""
    config = DDPMScheduler.from_pretrained(folder / "scheduler").config
    classes = load(folder).config.num_class_embeds
    side = load(folder).config.sample_size
    for tile in ("", "xy"):
        model = tiled(load(folder), True, True) if tile else load(folder)
        compare_network(bench, folder.name, folder, model, (side, side), seed, 2e-5, tile)
        for label in [None] if classes is None else sorted({0, (classes - 1) // 2, classes - 2}):
            case = complete(dict(steps=20, spacing=config.timestep_spacing, clip="none", seed=seed, size=(side, side),
                                 label=label))
            words = [{"MODEL": folder}.get(w, w) for w in arguments(case)] + ["--guidance", 1]
            words += ["--tile", tile] if tile else []
            bench.compare(f"run {folder.name} class {label} {tile}", words, trajectory(model, config, case), 1e-3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cli", default=str(ROOT / "build" / "diffusion-cli"))
    parser.add_argument("--seed", type=int, default=4711)
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--shipped", nargs="+", type=pathlib.Path, default=[], metavar="MODEL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.cli, folder, options.only)
        for model in options.shipped:
            shipped(bench, model.resolve(), options.seed)
        if not options.shipped:
            networks(bench, options.seed)
            noising(bench, options.seed)
            runs(bench, options.seed)
        if options.public:
            public(bench, options.seed)
    print(f"{bench.done - bench.failed} passed, {bench.failed} failed")
    sys.exit(bench.failed > 0)


if __name__ == "__main__":
    main()
