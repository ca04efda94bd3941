# SPDX-License-Identifier: GPL-3.0-or-later
"""Our speed beside the peers': ./dev bench runs this with the Python of its own venv.

Every case measures all engines in turn (A B A B), two threads each, and compares each answer with double
precision. Writes build/bench.json and prints a table for SPEED.md. A peer that crashes or answers wrongly is
reported, not counted. Beside other work only the processor times say something, and they but little."""
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from engines import HERE, Crash, Engine, in_turn, peer

ROOT = HERE.parents[1]
PEERS = "onnxruntime", "openvino", "ncnn", "torch"
TRAINERS = "jax",
WRONG = 1e-2
THREADS = 2
ROUNDS = 8
SIZES = 256, 512, 1024, 2048
T = 10


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.cache, self.quick = pathlib.Path(options.cache), options.quick
        self.ours, self.out = shlex.split(options.ours), pathlib.Path(options.out)
        self.results, self.notes, self.wanted = [], [], options.peers.split(",")
        self.choices = self.cache / "variants.json"
        self.chosen = json.loads(self.choices.read_text()) if self.choices.exists() else {}
        self.scratch = tempfile.TemporaryDirectory(dir=self.cache)
        self.output = pathlib.Path(self.scratch.name) / "output.npy"

    # ---------------------------------------------------------------- what is made once

    def python(self, *words):
        done = subprocess.run([sys.executable, *map(str, words)], cwd=HERE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            self.notes.append(f"{words[0]} {words[1]} failed: {done.stdout.strip().splitlines()[-1][:200]}")

    def prepare(self, cases):
        self.python("make_models.py", self.cache)
        for name, batch in cases:
            folder = self.cache / name
            for size in sorted({1, batch}):
                if not (folder / f"batch-{size}.onnx").exists():
                    say(f"{name}: exporting ONNX, batch {size}")
                    self.python("export.py", "onnx", folder, size)
            if not (folder / "ncnn.param").exists():
                say(f"{name}: exporting for ncnn")
                self.python("export.py", "ncnn", folder)

    # ---------------------------------------------------------------- peers

    def variants(self, module, batch):
        code = (f"from peers import {module} as peer\n"
                f"print(*peer.VARIANTS, *getattr(peer, 'BATCH_VARIANTS', []) * ({batch} > 1), sep='\\n')")
        return subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True,
                              check=True).stdout.splitlines()

    def try_variant(self, name, module, folder, batch, variant, expected):
        """(engine, error); Crash when it does not run or is wrong."""
        engine = peer(name, module, folder, batch, variant, self.output)
        error = engine.facts.get("error")
        if expected is not None:
            error = error_of(np.load(self.output), expected)
        if error is not None and not error <= WRONG:
            engine.end()
            raise Crash(f"wrong: error {error:.1g}")
        return engine, error

    def start_peer(self, name, module, folder, batch, expected):
        """The fastest right variant; the quick form takes what was found last for this version and machine."""
        key = f"{cpu_model()}, {name} {version(name)}, {module} {folder.name} b{batch}"
        best, why = None, "crashed"
        if self.quick and key in self.chosen:
            return self.try_variant(name, module, folder, batch, self.chosen[key], expected) + (self.chosen[key],)
        for variant in self.variants(module, batch):
            try:
                engine, error = self.try_variant(name, module, folder, batch, variant, expected)
                ms = min(min(engine.ask(2)["ms"]) for _ in range(2))
            except Crash as crash:
                why = f"{variant}: {crash}"
                self.notes.append(f"{name} {version(name)}, {folder.name} b{batch}, {why}")
                continue
            say(f"    {name}, {variant}: {ms:.1f} ms")
            if best is None or ms < best[3]:
                if best is not None:
                    best[0].end()
                best = engine, error, variant, ms
            else:
                engine.end()
        if best is None:
            raise Crash(why)
        self.chosen[key] = best[2]
        self.choices.write_text(json.dumps(self.chosen, indent=1))
        return best[:3]

    def peers(self, names, folder, batch, expected, failed):
        """[(engine, error, variant)]"""
        started = []
        for name, module in [pair for pair in names if pair[0] in self.wanted]:
            try:
                started.append(self.start_peer(name, module, folder, batch, expected))
            except Crash as crash:
                failed[name] = str(crash)
        return started

    # ---------------------------------------------------------------- ours

    def our_error(self, folder, batch, expected):
        x = pathlib.Path(self.scratch.name) / "x.npy"
        np.save(x, np.load(folder / "x.npy")[:batch])
        subprocess.run([*self.ours, "eps", folder, "-i", x, "--t", str(T), "-o", self.output, "--threads", str(THREADS)],
                       check=True)
        return error_of(np.load(self.output), expected)

    def start_ours(self, folder, *more):
        return Engine("ours", [*self.ours, "bench", folder, "--serve", "--threads", THREADS, *more])

    # ---------------------------------------------------------------- cases

    def compare(self, case, ours, error, started, failed, others=()):
        """Measures in turn, and keeps the result."""
        peers = [engine for engine, _, _ in started]
        errors = {engine.name: e for engine, e, _ in started}
        failed.update(in_turn(ours, peers, others, 20 if self.quick else 150, ROUNDS))
        if "ours" in failed:
            raise SystemExit(f"{case}: ours {failed['ours']}")
        right = [e for e in peers if e.name not in failed]
        fastest = min(right, key=lambda e: e.median, default=None)
        rounds = [p / o for o, p in zip(ours.rounds, fastest.rounds)] if fastest else []
        result = {
            "case": case, "ours_ms": ours.median, "peers": {e.name: e.median for e in right},
            "ratio": fastest.median / ours.median if fastest else None,
            "ours_rss_mb": ours.rss_mb, "peers_rss_mb": {e.name: e.rss_mb for e in right},
            "error": error, "peers_error": {e.name: errors[e.name] for e in right},
            "ratio_of_rounds": [min(rounds), max(rounds)] if rounds else None,
            "minimum_ms": {e.name: e.minimum for e in [ours] + right},
            "cpu_wall": {e.name: e.cpu_wall for e in [ours] + right},
            "cpu_ms": {e.name: e.cpu_ms / len(e.ms) for e in [ours] + right},
            "start_ms": {e.name: e.facts.get("start_ms") for e in [ours] + right},
            "python_mb": {e.name: e.facts.get("python_mb") for e in right},
            "versions": {e.name: f"{e.facts['version']} ({variant})" for e, _, variant in started if e in right},
            "failed": {name: f"{why} [{version(name)}]" for name, why in failed.items()},
        }
        for engine in [ours, *peers]:
            engine.end()
        self.results.append(result)
        self.write()
        say(f"  {result['ours_ms']:.1f} ms, ratio {result['ratio'] or float('nan'):.2f}")
        return result

    def evaluation(self, name, batch):
        case, folder, failed = f"{name} b{batch}", self.cache / name, {}
        say(case)
        expected = np.load(folder / "expected.npy")[:batch]
        error = self.our_error(folder, batch, expected)
        started = self.peers([(name, name) for name in PEERS], folder, batch, expected, failed)
        self.compare(case, self.start_ours(folder, "--batch", batch), error, started, failed)

    def training(self, batch=16):
        folder, failed = self.cache / "train-64", {}
        say("training")
        others = [] if self.quick else [("jax", "jax_training")]
        started = self.peers([("torch", "training"), *others], folder, batch, None, failed)
        peaks = [peer(variant, "sgemm", folder, 1, variant, self.output) for variant in ("numpy", "torch")]
        ours = self.start_ours(folder, "--training", "--batch", batch)
        result = self.compare(f"train-64 b{batch}", ours, None, started, failed, peaks)
        peak = max(2 * 2048 ** 3 / e.median * 1e-6 for e in peaks)
        for engine in peaks:
            engine.end()
        gmac = json.loads((folder / "facts.json").read_text())["gmac"]
        rate = 6 * gmac * batch / result["ours_ms"] * 1e3
        result["samples_per_second"] = {name: 1e3 * batch / ms for name, ms in
                                        {"ours": result["ours_ms"], **result["peers"]}.items()}
        result["gflops"], result["sgemm_gflops"] = rate, peak
        texts = [f"{name} {value:.2f}" for name, value in result["samples_per_second"].items()]
        self.notes.append(f"Training, 64-64-128-128 at 64 px, batch {batch}, samples/s: {', '.join(texts)}; ours does "
                          f"{rate:.0f} GFLOP/s of forward and backward beside {peak:.0f} of sgemm: {rate / peak:.2f}.")

    def whole_picture(self):
        model = ROOT / "models" / "materials-64"
        if not (model / "model_index.json").exists():
            self.notes.append("A picture of 256 × 256 at 20 steps: left out, for there is no models/materials-64 yet.")
            return
        say("a picture of 256 × 256, 20 steps")
        failed, seconds = {}, []
        picture = pathlib.Path(self.scratch.name) / "picture.png"
        command = [*self.ours, "sample", model, "--size", "256x256", "--steps", "20", "--guidance", "1", "--seed", "1",
                   "--class", "0", "--threads", str(THREADS), "-o", picture]
        other = self.peers([("torch", "diffusers")], model, 1, None, failed)
        for _ in range(3):
            before = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - before)
            for engine, _, _ in other:
                engine.measure(1)
        texts = [f"diffusers {e.facts['version']} ({variant}) {e.median * 1e-3:.2f} s, its start not counted"
                 for e, _, variant in other] or [f"diffusers {why}" for why in failed.values()]
        self.notes.append(f"A picture of 256 × 256 at 20 steps, {model.name}: {statistics.median(seconds):.2f} s, "
                          f"start included; {'; '.join(texts)}.")
        for engine, _, _ in other:
            engine.end()

    def sizes(self):
        shipped = ROOT / "models" / "materials-64"
        model = shipped if (shipped / "model_index.json").exists() else ROOT / "models" / "tiny"
        texts = []
        for size in SIZES:
            say(f"{model.name}, {size} × {size}")
            engine = self.start_ours(model, "--size", f"{size}x{size}")
            engine.measure(3)
            texts.append(f"{size}²: {engine.median:.0f} ms, {1e6 * engine.median / size ** 2:.0f} ns a pixel, "
                         f"{engine.rss_mb:.0f} MB")
            engine.end()
        self.notes.append(f"An evaluation of {model.name} by size: {'; '.join(texts)}.")

    def profile(self, cases):
        for name, batch in cases:
            subprocess.run([*self.ours, "bench", self.cache / name, "--batch", str(batch), "--threads", str(THREADS),
                            "--profile"], check=True)

    # ---------------------------------------------------------------- what is told

    def write(self):
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def start_notes(self):
        for r in self.results:
            if r["case"] == "celebahq-256 b1":
                texts = [f"{name} {ms * 1e-3:.2f} s" for name, ms in r["start_ms"].items() if ms]
                self.notes.append("From start to the first answer, celebahq-256 b1 (peers: without Python's imports): "
                                  + ", ".join(texts) + ".")

    def table(self):
        versions = {name: v for r in self.results for name, v in r["versions"].items()}
        print(f"{datetime.date.today()}; {machine()}; {THREADS} threads; fp32. Median (minimum) in ms; ratio: fastest "
              "peer that is right to ours, its range over the rounds, and the same of processor time. CPU/wall "
              "and error: ours and the fastest peer; MB: peak, ours and the leanest peer.\n")
        print("| case | ours | " + " | ".join(PEERS) + " | ratio | by CPU time | CPU/wall | MB | error |")
        print("|---|" + "---|" * (len(PEERS) + 6))
        for r in self.results:
            print(row(r))
        print("\nVersions (settings of the last case): " + ", ".join(f"{n} {v}" for n, v in versions.items()) + ". The "
              "peers' MB hold Python and their libraries (30–340 MB).")
        for r in self.results:
            for name, why in r["failed"].items():
                print(f"{r['case']}, {name}: {why}")
        for note in self.notes:
            print(note)


def row(r):
    def time_of(name, ms):
        return f"{ms:.1f} ({r['minimum_ms'][name]:.1f})"

    fastest = min(r["peers"], key=r["peers"].get, default=None)
    cells = [r["case"], time_of("ours", r["ours_ms"])]
    cells += [time_of(name, r["peers"][name]) if name in r["peers"] else "failed" if name in r["failed"] else "–"
              for name in PEERS]
    if fastest:
        low, high = r["ratio_of_rounds"]
        errors = [f"{e:.1e}" for e in (r["error"], r["peers_error"][fastest]) if e is not None]
        cells += [f"**{r['ratio']:.2f}** ({low:.2f}–{high:.2f})", f"{r['cpu_ms'][fastest] / r['cpu_ms']['ours']:.2f}",
                  f"{r['cpu_wall']['ours']:.2f}, {r['cpu_wall'][fastest]:.2f}",
                  f"{r['ours_rss_mb']:.0f}, {min(r['peers_rss_mb'].values()):.0f}", ", ".join(errors)]
    return "| " + " | ".join(cells) + " |"


def error_of(y, expected):
    """max/rms; infinite where something is not finite."""
    d = np.abs(y[:len(expected)].astype(np.float64) - expected)
    return float(d.max() / np.sqrt(np.square(expected).mean())) if np.isfinite(d).all() else float("inf")


def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def cpu_info():
    return pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")


def cpu_model():
    names = [line.split(":")[1].strip() for line in cpu_info().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine():
    flags = cpu_info().split()
    isa = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    return f"{cpu_model()}, {os.cpu_count()} cores, {isa}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", required=True, help="folder for models and exports")
    parser.add_argument("--ours", required=True, help="the command that is diffusion-cli")
    parser.add_argument("--out", default=ROOT / "build" / "bench.json")
    parser.add_argument("--quick", action="store_true", help="the main cases, in five minutes")
    parser.add_argument("--only", help="cases whose name begins so; further ones: train-64, picture, sizes")
    parser.add_argument("--peers", default=",".join(PEERS + TRAINERS), help="of these alone")
    parser.add_argument("--profile", action="store_true", help="instead: our time, GFLOP/s and GB/s per operation")
    options = parser.parse_args()
    bench = Bench(options)
    cases = [("cifar10-32", 1), ("cifar10-32", 8), ("celebahq-256", 1)] + [("celebahq-256", 8)] * (not options.quick)
    wanted = options.only or ""
    cases = [case for case in cases if f"{case[0]} b{case[1]}".startswith(wanted)]
    bench.prepare(cases)
    if options.profile:
        return bench.profile(cases)
    for name, batch in cases:
        bench.evaluation(name, batch)
    if "train-64".startswith(wanted):
        bench.training()
    for name, measure in (("picture", bench.whole_picture), ("sizes", bench.sizes)):
        if name.startswith(wanted) and (wanted or not options.quick):
            measure()
    bench.start_notes()
    bench.write()
    bench.table()


if __name__ == "__main__":
    main()
