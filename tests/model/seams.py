#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Are pictures seamless? The step across the wrap beside the steps between inner neighbours.

seams.py SAMPLES [-o OUT.json]      SAMPLES/<class>/*.png, whole pictures that claim to be seamless
For each class and axis: mean |difference| of the last row (column) and the first, over the mean of all pairs of inner
neighbours, 1 when the seam is like any other place; and in how many pictures of 100 an inner pair chosen blindly has a
larger step than the seam, 50 when there is no seam. Exit status 1: over all pictures the seam's step exceeds the inner
steps by more than two standard errors.
"""
import argparse
import json
import sys

import numpy as np

import texture


def steps(picture):
    """Mean |difference| of each row and the next, the last with the first; the same for columns: two arrays."""
    return [np.abs(picture - np.roll(picture, -1, axis)).mean((1 - axis, 2)) for axis in (0, 1)]


def measure(picture):
    """[ratio, rank] for each axis."""
    out = []
    for step in steps(picture):
        seam, inner = step[-1], step[:-1]
        out.append((seam / max(inner.mean(), 1e-9), ((inner > seam).mean() + (inner >= seam).mean()) / 2))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples")
    parser.add_argument("--picture-size", type=int, default=0, help="reduce first, as in the training configuration")
    parser.add_argument("-o", "--output", help="JSON with all figures")
    args = parser.parse_args()

    rows = {}
    for kind, path in texture.pictures(args.samples):
        rows.setdefault(kind, []).append(measure(texture.read(path, args.picture_size)))
    print(f"{'':14}{'pictures':>9}{'rows: seam/inner':>18}{'columns':>9}{'larger inner steps, %':>23}")
    report = {}
    for kind, found in rows.items():
        found = np.array(found)
        ratio, rank = found[..., 0].mean(0), found[..., 1].mean()
        report[kind] = {"pictures": len(found), "rows": ratio[0].round(4), "columns": ratio[1].round(4), "rank": rank.round(4)}
        print(f"{kind:14}{len(found):9}{ratio[0]:18.3f}{ratio[1]:9.3f}{100 * rank:23.0f}")
    every = np.array([pair[0] for found in rows.values() for picture in found for pair in picture])
    mean, error = every.mean(), every.std() / np.sqrt(len(every))
    print(f"{'all':14}{len(every) // 2:9}{mean:18.3f} ± {error:.3f}")
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            json.dump({"mean": mean, "standard_error": error, "by_class": report}, f, indent=1, default=float)
    return 0 if mean <= 1 + 2 * error else 1


if __name__ == "__main__":
    sys.exit(main())
