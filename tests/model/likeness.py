#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How like its example a made texture is. usage: likeness.py EXAMPLE PICTURE... [--json FILE]

mean      the worst channel's difference of means, in levels of 255
contrast  deviation of light beside the example's, in per cent
hist      the worst channel's Wasserstein distance of histograms, in levels of 255
period    autocorrelation at the example's strongest repetition (10 to 64 pixels away), as a share of the example's
map       correlation of the autocorrelation of both, up to 48 pixels away: how far the whole structure is kept
swd       sliced Wasserstein distance of 7 x 7 patches at full, half and quarter size (Rabin 2012), in levels of 255
seam      the mean step across the wrap over the mean step between inner neighbours; 1: nothing to see
copied    share of 16 x 16 patches that stand in the example within 8 levels (root mean square): a patch copier has
          many, an inventor few
"""
import argparse
import json

import numpy as np
from PIL import Image

NEAR, FAR, MAP = 10, 64, 48
COLUMNS = ("mean", "contrast", "hist", "period", "map", "swd", "seam", "copied")


def read(path):
    """[h,w,3] float64, 0 ... 255"""
    return np.asarray(Image.open(path).convert("RGB"), np.float64)


def light(x):
    return x.mean(2)


def autocorrelation(grey, far):
    """[far + 1, 2 far + 1]: lag (dy, dx) at [dy, far + dx]; means over the pairs there are, nothing wraps."""
    h, w = grey.shape
    size = (h + far, w + far)
    grey = grey - grey.mean()
    power = np.abs(np.fft.rfft2(grey, size)) ** 2
    sums = np.fft.irfft2(power, size)
    dy, dx = np.arange(far + 1)[:, None], np.arange(-far, far + 1)[None]
    pairs = (h - dy) * (w - np.abs(dx))
    return sums[dy, dx % size[1]] / pairs / (grey ** 2).mean()


def repetition(grey):
    """The lag (dy, dx) of the strongest local maximum, and its value."""
    found = autocorrelation(grey, FAR + 2)
    best, where = -1.0, (0, 0)
    for dy in range(FAR + 1):
        for dx in range(-FAR, FAR + 1):
            if not NEAR <= np.hypot(dy, dx) <= FAR or (dy == 0 and dx < 0):
                continue
            rows = found[max(dy - 2, 0):dy + 3, dx + FAR:dx + FAR + 5]
            if found[dy, dx + FAR + 2] == rows.max() and rows.max() > best:
                best, where = rows.max(), (dy, dx)
    return where, best


def wasserstein(a, b):
    """Of two samples of one number each, along the last axis: mean difference of quantiles."""
    q = (np.arange(512) + 0.5) / 512
    return np.abs(np.quantile(a, q, axis=-1) - np.quantile(b, q, axis=-1)).mean(0)


def patches(x, size, rng, count=6000):
    y, z = rng.integers(x.shape[0] - size + 1, size=count), rng.integers(x.shape[1] - size + 1, size=count)
    i = np.arange(size)
    return x[(y[:, None] + i)[:, :, None], (z[:, None] + i)[:, None, :]].reshape(count, -1)


def halved(x):
    h, w = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
    return x[:h, :w].reshape(h // 2, 2, w // 2, 2, -1).mean((1, 3))


def sliced(a, b):
    total = 0.0
    for _ in range(3):
        rng = np.random.default_rng(1)
        lines = rng.normal(size=(7 * 7 * 3, 128))
        lines /= np.linalg.norm(lines, axis=0)
        ours = [patches(x, 7, np.random.default_rng(2 + i)) @ lines for i, x in enumerate((a, b))]
        total += wasserstein(ours[0].T, ours[1].T).mean() / 3
        a, b = halved(a), halved(b)
    return total


def seam(x):
    """The larger of both directions."""
    out = []
    for axis in (0, 1):
        steps = np.abs(np.diff(np.concatenate([x, np.take(x, [0], axis)], axis), axis=axis))
        lines = np.moveaxis(steps, axis, 0).reshape(x.shape[axis], -1).mean(1)
        out.append(lines[-1] / lines[:-1].mean())
    return max(out)


def copied(example, made, size=16, limit=8.0):
    """Exhaustive search by products of Fourier transforms; patches of the made picture on a grid."""
    a, b = light(example), light(made)
    h, w = a.shape
    ones = np.fft.rfft2(np.ones((size, size)), (h, w))
    square = np.fft.irfft2(np.fft.rfft2(a ** 2) * ones.conj(), (h, w))[:h - size + 1, :w - size + 1]
    spectrum, hits, count = np.fft.rfft2(a), 0, 0
    for y in range(0, b.shape[0] - size + 1, 32):
        for x in range(0, b.shape[1] - size + 1, 32):
            patch = b[y:y + size, x:x + size]
            cross = np.fft.irfft2(spectrum * np.fft.rfft2(patch, (h, w)).conj(), (h, w))[:h - size + 1, :w - size + 1]
            error = (square - 2 * cross + (patch ** 2).sum()).min() / size ** 2
            hits, count = hits + (error < limit ** 2), count + 1
    return hits / count


def compare(example, made):
    """A dict with a number for each of COLUMNS."""
    grey, ours = light(example), light(made)
    (dy, dx), strength = repetition(grey)
    both = autocorrelation(grey, FAR + 2), autocorrelation(ours, FAR + 2)
    around = both[1][max(dy - 2, 0):dy + 3, dx + FAR:dx + FAR + 5]
    maps = [m[:MAP + 1, FAR + 2 - MAP:FAR + 3 + MAP].copy() for m in both]
    for m in maps:                                            # the middle is like itself in every picture
        m[:3, MAP - 2:MAP + 3] = 0
    histogram = [wasserstein(example[..., c].ravel(), made[..., c].ravel()) for c in range(3)]
    return {"mean": np.abs(example.mean((0, 1)) - made.mean((0, 1))).max(), "contrast": 100 * ours.std() / grey.std(),
            "hist": max(histogram), "period": around.max() / strength,
            "map": np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1], "swd": sliced(example, made), "seam": seam(made),
            "copied": copied(example, made)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("example")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--json", help="append a line of JSON for each picture")
    args = parser.parse_args()
    example = read(args.example)
    (dy, dx), strength = repetition(light(example))
    print(f"{args.example}: repeats at ({dx}, {dy}) with autocorrelation {strength:.2f}, seam {seam(example):.2f}")
    print("  ".join(f"{c:>8}" for c in COLUMNS))
    for path in args.pictures:
        found = compare(example, read(path))
        print("  ".join(f"{found[c]:8.2f}" for c in COLUMNS), path)
        if args.json:
            with open(args.json, "a") as file:
                file.write(json.dumps({"example": args.example, "picture": path, **found}) + "\n")


if __name__ == "__main__":
    main()
