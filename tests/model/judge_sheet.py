#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would an artist use it? Sheets of samples mixed with real pictures, for judges who see nothing but the sheet.

judge_sheet.py make SAMPLES DATA SHEET.png KEY.json --classes grass,rock [--picture-size 128]
    SAMPLES/<class>/*.png and DATA/<class>/*: --count of each, the same classes equally often, shuffled by --seed and
    numbered. Real pictures are reduced as the trainer reduces them and cut to the samples' size (seamless ones may run
    over their edges); no picture is used twice while there are others. Transparency lies on a flat ground.
judge_sheet.py score KEY.json ANSWER.json ...
    An answer: {"judge": "a name", "real": [numbers taken for real], "keep": [numbers that the judge would use]}.

A model passes when at least a quarter of its samples was taken for real or kept, in the mean over three judges or more.
"""
import argparse
import json
import random
import statistics
import sys
from pathlib import Path

from PIL import Image

import grid
import texture

PASS, JUDGES = 0.25, 3


def opened(path, short_side=0):
    picture = texture.opaque(Image.open(path))
    scale = min(picture.size) / short_side if short_side else 1
    if scale > 1:
        picture = picture.resize([int(n / scale + 0.5) for n in picture.size], Image.Resampling.BOX)
    return picture


def cut(picture, size, wrap, chance):
    """A crop of the samples' size at a random place."""
    (w, h), (cw, ch) = picture.size, size
    if not wrap and (w < cw or h < ch):
        sys.exit(f"A real picture of {w} × {h} is smaller than the samples, {cw} × {ch}.")
    x, y = (chance.randrange(n if wrap else n - c + 1) for n, c in ((w, cw), (h, ch)))
    out = Image.new("RGB", size)
    for dx in range(-x, cw, w):
        for dy in range(-y, ch, h):
            out.paste(picture, (dx, dy))
    return out


def files(folder, kind):
    found = sorted(p for p in (folder / kind).glob("*") if p.suffix in (".png", ".jpg"))
    if not found:
        sys.exit(f"{folder / kind}: no pictures.")
    return found


def dealt(folder, kinds, count, chance):
    """[(class, file)]: the classes in turn; within a class a shuffled hand, dealt anew when it is used up."""
    hands, out = {}, []
    for i in range(count):
        kind = kinds[i % len(kinds)]
        if not hands.get(kind):
            hands[kind] = files(folder, kind)
            chance.shuffle(hands[kind])
        out.append((kind, hands[kind].pop()))
    return out


def make(args):
    chance, kinds = random.Random(args.seed), args.classes.split(",")
    cells = [("sample", kind, path, opened(path)) for kind, path in dealt(args.samples, kinds, args.count, chance)]
    size = cells[0][3].size
    for kind, path in dealt(args.data, kinds, args.count, chance):
        cells.append(("real", kind, path, cut(opened(path, args.picture_size), size, args.wrap, chance)))
    chance.shuffle(cells)
    zoomed = [picture.resize([n * args.zoom for n in size], Image.Resampling.NEAREST) for *_, picture in cells]
    grid.sheet([(str(i + 1), picture) for i, picture in enumerate(zoomed)], args.columns).save(args.sheet, optimize=True)
    key = {str(i + 1): {"is": what, "class": kind, "file": path.name} for i, (what, kind, path, _) in enumerate(cells)}
    args.key.write_text(json.dumps({"sheet": args.sheet.name, "seed": args.seed, "cells": key}, indent=1), encoding="utf-8")


def share(numbers, among):
    return len(numbers & among) / len(among)


def score(args):
    cells = json.loads(args.key.read_text(encoding="utf-8"))["cells"]
    samples = {int(n) for n, cell in cells.items() if cell["is"] == "sample"}
    rest = {int(n) for n in cells} - samples
    rows = []
    for path in args.answers:
        answer = json.loads(path.read_text(encoding="utf-8"))
        real, keep = set(answer["real"]), set(answer["keep"])
        if not real | keep <= samples | rest:
            sys.exit(f"{path}: speaks of a number that is not on the sheet.")
        rows.append((answer["judge"], share(real, samples), share(keep, samples), share(real | keep, samples),
                     share(real, rest), share(keep, rest)))
    means = [statistics.fmean(column) for column in list(zip(*rows))[1:]]
    print(f"{'':16}{'samples taken':>15}{'kept':>8}{'either':>8}{'reals taken':>14}{'kept':>8}")
    for name, *values in [*rows, ("mean", *means)]:
        print(f"{name:16}{values[0]:15.2f}{values[1]:8.2f}{values[2]:8.2f}{values[3]:14.2f}{values[4]:8.2f}")
    passed = means[2] >= PASS and len(rows) >= JUDGES
    print(f"{'passed' if passed else 'not passed'}: {PASS} of the samples wanted, by {JUDGES} judges or more")
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("make")
    p.add_argument("samples", type=Path)
    p.add_argument("data", type=Path)
    p.add_argument("sheet", type=Path)
    p.add_argument("key", type=Path)
    p.add_argument("--classes", required=True)
    p.add_argument("--count", type=int, default=24, help="samples, and as many real pictures")
    p.add_argument("--picture-size", type=int, default=0, help="as in the training configuration")
    p.add_argument("--wrap", action="store_true", help="real pictures are seamless")
    p.add_argument("--columns", type=int, default=8)
    p.add_argument("--zoom", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.set_defaults(run=make)
    p = commands.add_parser("score")
    p.add_argument("key", type=Path)
    p.add_argument("answers", type=Path, nargs="+")
    p.set_defaults(run=score)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
