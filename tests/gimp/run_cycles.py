# SPDX-License-Identifier: GPL-3.0-or-later
"""Dialogs opened, closed, run, cancelled and stopped, many times, with a plug-in that AddressSanitizer watches: no error, no
leak of ours, and none that grows with what is done in one dialog. Not part of the suite: it takes minutes and a build of its
own (HACKING.md, Commands). usage: run_cycles.py PLUGIN MODELS CLI [CYCLES]"""
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from bus import Desktop
from host import QUIET, Judge, Profile
from PIL import Image

DENOISE, GENERATE, VARIATIONS, RUNNING = "Partially Denoise Selection", "Generate Image", "^Variations", "^Tiny"
OURS = re.compile(r"in (\w+) (?:\.\./)*(?:\S*/)?((?:core|plugin|ui)/\S+?):\d+")
# what only calls the rest: below it stands what GIMP and GTK keep for a whole process
ROOTS = {"main", "run", "run_models", "dialog_run", "dialog_open", "dialog_prepare", "dialog_answer", "dialog_possible", "ask",
         "train_dialog_run", "library_run"}


class Cycles:
    def __init__(self, desktop):
        self.desktop = desktop

    def open(self, item, title):
        assert self.desktop.menu(item), item
        window = self.desktop.window(title)
        assert window is not None, title
        return window

    def leave(self, title):
        for _ in range(10):      # a key that comes while a window opens or closes is lost
            self.desktop.press(title, "Escape")
            if self.desktop.gone(title, 5):
                return
        raise AssertionError(f"{title} does not close")

    def opened_and_closed(self, times):
        self.open("^Generate", GENERATE)
        self.leave(GENERATE)

    def looked_at(self, times):
        window = self.open("^Partially", DENOISE)
        for i in range(times):
            self.desktop.set(window, "Noise level", 0.3 + 0.05 * i)
            time.sleep(0.4)
            self.desktop.press(DENOISE, "alt+w")      # not by the bus: it waits for the end of what a button starts
            time.sleep(0.5)
            self.desktop.press(DENOISE, "alt+w")
        self.leave(DENOISE)

    def cancelled(self, times):
        window = self.open("^Partially", DENOISE)
        self.desktop.set(window, "Noise level", 0.9)
        self.desktop.set(window, "Steps", 700)
        time.sleep(0.5)
        assert self.desktop.push(window, "^OK$")
        assert self.desktop.window(RUNNING) is not None
        time.sleep(0.5)
        self.leave(RUNNING)

    def run_to_the_end(self, times):
        window = self.open("^Generate", GENERATE)
        self.desktop.set(window, "Number of layers", 1)
        self.desktop.set(window, "Steps", 3 * times)
        time.sleep(0.5)
        assert self.desktop.push(window, "^OK$")
        assert self.desktop.gone(GENERATE)
        time.sleep(1)

    def stopped(self, times):
        window = self.open("^Variations", VARIATIONS)
        self.desktop.set(window, "Steps", 300)
        time.sleep(0.5)
        assert self.desktop.push(window, "^OK$")
        running = self.desktop.window(RUNNING)
        assert running is not None
        time.sleep(1)
        self.desktop.push(running, "^Stop and Keep")
        assert self.desktop.gone(RUNNING)


def leaks(text):
    """Bytes by our innermost function below ROOTS, of every report of lost memory."""
    found = Counter()
    for size, stack in re.findall(r"^(?:Direct|Indirect) leak of (\d+) byte.*?\n((?:    #.*\n)+)", text, re.MULTILINE):
        ours = [f"{function} {file}" for function, file in OURS.findall(stack) if function not in ROOTS]
        if ours:
            found[ours[0]] += int(size)
    return found


def main():
    plugin, models, _, *cycles = sys.argv[1:]
    cycles, judge = int(cycles[0]) if cycles else 50, Judge()
    with tempfile.TemporaryDirectory() as folder, Profile(plugin, models, QUIET) as profile:
        picture = Path(folder) / "picture.png"
        Image.linear_gradient("L").resize((96, 96)).convert("RGB").save(picture)
        with Desktop(profile, picture, ASAN_OPTIONS=f"log_path={folder}/asan:detect_leaks=1", G_SLICE="always-malloc") as desktop:
            c = Cycles(desktop)
            kinds, done = [c.opened_and_closed, c.looked_at, c.cancelled, c.run_to_the_end, c.stopped], 0
            for i in range(cycles):
                kinds[i % len(kinds)](1 + i // len(kinds) % 4)
                done += 1
            judge.check(f"{done} cycles of {len(kinds)} kinds", done == cycles and desktop.gimp.poll() is None)
        reports = {path: path.read_text(errors="replace") for path in sorted(Path(folder).glob("asan.*"))}
        errors = [text for text in reports.values() if "ERROR: AddressSanitizer" in text or "runtime error" in text]
        judge.check("no error", not errors, errors[0][:3000] if errors else f"{len(reports)} processes reported leaks of libraries")
        lost = {path.name: leaks(text) for path, text in reports.items() if leaks(text)}
        judge.check("no leak with our code in it", not lost, lost or "")
    judge.end()


main()
