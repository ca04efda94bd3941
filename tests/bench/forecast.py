#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How near a forecast is: seconds of whole runs of 10 steps and memory, against what diffusion-cli said just before.
usage: forecast.py DIFFUSION-CLI MODELS [WORD]    WORD: only rows with it, such as "denoise" or "tiny 256"

Seconds are those of the whole process, with opening the model and writing the picture. Memory is what a session adds to
the process that has opened the model (bench). The median of three rounds; only a quiet machine gives figures: there the processor time is near twice the
seconds (two threads, two cores)."""
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

STEPS, ROUNDS = 10, 3
TIMESTEPS = ",".join(str(t) for t in range(500, 0, -500 // STEPS))
CASES = [("tiny", 128), ("tiny", 256), ("tiny", 512), ("materials-64", 128), ("materials-64", 256), ("materials-64", 512)]


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(cli, model, side, kind, folder):
    """(forecast, measured, of the processor) seconds"""
    size, picture = f"{side}x{side}", f"{folder}/{side}.png"
    values = np.add.outer(np.arange(side), np.arange(side))[..., None] + np.array([0, 60, 120])
    Image.fromarray((values % 256).astype(np.uint8)).save(picture)
    label = ["--class", json.loads(run(cli, "info", model, "--json"))["classes"][0]]
    said = json.loads(run(cli, "info", model, "--size", size, "--steps", STEPS, *label, "--json"))
    start, processor = time.monotonic(), processor_time()
    if kind == "generate":
        run(cli, "sample", model, "--size", size, "--steps", STEPS, *label, "-o", f"{folder}/out.png")
    else:
        run(cli, "denoise", model, "-i", picture, "--t", 500, "--timesteps", TIMESTEPS, *label, "-o", f"{folder}/out.png")
    return STEPS * said["seconds_per_step"], time.monotonic() - start, processor_time() - processor


def main():
    cli, models, *word = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for kind in "generate", "denoise":
            for name, side in CASES:
                model, row = f"{models}/{name}", f"{kind} {name} {side}"
                if word and word[0] not in row:
                    continue
                rounds = [measure(cli, model, side, kind, folder) for _ in range(ROUNDS)]
                said, seconds, busy = (statistics.median(column) for column in zip(*rounds))
                errors = sorted(100 * (f / m - 1) for f, m, _ in rounds)
                took = re.search(r"planned ([\d.]+) MB, took ([\d.]+) MB", run(cli, "bench", model, "--size", f"{side}x{side}"))
                planned, held = float(took[1]), float(took[2])
                print(f"{row:26} forecast {said:5.2f} s, took {seconds:5.2f} s ({busy / seconds:.2f} processors): "
                      f"{errors[ROUNDS // 2]:+.0f} % ({errors[0]:+.0f} to {errors[-1]:+.0f});  "
                      f"{planned:.1f} MB, took {held:.1f} MB: {100 * (planned / held - 1):+.1f} %", flush=True)


if __name__ == "__main__":
    main()
