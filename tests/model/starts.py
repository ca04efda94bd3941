#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one picture is best learned from: a shipped model, or nothing. Trains diffusion-cli on the patterns of patterns.py with
the configuration of the plug-in (plugin/train_config.c) and steps that follow from the minutes, so that a busy machine makes
the same models; then measures 256 x 256, seamless, seed 1 (likeness.py). What is there already is not made again.

starts.py WORK [--patterns GIMP-PATTERNS] [--starts base-128,scratch-64] [--names weave,stone] [--minutes 1]
"""
import argparse
import json
import subprocess
from pathlib import Path

import likeness
import patterns
from PIL import Image

REPO = Path(__file__).resolve().parent.parent.parent
# name: (from materials-64, side of the crops, batch, learning rate, steps in a minute of two quiet cores as the trainer settles them)
STARTS = {"base-64": (True, 64, 2, 5e-4, 850), "base-128": (True, 128, 1, 5e-4, 450), "base-128-fast": (True, 128, 1, 1e-3, 450),
          "scratch-64": (False, 64, 2, 2e-3, 1030), "scratch-32": (False, 32, 8, 2e-3, 1000)}
SMALL = {"block_out_channels": [32, 64, 96], "down_block_types": ["DownBlock2D"] * 3, "up_block_types": ["UpBlock2D"] * 3,
         "sample_size": 64, "layers_per_block": 1, "norm_num_groups": 8, "add_attention": False}


def configuration(start, minutes, threads):
    based, side, batch, rate, steps = STARTS[start]
    whole = {"phases": [{"size": side, "batch": batch, "share": 1, "margin": 4}], "learning_rate": rate, "warmup_steps": 50,
             "ema_decay": 0.997, "flip_x": 0, "wrap": 0, "circular": 1, "texton": 1, "steps": round(minutes * steps), "threads": threads}
    return whole | ({"base": str(REPO / "models/materials-64")} if based else {"unet": SMALL, "card": {"size": "any"}})


def make(args, start, name):
    """The picture; trains first where there is no model."""
    folder = args.work / f"{start}-{args.minutes:g}-{name}"
    picture = folder / "sample.png"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "given.json").write_text(json.dumps(configuration(start, args.minutes, args.threads)))
    if not (folder / "unet").is_dir():
        subprocess.run([args.cli, "train", "--data", args.work / name, "--config", folder / "given.json", "-o", folder],
                       check=True, stdout=subprocess.DEVNULL)
    if not picture.exists():
        subprocess.run([args.cli, "sample", folder, "--size=256x256", "--tile=xy", "--steps=25", "--guidance=1", "--seed=1",
                        "-o", picture], check=True, stdout=subprocess.DEVNULL)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--patterns", default=patterns.GIMP)
    parser.add_argument("--starts", default=",".join(STARTS))
    parser.add_argument("--names", default=",".join(patterns.NAMES))
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--cli", default=REPO / "build/diffusion-cli")
    args = parser.parse_args()
    print(f"{'pattern':<9}{'start':<15}" + "  ".join(f"{c:>8}" for c in likeness.COLUMNS))
    for name in args.names.split(","):
        example = args.work / name / f"{name}.png"
        example.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(patterns.picture(name, args.patterns)).save(example)
        for start in args.starts.split(","):
            found = likeness.compare(likeness.read(example), likeness.read(make(args, start, name)))
            print(f"{name:<9}{start:<15}" + "  ".join(f"{found[c]:8.2f}" for c in likeness.COLUMNS), flush=True)


if __name__ == "__main__":
    main()
