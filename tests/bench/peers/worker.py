# SPDX-License-Identifier: GPL-3.0-or-later
"""What the peers' processes share. A peer is a module with VARIANTS (names of settings worth a try; BATCH_VARIANTS
are more of them where the batch is not 1) and load (model folder, batch, variant) → (what evaluates x and t, version).

    python -m peers.NAME FOLDER BATCH VARIANT OUTPUT.npy

loads, evaluates once, writes that output, says so with a line of JSON, and then answers lines "run N" on standard
input with the milliseconds of N evaluations. Two threads; the clock for `start_ms` begins after Python's imports."""
import json
import pathlib
import sys
import time

import numpy as np

THREADS = 2
T = 10


def peak_mb():
    text = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024e-6


def say(**what):
    print(json.dumps(what), flush=True)


def serve(once):
    """Answers requests with the time of once ()."""
    for line in sys.stdin:
        word, n = line.split()
        assert word == "run"
        times, cpu = [], time.process_time()
        for _ in range(int(n)):
            before = time.perf_counter()
            once()
            times.append(1e3 * (time.perf_counter() - before))
        say(ms=times, cpu_ms=1e3 * (time.process_time() - cpu), rss_mb=peak_mb())


def main(load):
    folder, batch, variant, output = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    python_mb, started = peak_mb(), time.perf_counter()
    x = np.load(folder / "x.npy", mmap_mode="r")[:batch].copy()
    t = np.full(batch, T, dtype=np.int64)
    evaluate, version = load(folder, batch, variant)
    y = np.asarray(evaluate(x, t))
    started = 1e3 * (time.perf_counter() - started)
    np.save(output, y)
    say(version=version, start_ms=started, python_mb=python_mb)
    serve(lambda: evaluate(x, t))
