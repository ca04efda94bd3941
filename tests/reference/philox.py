# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise field, written a second time from its definition: Philox 4x32-10 (Salmon et al. 2011) with key
(seed, 0x67646e31) and counter (x, y, k, c/4), u = ((w >> 9) + 1/2) 2^-23, Box-Muller in extended precision.
Writes tests/golden/vectors/philox: small fields, and a hash of 10^6 values. Needs numpy alone, on a machine
whose long double is wider than double; 5 seconds."""
import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "vectors" / "philox"
KEY = 0x67646E31
MASK = np.uint64(0xFFFFFFFF)

# name, seed, k, origin x y, period x y (0: none), width, height, channels
FIELDS = [
    ("plain", 0, 0, 0, 0, 0, 0, 7, 5, 3),
    ("grey", 1, 1, 0, 0, 0, 0, 5, 3, 1),
    ("rgba", 2**31 - 1, 50, 3, 4, 0, 0, 4, 4, 4),
    ("many-channels", 5, 2, 0, 0, 0, 0, 3, 2, 9),
    ("negative-origin", 42, 0, -3, -100000, 0, 0, 6, 4, 3),
    ("far", 7, 999, 2**31 - 8, 1000000, 0, 0, 6, 4, 3),
    ("periodic-x", 9, 3, -5, 2, 4, 0, 11, 3, 3),
    ("periodic-y", 9, 3, 2, -5, 0, 4, 3, 11, 3),
]
# 4 x 250000 = 10^6 values
LARGE = ("million", 20261124, 17, -250, -250, 0, 0, 500, 500, 4)


def philox_4x32_10(counter, key):
    c = [np.asarray(v, dtype=np.uint64) & MASK for v in counter]
    k0, k1 = key
    for _ in range(10):
        p0 = c[0] * np.uint64(0xD2511F53)
        p1 = c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & MASK,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & MASK]
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def box_muller(w0, w1):
    """r cos, r sin of 2 pi u; the quarter turns are taken off exactly, for accuracy near the zeros."""
    wide = np.longdouble
    u0 = ((w0 >> np.uint64(9)).astype(wide) + wide(0.5)) * wide(2) ** -23
    u1 = ((w1 >> np.uint64(9)).astype(wide) + wide(0.5)) * wide(2) ** -23
    r = np.sqrt(wide(-2) * np.log(u0))
    q = np.floor(u1 * 4)
    a = (u1 - q / 4) * 2 * wide("3.14159265358979323846264338327950288")
    s, c = np.sin(a), np.where(a > wide("0.9"), np.sin(wide("1.57079632679489661923132169163975144") - a), np.cos(a))
    cosine = np.choose(q.astype(int), [c, -s, -c, s])
    sine = np.choose(q.astype(int), [s, c, -s, -c])
    return (r * cosine).astype(np.float32), (r * sine).astype(np.float32)


def field(seed, k, ox, oy, px, py, width, height, channels):
    x = ox + np.arange(width, dtype=np.int64)
    y = oy + np.arange(height, dtype=np.int64)
    x = (x % px if px else x).astype(np.uint64) & MASK
    y = (y % py if py else y).astype(np.uint64) & MASK
    blocks = (channels + 3) // 4
    cx, cy, cb = x[None, :, None], y[:, None, None], np.arange(blocks, dtype=np.uint64)[None, None, :]
    shape = (height, width, blocks)
    w = philox_4x32_10([np.broadcast_to(v, shape) for v in (cx, cy, np.uint64(k), cb)], (seed, KEY))
    values = np.stack([*box_muller(w[0], w[1]), *box_muller(w[2], w[3])], axis=-1)
    return values.reshape(height, width, blocks * 4)[:, :, :channels]


def fnv1a(values):
    """FNV-1a, 64 bits, a 32-bit word at a time."""
    h = 0xCBF29CE484222325
    for word in values.ravel().view(np.uint32).tolist():
        h = ((h ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def main():
    assert np.finfo(np.longdouble).nmant > 60, "long double is no wider than double here"
    # known answers of Random123's own test
    zero = philox_4x32_10([0, 0, 0, 0], (0, 0))
    assert [int(v) for v in zero] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = philox_4x32_10([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF))
    assert [int(v) for v in ones] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]

    OUT.mkdir(parents=True, exist_ok=True)
    keys = ("seed", "transition", "origin_x", "origin_y", "period_x", "period_y", "width", "height", "channels")
    fields = []
    for name, *rest in FIELDS:
        with open(OUT / f"{name}.npy", "wb") as f:
            np.lib.format.write_array(f, np.ascontiguousarray(field(*rest)), version=(1, 0), allow_pickle=False)
        fields.append({"name": name, "values": f"{name}.npy", **dict(zip(keys, rest))})
    large = {**dict(zip(keys, LARGE[1:])), "fnv1a": f"{fnv1a(field(*LARGE[1:])):016x}"}
    manifest = {"name": "philox", "layout": "height, width, channels", "fields": fields, "large": large,
                "made_by": {"command": "python tests/reference/philox.py", "numpy": np.__version__}}
    (OUT / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
