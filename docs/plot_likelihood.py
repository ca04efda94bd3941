#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound of a model, term by term, as a picture: L_{t-1} over t for both variances, both axes logarithmic.

    docs/plot_likelihood.py DIFFUSION_CLI MODEL DATA OUT.svg [options of diffusion-cli likelihood, such as --limit 8]

DATA is a folder of pictures (class = subfolder). Needs nothing but Python; DIFFUSION_CLI may be several words."""
import json
import math
import shlex
import subprocess
import sys
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 430, 74, 20, 74, 52
CURVES = (("fixed-small", "reverse variance β̃", "#1b6ca8", ""), ("fixed-large", "reverse variance β", "#c2410c", "6 4"))


def measured(cli, model, data, options):
    words = [*shlex.split(cli), "likelihood", model, "--data", data, "--json", *options]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)


class Axes:
    """From t and bits to places of the drawing."""

    def __init__(self, last, low, high):
        self.last, self.low, self.high = math.log10(last), math.floor(math.log10(low)), math.ceil(math.log10(high))

    def x(self, t):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(t) / self.last

    def y(self, bits):
        part = (math.log10(bits) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part

    def frame(self):
        for power in range(self.low, self.high + 1):
            y = self.y(10.0 ** power)
            yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            yield (f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">10'
                   f'<tspan dy="-5" font-size="9">{power}</tspan></text>')
        for t in (1, 10, 100, 1000):
            if math.log10(t) <= self.last + 0.01:
                x = self.x(t)
                yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{t}</text>'
        yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">t</text>'
        yield f'<text x="16" y="{TOP - 12}">L at t, bits/dim</text>'


def drawing(told, title):
    terms = told["terms"][1:]
    values = [term["bits"][name] for term in terms for name, *_ in CURVES if term["bits"][name]]
    axes = Axes(told["num_train_timesteps"], min(values), max(values))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
             'font-family="sans-serif" font-size="12" fill="#222">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="16" y="24" font-size="15">{title}</text>', *axes.frame()]
    summary = f'{told["pictures"]} pictures of {told["width"]} × {told["height"]} × {told["channels"]}, ' \
              f'{told["evaluated_timesteps"]} of {told["num_train_timesteps"]} t, L_T = {told["prior"]:.2g}'
    parts.append(f'<text x="16" y="43" fill="#555">{summary}</text>')
    for i, (name, says, colour, dashes) in enumerate(CURVES):
        points = " ".join(f'{axes.x(term["t"]):.1f},{axes.y(term["bits"][name]):.1f}' for term in terms if term["bits"][name])
        y = TOP + 18 + 18 * i
        says += f': L_0 = {told["terms"][0]["bits"][name]:.3f}, bound = {told["total"][name]:.3f} bits/dim'
        parts += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dashes}"/>',
                  f'<path d="M{WIDTH - 390} {y - 4}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>',
                  f'<text x="{WIDTH - 355}" y="{y}">{says}</text>']
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    cli, model, data, out, *options = sys.argv[1:]
    told = measured(cli, model, data, options)
    Path(out).write_text(drawing(told, f"The bound of {Path(model).resolve().name}, term by term"), encoding="utf-8")
    print(json.dumps({key: told[key] for key in ("pictures", "prior", "total", "standard_error")}))


if __name__ == "__main__":
    main()
