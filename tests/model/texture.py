# SPDX-License-Identifier: GPL-3.0-or-later
"""What the classifier sees of a crop: colour, contrast, spectrum and structure, as a row of numbers.

Crops are 64 px at the model's own pixel scale; real pictures are reduced by area means as the trainer does it, and
wrap, as they are seamless. A feature never wraps: a crop's opposite edges do not meet.
"""
from pathlib import Path

import numpy as np
from PIL import Image

CROP = 64
GROUND = (150, 160, 150, 255)      # what transparent pictures are laid on


def pictures(folder):
    """Sorted [(class, path)] of folder/<class>/*.png or .jpg."""
    found = sorted(p for p in Path(folder).glob("*/*") if p.suffix in (".png", ".jpg"))
    if not found:
        raise SystemExit(f"{folder}: no pictures; they are expected in {folder}/<class>/*.png.")
    return [(p.parent.name, p) for p in found]


def opaque(picture):
    """RGB; a picture with transparency lies on a flat ground."""
    if "A" in picture.getbands():
        ground = Image.new("RGBA", picture.size, GROUND)
        ground.alpha_composite(picture.convert("RGBA"))
        picture = ground
    return picture.convert("RGB")


def read(path, short_side=0):
    """uint8 picture as float32 [h,w,3], 0 ... 1; reduced to the short side by area means, never enlarged."""
    picture = opaque(Image.open(path))
    scale = min(picture.size) / short_side if short_side else 1
    if scale > 1:
        picture = picture.resize([int(n / scale + 0.5) for n in picture.size], Image.Resampling.BOX)
    return np.asarray(picture, np.float32) / 255


def crops(picture, count, rng, wrap=True):
    """[count,64,64,3] at random places; wrap lets them run over the edge of a seamless picture. A sprite's pixels become
    blocks, until a crop fits."""
    for axis in (0, 1) if max(picture.shape[:2]) < CROP else ():
        picture = picture.repeat(-(-CROP // min(picture.shape[:2])), axis)
    h, w = picture.shape[:2]
    if not wrap and min(h, w) < CROP:
        raise SystemExit(f"Samples must be at least {CROP} px on each side.")
    out = []
    for _ in range(count):
        y = int(rng.integers(h if wrap else h - CROP + 1))
        x = int(rng.integers(w if wrap else w - CROP + 1))
        out.append(picture[np.ix_(np.arange(y, y + CROP) % h, np.arange(x, x + CROP) % w)])
    return np.stack(out)


def blurred(x, sigma=2.0):
    """Gaussian blur of crops, mirrored at the edge: colour stays, texture goes."""
    radius = int(3 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (1, 2):
        pad = [(0, 0)] * 4
        pad[axis] = (radius, radius)
        padded = np.pad(x, pad, mode="reflect")
        x = sum(k * np.take(padded, range(i, i + CROP), axis) for i, k in enumerate(kernel))
    return x


def halved(y):
    return y.reshape(len(y), y.shape[1] // 2, 2, y.shape[2] // 2, 2).mean((2, 4))


def colour(x):
    """Moments and quantiles of light and the two opponent colours."""
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    planes = np.stack([(r + g + b) / 3, r - b, g - (r + b) / 2], 1).reshape(len(x), 3, -1)
    mean, std = planes.mean(2), planes.std(2) + 1e-3
    unit = (planes - mean[..., None]) / std[..., None]
    together = np.stack([(unit[:, i] * unit[:, j]).mean(1) for i, j in ((0, 1), (0, 2), (1, 2))], 1)
    levels = np.quantile(planes, (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98), axis=2).transpose(1, 0, 2).reshape(len(x), -1)
    hue = mean[:, 1:] / (mean[:, :1] + 0.1)
    return [mean, np.log(std), (unit ** 3).mean(2), (unit ** 4).mean(2) ** 0.5, together, levels, hue, mean ** 2]


def structure(light):
    """Steps in four directions at four scales (size, tails), and how light hangs together over distances."""
    out = []
    for scale in range(4):
        steps = (light[:, 1:, :-1] - light[:, :-1, :-1], light[:, :-1, 1:] - light[:, :-1, :-1],
                 light[:, 1:, 1:] - light[:, :-1, :-1], light[:, 1:, :-1] - light[:, :-1, 1:])
        size = np.stack([np.sqrt((s ** 2).mean((1, 2))) for s in steps], 1) + 1e-3
        tails = np.stack([np.abs(s).mean((1, 2)) for s in steps], 1) / size
        ridge = light[:, 1:-1, 1:-1] * 4 - light[:, :-2, 1:-1] - light[:, 2:, 1:-1] - light[:, 1:-1, :-2] - light[:, 1:-1, 2:]
        spread = ridge.std((1, 2)) + 1e-3
        skew = ((ridge / spread[:, None, None]) ** 3).mean((1, 2))
        out += [np.log(size), tails, np.log(spread)[:, None], skew[:, None],
                np.log(size[:, 0] / size[:, 1])[:, None], np.log(size[:, 2] / size[:, 3])[:, None]]
        if scale < 3:
            light = halved(light)
    return out


def hanging_together(light):
    light = light - light.mean((1, 2), keepdims=True)
    power = (light ** 2).mean((1, 2)) + 1e-5
    out = []
    for d in (1, 2, 3, 4, 6, 8, 12, 16, 24):
        out += [(light[:, d:] * light[:, :-d]).mean((1, 2)) / power, (light[:, :, d:] * light[:, :, :-d]).mean((1, 2)) / power]
    return [np.stack(out, 1)]


def patterns(light):
    """Shares of the rotation-invariant local binary patterns (Ojala 2002), eight neighbours, at two scales."""
    out = []
    ring = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    for scale in range(2):
        h, w = light.shape[1] - 2, light.shape[2] - 2
        bits = np.stack([light[:, y:y + h, x:x + w] >= light[:, 1:-1, 1:-1] for y, x in ring])
        changes = (bits != np.roll(bits, 1, 0)).sum(0)
        kind = np.where(changes <= 2, bits.sum(0), 9)
        out += [np.stack([(kind == k).mean((1, 2)) for k in range(10)], 1) ** 0.5]
        light = halved(light)
    return out


def features(x):
    """[n,64,64,3] -> [n,features] float32."""
    light = x.mean(3)
    return np.concatenate(colour(x) + structure(light) + hanging_together(light) + patterns(light), 1).astype(np.float32)
