#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's pictures of a model, pixel for pixel (no smoothing).

grid.py classes DIR OUT.png [-n 6] [--zoom 2]     every class: DIR/<class>/*.png, a row of n samples each
grid.py sweep OUT.png [--zoom 1] NAME=FILE ...     pictures of one size side by side, each with its name above:
    grid.py sweep sweep.png photo=p.png "noised, t = 300=n300.png" "result, t = 300=r300.png" --columns 3
"""
import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import texture

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
PAPER, INK, GAP, TEXT = "white", "#202020", 6, 15


def font():
    return ImageFont.truetype(FONT, TEXT) if Path(FONT).exists() else ImageFont.load_default(TEXT)


def opened(path, zoom):
    picture = texture.opaque(Image.open(path))
    return picture.resize([n * zoom for n in picture.size], Image.Resampling.NEAREST)


def sheet(cells, columns, margin=0):
    """Lays (name, picture) cells out in rows; names above their pictures. All pictures have the first one's size."""
    w, h = cells[0][1].size
    for name, picture in cells:
        if picture.size != (w, h):
            raise SystemExit(f"{name}: is {picture.width} × {picture.height}, the first picture {w} × {h}.")
    head = TEXT + GAP if any(name for name, _ in cells) else 0
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (margin + columns * (w + GAP) + GAP, rows * (h + head + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(page)
    for i, (name, picture) in enumerate(cells):
        x, y = margin + GAP + i % columns * (w + GAP), GAP + i // columns * (h + head + GAP)
        draw.text((x, y), name, INK, font())
        page.paste(picture, (x, y + head))
    return page


def classes(args):
    folders = sorted(p for p in args.folder.iterdir() if p.is_dir())
    cells, names = [], []
    for folder in folders:
        files = sorted(folder.glob("*.png"))[:args.number]
        if len(files) < args.number:
            raise SystemExit(f"{folder}: {len(files)} pictures, {args.number} wanted.")
        cells += [("", opened(f, args.zoom)) for f in files]
        names.append(folder.name)
    margin = int(max(font().getlength(name) for name in names)) + 2 * GAP
    blocks = [sheet(cells[i * args.number:(i + 1) * args.number], args.number, margin) for i in range(len(names))]
    for name, block in zip(names, blocks):
        ImageDraw.Draw(block).text((margin - GAP, block.height / 2), name, INK, font(), anchor="rm")
    w, h = blocks[0].size
    rows = -(-len(blocks) // args.across)
    page = Image.new("RGB", (w * args.across, (h - GAP) * rows + GAP), PAPER)
    for i, block in enumerate(blocks):
        page.paste(block, (i // rows * w, i % rows * (h - GAP)))
    page.save(args.out, optimize=True, quality=90)


def sweep(args):
    cells = []
    for pair in args.pictures:
        name, separator, path = pair.rpartition("=")
        if not separator:
            raise SystemExit(f"{pair}: write NAME=FILE.")
        cells.append((name, opened(path, args.zoom)))
    sheet(cells, args.columns or len(cells)).save(args.out, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("classes")
    p.add_argument("folder", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("-n", "--number", type=int, default=6)
    p.add_argument("--across", type=int, default=2, help="classes side by side")
    p.add_argument("--zoom", type=int, default=1)
    p.set_defaults(run=classes)
    p = commands.add_parser("sweep")
    p.add_argument("out", type=Path)
    p.add_argument("pictures", nargs="+", metavar="NAME=FILE")
    p.add_argument("--columns", type=int, default=0)
    p.add_argument("--zoom", type=int, default=1)
    p.set_defaults(run=sweep)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
