# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the window of a run lets others wait: a screen reader asks it for its size, over and over, during a run on both
processors; the question is answered by the main loop. The longest wait is an upper bound of its longest stall.
usage: run_latency.py PLUGIN MODELS CLI [MILLISECONDS]    the limit; generous unless the machine is quiet"""
import sys
import tempfile
import threading
import time
from pathlib import Path

from bus import Desktop
from host import QUIET, Judge, Profile
from PIL import Image

DIALOG, SIDE = "Partially Denoise Selection", 512


def slide(desktop):
    desktop.press(DIALOG, "alt+n End")
    for _ in range(3):
        desktop.press(DIALOG, "Left Left Left Left Right Right Right Left")
        time.sleep(0.5)     # checks and forecast wait for a pause


def waits(desktop, window, until):
    """Seconds of each question until `until` () holds."""
    took = []
    while not until() and len(took) < 100000:
        start = time.monotonic()
        window.get_component_iface().get_extents(desktop.atspi.CoordType.SCREEN)
        took.append(time.monotonic() - start)
        time.sleep(0.002)
    return took


def report(judge, what, took, limit):
    took.sort()
    judge.check(f"{what} answers in time", took and took[-1] * 1000 <= limit,
                f"longest of {len(took)} waits {took[-1] * 1000:.0f} ms, median {took[len(took) // 2] * 1000:.1f} ms" if took else
                "it was never asked")


def main():
    plugin, models, _, *limit = sys.argv[1:]
    limit, judge = float(limit[0]) if limit else 1000, Judge()
    with tempfile.TemporaryDirectory() as folder, Profile(plugin, models, QUIET) as profile:
        picture = Path(folder) / "picture.png"
        Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(picture)
        with Desktop(profile, picture) as desktop:
            judge.check("the menu has our command", desktop.menu("Partially Denoise"))
            dialog = desktop.window(DIALOG)
            if judge.check("the dialog comes", dialog):
                desktop.press(DIALOG, "alt+p ctrl+a 4 0 0 Tab")
                keys = threading.Thread(target=slide, args=[desktop])
                keys.start()
                report(judge, "the dialog, while its slider moves,", waits(desktop, dialog, lambda: not keys.is_alive()), limit)
                desktop.press(DIALOG, "alt+o")
            running = desktop.window("^Tiny", 20)
            if judge.check("the window of the run comes", running):
                end = time.monotonic() + 5
                report(judge, "the window of a run", waits(desktop, running, lambda: time.monotonic() > end), limit)
                desktop.press("^Tiny", "alt+c")
                judge.check("Cancel ends it", desktop.gone("^Tiny", 20))
    judge.end()


main()
