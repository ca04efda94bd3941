#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Table 1 with a perfect network: what the samplers do when only the number of steps is at fault.

    perfect.py DATA WORK OUT.json      DATA and the classifier in WORK as for table.py

For 2,000 training pictures x_i as the whole of the data, E[x_0 | x_t] is known: the mean of the x_i, weighted with
exp (-|x_t - sqrt(abar) x_i|^2 / (2 (1 - abar))). The steps are the paper's equations 12 and 16 in numpy, with nothing of
core in them. Judged against 400 other training pictures; `real` are the 2,000's own first 400.
"""
import argparse
import json
from pathlib import Path

import numpy as np

import judge
import table

ABAR = np.cumprod(1 - np.linspace(1e-4, .02, 1000)).tolist()      # plain numbers leave arrays in single precision


def quadratic(steps):
    """The DDIM authors' list, upwards; every t when there are 1000 steps."""
    return np.unique((np.linspace(0, 800 ** .5, steps) ** 2 + 1e-9).astype(int)) if steps < 1000 else np.arange(1000)


def expected(x, t, data):
    """E[x_0 | x_t = x], x [N,D], data [M,D]."""
    a, b = ABAR[t] ** .5, 1 - ABAR[t]
    logits = (a * (x @ data.T) - a * a / 2 * (data * data).sum(1)) / b
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True) @ data


def sampled(data, x, steps, row, rng):
    times = quadratic(steps)
    for t, before in zip(times[::-1], [*times[-2::-1], -1]):
        here, there = ABAR[t], ABAR[before] if before >= 0 else 1
        x0 = expected(x, t, data)
        noise = (x - here ** .5 * x0) / (1 - here) ** .5
        sigma = (1 if row == "hat" else float(row)) * ((1 - there) / (1 - here) * (1 - here / there)) ** .5
        fresh = (1 - here / there) ** .5 if row == "hat" and before >= 0 else sigma
        x = there ** .5 * x0 + max(0, 1 - there - sigma ** 2) ** .5 * noise + fresh * rng.normal(size=x.shape).astype(np.float32)
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", default="10 20 50")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--known", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    train, labels = judge.load(args.data / "train")
    look, mixed = table.trained_judge(args, train, labels), table.shuffled(train, 2)
    real, known = look(mixed[:args.count]), mixed[-args.known:]
    side, data = train.shape[1], judge.scaled(known).reshape(args.known, -1)
    start = np.random.default_rng(4).normal(size=(args.count, side * side)).astype(np.float32)
    told = {"real": [table.distances(look(known), real, args.count)], "cells": {}}
    for row in table.ROWS:
        cells = told["cells"][row] = {}
        for steps in map(int, args.steps.split()):
            x = sampled(data, start, steps, row, np.random.default_rng(5)).reshape(-1, 1, side, side)
            cells[steps] = {"at": [table.distances(look(judge.quantised(x)), real, args.count)]}
    args.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
