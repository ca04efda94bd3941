#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of tests/ddim/table.py as Markdown tables and drawings, beside the DDIM paper's (2010.02502).

    docs/plot_ddim.py TABLE.json                       the tables of docs/ddim-table.md to stdout, docs/ddim-*.svg
    docs/plot_ddim.py TABLE.json --pictures WORK       docs/ddim-samples.png too, from table.py's folder
    ... --perfect PERFECT.json                         the tables of tests/ddim/perfect.py too
    ... --slerp CLI MODEL                              docs/ddim-slerp.png too: between pairs of x_T, by diffusion-cli
    ... --out DIR                                      instead of docs
"""
import argparse
import json
import math
import shlex
import subprocess
import tempfile
from pathlib import Path

STEPS = (10, 20, 50, 100, 1000)
PAPER = {                                                                   # table 1, CIFAR-10
    "0": (13.36, 6.84, 4.67, 4.16, 4.04), "0.2": (14.04, 7.11, 4.77, 4.25, 4.09),
    "0.5": (16.66, 8.35, 5.25, 4.46, 4.29), "1": (41.07, 18.36, 8.01, 5.78, 4.73),
    "hat": (367.43, 133.37, 32.72, 9.99, 3.17)}
PAPER_BACK = {10: .014, 20: .0065, 50: .0023, 100: .0009, 200: .0004, 500: .0001, 1000: .0001}      # table 2
KINDS = ("units", "texture")
NAMES = {"0": "η = 0", "0.2": "η = 0.2", "0.5": "η = 0.5", "1": "η = 1", "hat": "σ̂"}
COLOURS = {"0": "#1b6ca8", "0.2": "#4d9078", "0.5": "#a08a20", "1": "#c2410c", "hat": "#7a1f5c"}


# ---------------------------------------------------------------------------- tables

def value(told, row, steps, count, kind, key):
    """A figure of a cell at that number of pictures, or None."""
    for at in told["cells"].get(row, {}).get(str(steps), {}).get("at", []):
        if at["n"] == count:
            return at[kind][key]
    return None


def row_text(name, cells):
    return f"| {name} | " + " | ".join("–" if cell is None else cell for cell in cells) + " |"


def table(told, kind, key, count, form):
    lines = [row_text("", [f"S = {steps}" for steps in STEPS]), "|---" * (len(STEPS) + 1) + "|"]
    for row in PAPER:
        cells = [value(told, row, steps, count, kind, key) for steps in STEPS]
        lines.append(row_text(NAMES[row], [None if x is None else form(x) for x in cells]))
    return "\n".join(lines)


def paper_table():
    lines = [row_text("", [f"S = {steps}" for steps in STEPS]), "|---" * (len(STEPS) + 1) + "|"]
    return "\n".join(lines + [row_text(NAMES[row], [f"{x:.2f}" for x in cells]) for row, cells in PAPER.items()])


def tables(told):
    many, few = max(at["n"] for at in told["real"]), min(at["n"] for at in told["real"])
    print(f"classifier: {told['accuracy']:.4f} on {told['test']} test pictures\n")
    for kind in KINDS:
        for at in told["real"]:
            print(f"{kind}: real against real, {at['n']} pictures: Fréchet {at[kind]['frechet']:.2f}, "
                  f"1000·KID {1000 * at[kind]['kid']:.0f}")
        for count in dict.fromkeys((many, few)):
            print(f"\n{kind}, Fréchet distance, {count} pictures\n\n{table(told, kind, 'frechet', count, '{:.2f}'.format)}")
            print(f"\n{kind}, 1000·KID, {count} pictures\n\n"
                  + table(told, kind, "kid", count, lambda x: f"{1000 * x:.0f}"))
    print(f"\nThe paper's\n\n{paper_table()}")
    if "consistency" in told:
        c = told["consistency"]
        print(f"\n{c['pictures']} pictures; other x_T: {c['apart']['pixels']:.2f} in pixels, {c['apart']['features']:.2f} in features")
        print(f"\n{row_text('same x_T', [f'S = {steps}' for steps in c['same']])}\n" + "|---" * (len(c["same"]) + 1) + "|")
        for space in "pixels", "features":
            print(row_text(f"{space}: distance to the longest run, share of the above",
                           [f"{at[space]:.2f}, {at[space] / c['apart'][space]:.2f}" for at in c["same"].values()]))
    back = told["back"]["error"]
    print(f"\n{row_text('', [f'S = {steps}' for steps in back])}\n" + "|---" * (len(back) + 1) + "|")
    print(row_text("ours", [f"{error:.5f}" for error in back.values()]))
    print(row_text("the paper's", [str(PAPER_BACK.get(int(steps), "–")) for steps in back]))


def perfect_tables(told):
    count = told["real"][0]["n"]
    for kind in KINDS:
        print(f"\nperfect network, {kind}, Fréchet distance, {count} pictures (real: {told['real'][0][kind]['frechet']:.2f})\n")
        print(table(told, kind, "frechet", count, "{:.2f}".format))


# ---------------------------------------------------------------------------- drawings

class Plot:
    """A panel with logarithmic axes."""

    def __init__(self, left, top, width, height, across, up):
        self.box, self.across, self.up = (left, top, width, height), across, up

    def at(self, x, y):
        left, top, width, height = self.box
        (x0, x1), (y0, y1) = self.across, self.up
        return (left + width * math.log(x / x0) / math.log(x1 / x0), top + height * (1 - math.log(y / y0) / math.log(y1 / y0)))

    def frame(self, title, ticks):
        left, top, width, height = self.box
        yield f'<text x="{left}" y="{top - 12}" font-size="14">{title}</text>'
        yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#bbb"/>'
        for x in ticks:
            place = self.at(x, self.up[0])[0]
            yield f'<path d="M{place:.1f} {top}v{height}" stroke="#eee"/>'
            yield f'<text x="{place:.1f}" y="{top + height + 16}" text-anchor="middle">{x}</text>'
        for power in range(math.ceil(math.log10(self.up[0])), math.floor(math.log10(self.up[1])) + 1):
            place = self.at(self.across[0], 10.0 ** power)[1]
            yield f'<path d="M{left} {place:.1f}h{width}" stroke="#ddd"/>'
            yield f'<text x="{left - 6}" y="{place + 4:.1f}" text-anchor="end">{10.0 ** power:g}</text>'

    def line(self, points, colour, dashes=""):
        places = [self.at(x, y) for x, y in points]
        yield (f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" stroke="{colour}" '
               f'stroke-width="1.8" stroke-dasharray="{dashes}"/>')
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in places)

    def names(self, ends):
        """Of lines, (point, colour, name) each, behind their last points, none upon another."""
        below = math.inf
        for x, y, colour, name in sorted(((*self.at(*point), *rest) for point, *rest in ends), key=lambda end: -end[1]):
            below = min(below - 13, y)
            yield f'<text x="{x + 6:.1f}" y="{below + 4:.1f}" fill="{colour}">{name}</text>'


def drawing(width, height, parts):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12" fill="#222">')
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#fff"/>', *parts, "</svg>"]) + "\n"


def spread(values):
    """Limits with room around the values, which are positive."""
    return min(values) / 1.4, max(values) * 1.4


def panels(curves, titles, ticks):
    """Several {row: [(steps, value)]} side by side."""
    parts = []
    for i, lines in enumerate(curves):
        plot = Plot(60 + 430 * i, 46, 330, 330, (8, 1250), spread([y for line in lines.values() for _, y in line]))
        parts += plot.frame(titles[i], ticks)
        colours = {row: COLOURS.get(row, "#1b6ca8") for row in lines}
        for row, line in lines.items():
            parts += plot.line(line, colours[row])
        parts += plot.names([(line[-1], colours[row], NAMES.get(row, row)) for row, line in lines.items()])
    width = 40 + 430 * len(curves)
    return drawing(width, 410, [*parts, f'<text x="{width / 2}" y="404" text-anchor="middle">steps S</text>'])


def draw_table(told, out):
    few = min(at["n"] for at in told["real"])
    curves, titles = [dict(zip(PAPER, (list(zip(STEPS, cells)) for cells in PAPER.values())))], ["CIFAR-10, the paper: FID"]
    for kind in KINDS:
        lines = {row: [(s, value(told, row, s, few, kind, "frechet")) for s in STEPS
                       if value(told, row, s, few, kind, "frechet")] for row in PAPER}
        curves.append({row: line for row, line in lines.items() if line})
        titles.append(f"Fashion-MNIST, ours: {kind}, {few} pictures")
    (out / "ddim-table.svg").write_text(panels([c for c in curves if c], titles, STEPS))


def draw_back(told, out):
    ours = {"mean squared error": [(int(steps), error) for steps, error in told["back"]["error"].items()]}
    theirs = {"mean squared error": list(PAPER_BACK.items())}
    titles = ("Fashion-MNIST, ours: there and back", "CIFAR-10, the paper")
    (out / "ddim-back.svg").write_text(panels((ours, theirs), titles, (10, 100, 1000)))


# ---------------------------------------------------------------------------- pictures

def sheet(rows, path, zoom=2, gap=2):
    """Rows of grey pictures [H,W] (None: left empty) as a PNG."""
    from PIL import Image
    height, width = next(p for row in rows for p in row if p is not None).shape
    out = Image.new("L", (max(map(len, rows)) * (width + gap) + gap, len(rows) * (height + gap) + gap), 255)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            if picture is not None:
                out.paste(Image.fromarray(picture), (gap + x * (width + gap), gap + y * (height + gap)))
    out.resize((out.width * zoom, out.height * zoom), Image.Resampling.NEAREST).save(path, optimize=True)


def samples(work, out, across=4):
    """A row of the sheet per row of the table, `across` pictures of each S side by side; same x_T everywhere."""
    import numpy as np
    rows = []
    for row in PAPER:
        line = []
        for steps in STEPS:
            found = sorted(work.glob(f"eta-{row}-{steps}-0+*.npy"))
            line += list(np.load(found[0])[:across]) if found else [None] * across
            line.append(None)
        rows.append(line[:-1])
    sheet(rows, out / "ddim-samples.png")


def slerps(cli, model, out, steps=50, lines=5, across=11):
    """From one x_T to another on the sphere, drawn with η = 0."""
    import numpy as np
    rng, rows = np.random.default_rng(7), []
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        a, b, drawn = (f"{folder}/{name}.npy" for name in "abx")
        noise = [rng.normal(size=(lines, 1, 28, 28)).astype(np.float32) for _ in "ab"]
        np.save(a, noise[0])
        np.save(b, noise[1])
        for i in range(across):
            subprocess.run([*shlex.split(cli), "blend", model, a, b, f"--weight={i / (across - 1)}", "--sampler=ddim", "--eta=0",
                            f"--steps={steps}", "--spacing=quad", "--clip=none", "-o", drawn], check=True)
            rows.append(np.rint(np.clip(np.load(drawn)[:, 0] * 127.5 + 127.5, 0, 255)).astype(np.uint8))
    sheet([[column[line] for column in rows] for line in range(lines)], out / "ddim-slerp.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--pictures", type=Path, metavar="WORK")
    parser.add_argument("--perfect", type=Path, metavar="JSON")
    parser.add_argument("--slerp", nargs=2, metavar=("CLI", "MODEL"))
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    args = parser.parse_args()
    told = json.loads(args.table.read_text())
    tables(told)
    if args.perfect:
        perfect_tables(json.loads(args.perfect.read_text()))
    draw_table(told, args.out)
    draw_back(told, args.out)
    if args.pictures:
        samples(args.pictures, args.out)
    if args.slerp:
        slerps(*args.slerp, args.out)


if __name__ == "__main__":
    main()
