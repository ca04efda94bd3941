#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""DDIM's tables 1 and 2 (Song 2021, 2010.02502) measured on a small grey model, with diffusion-cli as it is.

    table.py CLI MODEL DATA WORK [--json OUT]     everything; DATA has train/ and test/, <number>-<class>.png
    table.py ... --rows "0 1 hat" --steps "10 20" --stop-after MINUTES    a part of it

WORK keeps the classifier and the pictures, so that a run which was stopped goes on where it was, and runs with other
--rows can help at the same time. Picture i of every cell begins at the same x_T (seed i). S < T uses the quadratic list of
timesteps, as the paper does for CIFAR-10; S = T is every step. Nothing is clipped before the 8 bits of a saved picture.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import judge

ROWS = ("0", "0.2", "0.5", "1", "hat")
CHUNK = 200                             # pictures of one call
PAIRS = 400                             # pictures that consistency looks at


# ---------------------------------------------------------------------------- sampling

class Tool:
    """diffusion-cli with a model; every result is an array in WORK that is written once."""

    def __init__(self, args):
        self.words, self.model, self.work, self.last = shlex.split(args.cli), args.model, args.work, args.timesteps
        self.until = time.monotonic() + 60 * args.stop_after if args.stop_after else None

    def run(self, command, *words):
        subprocess.run([*self.words, command, self.model, *map(str, words), "--clip=none", "--threads=1"], check=True)

    def spacing(self, steps):
        return "leading" if steps == self.last else "quad"

    def chunk(self, row, steps, first, count):
        """uint8 [count,H,W]: samples of the seeds first ..., made when they are not there yet; None when time is up."""
        path = self.work / f"eta-{row}-{steps}-{first}+{count}.npy"
        if path.exists():
            return np.load(path)
        if self.until and time.monotonic() > self.until:
            return None
        raw = path.with_suffix(".raw.npy")
        eta = ["--eta=1", "--variance=sigma-hat"] if row == "hat" else [f"--eta={row}"]
        self.run("sample", "--sampler=ddim", *eta, "--steps", steps, "--spacing", self.spacing(steps), "--count", count,
                 "--seed", first, "-o", raw)
        pictures = judge.quantised(np.load(raw))
        np.save(raw, pictures)
        os.replace(raw, path)
        return pictures

    def cell(self, row, steps, count):
        """All pictures of a cell, or fewer (whole chunks from the first seed on) when time was up."""
        chunks = []
        for first in range(0, count, min(CHUNK, count)):
            chunks.append(self.chunk(row, steps, first, min(CHUNK, count - first)))
            if chunks[-1] is None:
                return np.concatenate(chunks[:-1]) if len(chunks) > 1 else None
        return np.concatenate(chunks)

    def there_and_back(self, pictures, steps):
        """Mean squared error on [0,1] of encoding and decoding in `steps` (table 2)."""
        x, noise, back = (self.work / name for name in ("x.npy", "noise.npy", "back.npy"))
        if not (self.work / f"back-{steps}.npy").exists():
            np.save(x, pictures[:, None].astype(np.float32) / 127.5 - 1)
            self.run("encode", "-i", x, "--steps", steps, "--spacing", "leading", "-o", noise)
            self.run("sample", "--init", noise, "--sampler=ddim", "--eta=0", "--steps", steps, "--spacing", "leading",
                     "-o", back)
            os.replace(back, self.work / f"back-{steps}.npy")
        error = np.load(self.work / f"back-{steps}.npy")[:, 0] / 2 + .5 - pictures / 255
        return float((error ** 2).mean())


# ---------------------------------------------------------------------------- measuring

def trained_judge(args, pictures, labels):
    path = args.work / "classifier.npz"
    if not path.exists():
        np.savez(path, *judge.train(pictures, labels, args.epochs, seed=1))
    with np.load(path) as kept:
        return judge.Judge([kept[name] for name in kept], pictures[:10000])


def distances(features, real, count):
    """Both distances in both sets of features, on the first `count` pictures."""
    return {"n": count, **{kind: {"frechet": judge.frechet(features[kind][:count], real[kind][:count]),
                                  "kid": judge.kid(features[kind][:count], real[kind][:count])} for kind in judge.KINDS}}


def measured_cell(look, pictures, real, counts):
    """Distances at each of the counts that the cell reaches, and the classes that the classifier sees in it."""
    features = look(pictures)
    return {"at": [distances(features, real, n) for n in counts if n <= len(pictures)],
            "classes": np.bincount(features["classes"], minlength=10).tolist()}


def consistency(look, cells, reference):
    """Root mean square distances to the pictures of the longest run, in pixels (of 0 ... 1) and in units; and those
    between pictures of different x_T."""
    def rms(a, b):
        return float(np.sqrt(((a - b) ** 2).reshape(len(a), -1).sum(1).mean()))

    def both(pictures):
        return pictures / 255, look(pictures)["units"]

    def named(pair):
        return {"pixels": pair[0], "features": pair[1]}
    last = both(reference)
    return {"pictures": len(reference), "apart": named([rms(x, np.roll(x, 1, 0)) for x in last]),
            "same": {steps: named([rms(x, y) for x, y in zip(both(pictures[:len(reference)]), last)])
                     for steps, pictures in cells.items()}}


def shuffled(data, seed):
    return data[np.random.default_rng(seed).permutation(len(data))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cli", help="diffusion-cli, may be several words")
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--json", type=Path, metavar="OUT", help="measure and write the figures")
    parser.add_argument("--rows", default=" ".join(ROWS))
    parser.add_argument("--steps", default="10 20 50 100 1000")
    parser.add_argument("--back-steps", default="10 20 50 100 200 500 1000")
    parser.add_argument("--count", type=int, default=2000, help="pictures of a cell with S < T")
    parser.add_argument("--few", type=int, default=400, help="pictures with S = T")
    parser.add_argument("--back", type=int, default=20, help="test pictures to encode and decode")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--timesteps", type=int, default=1000, metavar="T")
    parser.add_argument("--stop-after", type=float, default=0, metavar="MINUTES", help="begin nothing new after that")
    args = parser.parse_args()

    args.work.mkdir(parents=True, exist_ok=True)
    tool, rows = Tool(args), args.rows.split()
    columns = [int(word) for word in args.steps.split()]
    cells = {(row, steps): tool.cell(row, steps, args.few if steps == args.timesteps else args.count)
             for steps in columns for row in rows}
    if args.json is None:
        return

    train, labels = judge.load(args.data / "train")
    test, test_labels = judge.load(args.data / "test")
    look = trained_judge(args, train, labels)
    accuracy = float((look(test)["classes"] == test_labels).mean())
    real, unseen, counts = look(shuffled(train, 2)[:args.count]), look(shuffled(test, 3)[:args.count]), (args.few, args.count)
    told = {"accuracy": accuracy, "test": len(test), "real": [distances(unseen, real, n) for n in counts],
            "cells": {row: {steps: measured_cell(look, cells[row, steps], real, counts) for steps in columns
                            if cells[row, steps] is not None} for row in rows}}
    still = {steps: cells["0", steps] for steps in columns if ("0", steps) in cells and cells["0", steps] is not None}
    if still:
        told["consistency"] = consistency(look, still, still[max(still)][:PAIRS])
    told["back"] = {"pictures": args.back, "error": {int(steps): tool.there_and_back(test[:args.back], int(steps))
                                                     for steps in args.back_steps.split()}}
    args.json.write_text(json.dumps(told, indent=1) + "\n")
    print(f"accuracy {accuracy:.4f}; {sum(map(len, told['cells'].values()))} cells in {args.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
