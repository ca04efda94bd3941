# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of diffusion-cli against diffusers (tests/reference/make_trajectory_vectors.py), and its `eps` against the
network vectors. usage: test_cli.py DIFFUSION_CLI VECTORS"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CLI, VECTORS = sys.argv[1], Path(sys.argv[2])
passed = failed = 0


def judge(name, got, want, tolerance):
    global passed, failed
    error = float(np.abs(got - want).max()) if got.shape == want.shape else float("inf")
    fine = error <= tolerance
    passed, failed = passed + fine, failed + (not fine)
    print(f"{'ok  ' if fine else 'FAIL'} {name:45} {error:.2e}", flush=True)


def run(words):
    done = subprocess.run([CLI, *words], capture_output=True, text=True)
    if done.returncode != 0:
        print("diffusion-cli", *words, "\n", done.stderr)
    return done.returncode == 0


def trajectories(out):
    folder = VECTORS / "trajectories"
    for case in json.loads((folder / "manifest.json").read_text())["cases"]:
        places = {"MODEL": folder / case["model"], "IN": folder / (case["input"] or ""), "OUT": out}
        if run([str(places.get(word, word)) for word in case["cli"]]):
            judge(case["name"], np.load(out), np.load(folder / case["output"]), case["tolerance"])
        else:
            judge(case["name"], np.zeros(1), np.zeros(2), 0)


def network(out):
    for name in ("unet-google", "unet-plain-class", "unet-rgba", "unet-grey", "unet-non-square"):
        folder = VECTORS / name
        case = json.loads((folder / "manifest.json").read_text())["cases"][0]
        words = ["eps", folder / "model", "-i", folder / case["x"], "--t", case["t"][0], "-o", out]
        if case["labels"]:
            words += ["--class", case["labels"][0]]
        if run([str(word) for word in words]):
            judge(name, np.load(out), np.load(folder / case["y"]), case["tolerance"] * case["rms"])
        else:
            judge(name, np.zeros(1), np.zeros(2), 0)


with tempfile.TemporaryDirectory() as scratch:
    out = os.path.join(scratch, "out.npy")
    trajectories(out)
    network(out)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0 or passed == 0)
