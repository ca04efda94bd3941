#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a model copy? Beside each sample the place in all training pictures that is most like it.

nearest.py SAMPLES DATA OUT.png [--per-class 1] [--picture-size 128] [--wrap] [--flips xy]
    Every place of every training picture (over its edges with --wrap), in all flips that the training used, compared by
    correlation: over pixels and channels, each channel's mean taken off, so that a copy in another colour or contrast is
    found too; 1 is a copy. By FFT, so all places at once. Colour is multiplied by alpha.
    Sheet: the sample above, the place most like it below, class and correlation between.
    The yardstick is real against real: a crop of a training picture and the place most like it in all *other* pictures.
    A model that copies has samples much more like training pictures than these are like each other.
"""
import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

import grid
import texture


FLAT = 1e-4                # variance per pixel below which a place counts as flat: noise is like nothing


def read(path, short_side):
    """float32 [channels,h,w]: colour times alpha, and alpha where there is any."""
    with Image.open(path) as picture:
        if "A" not in picture.getbands():
            return texture.read(path, short_side).transpose(2, 0, 1)
        rgba = np.asarray(picture.convert("RGBA"), np.float32).transpose(2, 0, 1) / 255
    return np.concatenate([rgba[:3] * rgba[3:], rgba[3:]])


def flipped(patch, flips):
    """The patch in every flip: [(patch, flip x?, flip y?, transposed before?)]."""
    return [((patch.transpose(0, 2, 1) if t else patch)[:, ::-1 if y else 1, ::-1 if x else 1], x, y, t)
            for x in range(1 + ("x" in flips)) for y in range(1 + ("y" in flips)) for t in range(1 + ("t" in flips))]


class Pictures:
    """The training pictures with what every comparison needs: their spectra and how much every place varies."""

    def __init__(self, folder, short_side, wrap, size):
        self.names, self.pictures, self.spectra, self.varies = [], [], [], []
        for kind, path in texture.pictures(folder):
            picture = read(path, short_side)
            c, h, w = picture.shape
            if h < size[0] or w < size[1]:
                continue
            box = np.zeros((h, w), np.float32)
            box[:size[0], :size[1]] = 1
            sums = np.fft.irfft2(np.fft.rfft2(np.stack([picture, picture ** 2])) * np.conj(np.fft.rfft2(box)), (h, w))
            varies = (sums[1] - sums[0] ** 2 / box.sum()).sum(0).clip(0) + FLAT * box.sum()
            if not wrap:
                varies[h - size[0] + 1:] = varies[:, w - size[1] + 1:] = np.inf
            self.names.append(f"{kind}/{path.name}")
            self.pictures.append(picture)
            self.spectra.append(np.fft.rfft2(picture))
            self.varies.append(varies)

    def nearest(self, patch, flips, without=None):
        """(correlation, index of the picture, x, y, flip x, flip y, transposed) of the place most like a patch [c,h,w]."""
        best, spectra = (-np.inf,), {}
        patch = patch - patch.mean((1, 2), keepdims=True)
        own = np.sqrt((patch ** 2).sum() + FLAT * patch[0].size)
        for i, picture in enumerate(self.pictures):
            if i == without:
                continue
            shape = picture.shape[1:]
            for k, (turned, *how) in enumerate(flipped(patch, flips)):
                if (k, shape) not in spectra:
                    padded = np.zeros(picture.shape, np.float32)
                    padded[:, :patch.shape[1], :patch.shape[2]] = turned
                    spectra[k, shape] = np.conj(np.fft.rfft2(padded))
                match = np.fft.irfft2((self.spectra[i] * spectra[k, shape]).sum(0), shape)
                alike = match / (own * np.sqrt(self.varies[i]))
                y, x = np.unravel_index(alike.argmax(), shape)
                if alike[y, x] > best[0]:
                    best = (float(alike[y, x]), i, int(x), int(y), *how)
        return best

    def place(self, i, x, y, fx, fy, transposed, size):
        c, h, w = self.pictures[i].shape
        patch = self.pictures[i][:, (y + np.arange(size[0])) % h][:, :, (x + np.arange(size[1])) % w]
        patch = patch[:, ::-1 if fy else 1, ::-1 if fx else 1]
        return patch.transpose(0, 2, 1) if transposed else patch


def drawn(patch, zoom):
    """PIL picture; what is transparent lies on grey."""
    colour = patch[:3] + (0.6 * (1 - patch[3:]) if len(patch) > 3 else 0)
    picture = Image.fromarray((255 * colour.transpose(1, 2, 0) + 0.5).clip(0, 255).astype(np.uint8))
    return picture.resize([n * zoom for n in picture.size], Image.Resampling.NEAREST)


def real_against_real(pictures, size, wrap, flips, count, rng):
    """Correlations of crops with the place most like them in other pictures."""
    out = []
    for i in rng.permutation(len(pictures.names))[:count]:
        c, h, w = pictures.pictures[i].shape
        y, x = (int(rng.integers(n if wrap else n - s + 1)) for n, s in ((h, size[0]), (w, size[1])))
        out.append(pictures.nearest(pictures.place(i, x, y, 0, 0, 0, size), flips, without=i)[0])
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--classes", help="only these, with commas between")
    parser.add_argument("--per-class", type=int, default=1)
    parser.add_argument("--picture-size", type=int, default=0, help="as in the training configuration")
    parser.add_argument("--wrap", action="store_true")
    parser.add_argument("--flips", default="", help="x, y, xy, or xyt with turns: as in the training configuration")
    parser.add_argument("--real", type=int, default=16, help="real crops for the yardstick")
    parser.add_argument("--zoom", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", help="JSON with all figures")
    args = parser.parse_args()

    chosen, taken = [], {}
    for kind, path in texture.pictures(args.samples):
        if (args.classes is None or kind in args.classes.split(",")) and taken.get(kind, 0) < args.per_class:
            taken[kind] = taken.get(kind, 0) + 1
            chosen.append((kind, read(path, 0)))
    size = chosen[0][1].shape[1:]
    pictures = Pictures(args.data, args.picture_size, args.wrap, size)
    above, below, rows = [], [], []
    for kind, patch in chosen:
        alike, *at = pictures.nearest(patch, args.flips)
        above.append((kind, drawn(patch, args.zoom)))
        below.append((f"{alike:.2f}", drawn(pictures.place(*at, size), args.zoom)))
        rows.append({"class": kind, "correlation": alike, "picture": pictures.names[at[0]]})
        print(f"{kind:14}{alike:.3f}  {pictures.names[at[0]]}", flush=True)
    grid.sheet(above + below, len(above)).save(args.sheet, optimize=True, quality=90)
    real = real_against_real(pictures, size, args.wrap, args.flips, args.real, np.random.default_rng(args.seed))
    found = [row["correlation"] for row in rows]
    print(f"samples to training pictures: median {np.median(found):.3f}, highest {max(found):.3f} ({len(found)})")
    print(f"real to other real pictures:  median {np.median(real):.3f}, highest {max(real):.3f} ({len(real)})")
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            json.dump({"samples": rows, "real_against_real": real}, f, indent=1)


if __name__ == "__main__":
    main()
