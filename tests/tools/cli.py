# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of diffusion-cli share: running it, and PNG files of 16 bits, which Pillow cannot hold in colour.

Every test is run as: test_X.py DIFFUSION_CLI SOURCE_ROOT
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

import numpy as np

CLI = sys.argv[1]
SOURCE = Path(sys.argv[2])
VECTORS = SOURCE / "tests/golden/vectors"
TINY = SOURCE / "models/tiny"                    # checks, stripes, waves, null class 3; multiples of 2
EPSILON = VECTORS / "trajectories/epsilon"       # 16 × 16, unconditional, no card
COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}               # PNG's colour type of so many channels


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr


def run(*words, env=None):
    return Result(subprocess.run([CLI, *map(str, words)], capture_output=True, text=True, timeout=240,
                                 env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}))


class Case(unittest.TestCase):
    """A test with a scratch folder."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def path(self, name):
        return self.folder / name

    def good(self, *words, **more):
        result = run(*words, **more)
        self.assertEqual(result.status, 0, f"{words}: {result.err}")
        self.assertEqual(result.err, "")
        return result

    def refused(self, status, *words, says):
        """That exit status, one line on stderr with each of the texts, and no result."""
        result = run(*words)
        self.assertEqual(result.status, status, f"{words}: {result.err}")
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertTrue(result.err.startswith("diffusion-cli: "), result.err)
        for text in says:
            self.assertIn(text, result.err)
        self.assertEqual(result.out, "")
        return result

    def array(self, name, values):
        np.save(self.path(name), np.asarray(values, dtype="<f4"))
        return self.path(name)

    def result(self, *words, name="out.npy", **more):
        """The array that the command writes."""
        self.good(*words, "-o", self.path(name), **more)
        return np.load(self.path(name))


def noise_picture(seed, *shape):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("<f4")


def abar(model):
    """ᾱ of a linear schedule, from its definition."""
    config = json.loads((model / "scheduler_config.json").read_text())
    assert config["beta_schedule"] == "linear"
    return np.cumprod(1 - np.linspace(config["beta_start"], config["beta_end"], config["num_train_timesteps"]))


# ------------------------------------------------------------------ PNG, from its specification


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, samples):
    """samples: height × width × channels, uint8 or uint16."""
    height, width, channels = samples.shape
    depth = 8 * samples.dtype.itemsize
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, depth, COLOURS[channels], 0, 0, 0)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) +
                           chunk(b"IEND", b""))
    return path


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def unfiltered(data, height, stride, step):
    rows, above, at = [], bytearray(stride), 0
    for _ in range(height):
        kind, row = data[at], bytearray(data[at + 1:at + 1 + stride])
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            add = (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[kind]
            row[i] = (row[i] + add) & 255
        rows.append(bytes(row))
        above, at = row, at + 1 + stride
    return b"".join(rows)


def read_png(path):
    data, at, pixels = Path(path).read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            pixels += body
        at += 12 + length
    channels = {v: k for k, v in COLOURS.items()}[colour]
    step = channels * depth // 8
    flat = unfiltered(zlib.decompress(pixels), height, width * step, step)
    return np.frombuffer(flat, dtype=">u2" if depth == 16 else "u1").reshape(height, width, channels)


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
