# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusion-cli train is killed at 30 random moments, many of them while it writes: the newest checkpoint always loads,
and the run that goes on from it ends as the run that nobody killed, bit for bit."""
import json
import random
import subprocess
import time

import numpy as np
from PIL import Image

from cli import CLI, Case, main

CONFIG = {
    "unet": {"sample_size": 16, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
             "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "add_attention": False},
    "phases": [{"size": 8, "batch": 1, "share": 1}],
    "warmup_steps": 2, "seed": 3, "threads": 1,
}
KILLS = 30


class Killed(Case):
    def start(self, out, steps, *more):
        self.path("config.json").write_text(json.dumps({**CONFIG, "steps": steps}))
        return subprocess.Popen([CLI, "train", "--data", self.path("data"), "--config", self.path("config.json"), "-o",
                                 self.path(out), "--checkpoint-minutes", "0.000001", *more],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def whole(self, out, steps, *more):
        running = self.start(out, steps, *more)
        _, err = running.communicate(timeout=300)
        self.assertEqual((running.returncode, err), (0, ""))
        return {p.name: p.read_bytes() for p in self.path(out).rglob("*.safetensors")}

    def step_of(self, checkpoint):
        """A checkpoint is whole: its header says so many bytes, and they are there."""
        data = checkpoint.read_bytes()
        size = int.from_bytes(data[:8], "little")
        head = json.loads(data[8:8 + size])
        meta = head.pop("__metadata__")
        self.assertEqual(max(t["data_offsets"][1] for t in head.values()), len(data) - 8 - size)
        return int(meta["state"].split()[0])

    def test_killed_at_random_moments(self):
        self.path("data").mkdir()
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (24, 20, 3), dtype=np.uint8)).save(
            self.path("data/a.png"))
        begin = time.monotonic()
        self.whole("probe", 200)
        step = (time.monotonic() - begin) / 200
        # long enough that no kill finds the run at its end, short enough for seconds
        steps, chance = 2500, random.Random(7)
        checkpoint, at = self.path("killed/checkpoint.safetensors"), 0
        seen = []
        for i in range(KILLS):
            resume = ["--resume"] if checkpoint.exists() else []
            running = self.start("killed", steps, *resume)
            time.sleep(chance.uniform(0.02, 0.02 + 60 * step))
            self.assertIsNone(running.poll(), "the run ended before it was killed")
            running.kill()
            _, err = running.communicate()
            self.assertEqual(err, "", f"kill {i + 1}")
            if checkpoint.exists():
                now = self.step_of(checkpoint)
                self.assertGreaterEqual(now, at, f"kill {i + 1} lost steps")
                at = now
                seen.append(now)
        self.assertGreater(len(set(seen)), 10, seen)
        print(f"{KILLS} kills, checkpoints at steps {seen}")
        ours = self.whole("killed", steps, "--resume")
        self.assertEqual(ours, self.whole("alone", steps))
        self.assertEqual([p.name for p in self.path("killed").glob("*.part-*")], [])


main()
