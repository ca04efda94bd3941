#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far samples are from real pictures: the Fréchet distance of the judge's features, for one or several sample sets.

distance.py DATA NAME=SAMPLES ... [--picture-size 128] [--no-wrap] [--features 32]
    texture.py's features of 64 px crops, standardised on real crops, and their first principal axes (--features; more
    would need more samples than there are). Real crops are drawn class by class as the samples are, so that only what the
    pictures look like differs. Beside it the same distance between real crops of two halves of the *pictures*: what a
    perfect model of other pictures of the kind would have. Distances at different N cannot be compared.
"""
import argparse
from pathlib import Path

import numpy as np

import texture


def frechet(a, b):
    """|m-m'|² + tr (S + S' - 2 (S S')^½), of two sets of rows (Dowson and Landau 1982)."""
    sa, sb = np.cov(a.T), np.cov(b.T)
    values = np.linalg.eigvals(sa @ sb).real.clip(0)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sa) + np.trace(sb) - 2 * np.sqrt(values).sum())


def real_rows(paths, counts, args, rng):
    """Features of counts[class] crops of each class, from pictures drawn at random."""
    rows = []
    for kind, count in counts.items():
        for i in rng.integers(len(paths[kind]), size=count):
            rows.append(texture.crops(texture.read(paths[kind][i], args.picture_size), 1, rng, args.wrap))
    return texture.features(np.concatenate(rows))


def halves(paths, rng):
    """The pictures of every class in two halves; a class of one picture has it in both."""
    out = ({}, {})
    for kind, files in paths.items():
        order = [files[i] for i in rng.permutation(len(files))]
        out[0][kind], out[1][kind] = order[::2], order[1::2] or order
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="+", metavar="NAME=SAMPLES")
    parser.add_argument("--picture-size", type=int, default=0, help="as in the training configuration")
    parser.add_argument("--no-wrap", dest="wrap", action="store_false", help="real pictures are not seamless")
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--real", type=int, default=16, help="real crops for each sample, for the other side")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng, paths = np.random.default_rng(args.seed), {}
    for kind, path in texture.pictures(args.data):
        paths.setdefault(kind, []).append(path)
    sets = {name: texture.pictures(folder) for name, _, folder in (pair.rpartition("=") for pair in args.sets)}
    counts = {}
    for kind, _ in next(iter(sets.values())):
        counts[kind] = counts.get(kind, 0) + 1
    many = {kind: args.real * n for kind, n in counts.items()}
    real = real_rows(paths, many, args, rng)
    mean, std = real.mean(0), real.std(0) + 1e-6
    unit = np.clip((real - mean) / std, -6, 6)
    axes = np.linalg.svd(unit - unit.mean(0), full_matrices=False)[2][:args.features].T

    def project(rows):
        return np.clip((rows - mean) / std, -6, 6) @ axes

    n = sum(counts.values())
    print(f"{args.features} features, N = {n} samples against {len(real)} real crops of the same classes")
    for name, found in sets.items():
        rows = texture.features(np.concatenate([texture.crops(texture.read(path), 1, rng, wrap=False) for _, path in found]))
        if len(rows) != n:
            raise SystemExit(f"{name}: {len(rows)} pictures, {n} in the first set.")
        print(f"{name:32}{frechet(project(rows), project(real)):9.3f}")
    one, other = halves(paths, rng)
    apart = frechet(project(real_rows(one, counts, args, rng)), project(real_rows(other, many, args, rng)))
    print(f"{'real, other half of the pictures':32}{apart:9.3f}")


if __name__ == "__main__":
    main()
