#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Five pictures of 256 × 256 that no model of ours has seen, to learn a texture from: four of GIMP's own patterns (gimp-data,
GPL-3+; repeated, as a layer filled with them is) and glazed tiles made here. usage: patterns.py OUT [GIMP-PATTERNS]
"""
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256
GIMP = "/usr/share/gimp/3.0/patterns"
FILES = {"weave": "Fabric/burlap.pat", "stone": "Stone/stone33.pat", "brick": "Stone/brick.pat", "bark": "Wood/bark.pat"}
NAMES = [*FILES, "tiles"]


def gimp_pattern(path):
    """A GIMP pattern (.pat): five words big-endian (header size, version, width, height, channels), a name, the pixels."""
    data = Path(path).read_bytes()
    header, _, width, height, channels = struct.unpack(">5I", data[:20])
    pixels = np.frombuffer(data, np.uint8, width * height * channels, header).reshape(height, width, channels)
    return np.broadcast_to(pixels[..., :3], (height, width, 3))


def tiles():
    """Hexagons, 32 pixels wide, each with a tone and a light of its own: the lattice is regular, what is on it is not."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    row, pitch = 27.0, 32.0
    centres = np.array([(r * row, c * pitch + (r % 2) * pitch / 2) for r in range(-1, 12) for c in range(-1, 10)])
    far = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1])
    nearest = np.sort(far, 2)[..., :2]
    which, edge = far.argmin(2), np.clip((nearest[..., 1] - nearest[..., 0] - 2.5) / 5, 0, 1)
    tone = rng.normal(0, 0.07, (len(centres), 3)) + np.array([0.20, 0.45, 0.52])
    light = 0.18 * (centres[which, 0] - y + centres[which, 1] - x) / pitch
    glaze = tone[which] + light[..., None] + rng.normal(0, 0.015, (SIDE, SIDE, 1))
    grout = 0.78 + rng.normal(0, 0.03, (SIDE, SIDE, 1))
    return grout + (glaze - grout) * edge[..., None]


def picture(name, folder=GIMP):
    """uint8 [256,256,3]"""
    if name == "tiles":
        return (np.clip(tiles(), 0, 1) * 255 + 0.5).astype(np.uint8)
    small = gimp_pattern(Path(folder) / FILES[name])
    return small[np.ix_(np.arange(SIDE) % small.shape[0], np.arange(SIDE) % small.shape[1])]


if __name__ == "__main__":
    for name in NAMES:
        place = Path(sys.argv[1]) / name
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(name, *sys.argv[2:3])).save(place / f"{name}.png")
