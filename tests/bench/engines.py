# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that are measured in turn, ours and the peers': started, asked for times, ended."""
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 300          # seconds for any one answer


class Crash(Exception):
    pass


class Engine:
    """A process that says one line of JSON when it is ready, and answers "run N" with times."""

    def __init__(self, name, command):
        self.name, self.ms, self.cpu_ms, self.wall_ms, self.rss_mb = name, [], 0.0, 0.0, 0.0
        self.rounds = []          # medians
        self.errors = tempfile.TemporaryFile()
        started = time.perf_counter()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, cwd=HERE, text=True)
        self.facts = self.answer()
        self.whole_start_ms = 1e3 * (time.perf_counter() - started)

    def answer(self):
        timer = threading.Timer(LIMIT, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                if line.startswith("{"):
                    return json.loads(line)
        finally:
            timer.cancel()
        raise Crash(self.why())

    def why(self):
        code = self.process.wait()
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace").strip().splitlines()
        how = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return f"crashed ({how}): {text[-1][:160] if text else 'without a word'}"

    def ask(self, n):
        try:
            self.process.stdin.write(f"run {n}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Crash(self.why()) from None
        return self.answer()

    def measure(self, n):
        """One untimed run where runs are short: the caches are another's."""
        if n > 1:
            self.ask(1)
        got = self.ask(n)
        self.ms += got["ms"]
        self.rounds.append(statistics.median(got["ms"]))
        self.cpu_ms += got["cpu_ms"]
        self.wall_ms += sum(got["ms"])
        self.rss_mb = got["rss_mb"]

    @property
    def median(self):
        return statistics.median(self.ms)

    @property
    def minimum(self):
        return min(self.ms)

    @property
    def cpu_wall(self):
        return self.cpu_ms / self.wall_ms

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def peer(name, module, folder, batch, variant, output):
    return Engine(name, [sys.executable, "-m", f"peers.{module}", folder, batch, variant, output])


def in_turn(ours, peers, others, seconds, rounds):
    """A B A B: each runs for about half a second, then the next. A peer more than twice as slow as the fastest leaves
    after two rounds; the others are no peers and stay. Returns who crashed: name → why."""
    failed, count = {}, {}

    def guarded(engine, n):
        try:
            engine.measure(n)
        except Crash as crash:
            failed[engine.name] = str(crash)

    engines = [ours, *peers, *others]
    for engine in engines:
        guarded(engine, 1)
        if engine.name not in failed:
            count[engine.name] = max(1, round(500 / engine.median))
            engine.ms, engine.rounds, engine.cpu_ms, engine.wall_ms = [], [], 0.0, 0.0
    end = time.monotonic() + seconds
    for done in range(rounds):
        if done >= 3 and time.monotonic() > end:
            break
        limit = 2 * min((e.median for e in peers if e.name not in failed and e.ms), default=0)
        for engine in engines:
            if engine.name not in failed and (done < 2 or engine not in peers or engine.median <= limit):
                guarded(engine, count[engine.name])
    return failed
