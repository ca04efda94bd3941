# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusion-cli train: folders of pictures to a model folder; stopping and going on."""
import json
import re
import resource
import shutil
import signal
import struct
import subprocess
import time
import zlib

import numpy as np
from PIL import Image

from cli import CLI, TINY, Case, chunk, main, read_png, run

CONFIG = {
    "unet": {"sample_size": 16, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
             "down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "add_attention": False},
    "phases": [{"size": 16, "batch": 4, "share": 1}],
    "steps": 12, "warmup_steps": 2, "seed": 3, "threads": 1,
}


class Training(Case):
    def setUp(self):
        super().setUp()
        for n, name in enumerate(("blue", "red")):
            self.path(f"data/{name}").mkdir(parents=True)
            for i in range(3):
                pixels = np.random.default_rng(10 * n + i).integers(0, 60, (24, 20, 3), dtype=np.uint8)
                pixels[..., 2 - 2 * n] += 180
                Image.fromarray(pixels).save(self.path(f"data/{name}/{i}.png"))

    def words(self, out="model", data="data", **more):
        self.path("config.json").write_text(json.dumps({**CONFIG, **more}))
        return ["train", "--data", self.path(data), "--config", self.path("config.json"), "-o", self.path(out)]

    def weights(self, out="model"):
        return next(self.path(out).rglob("diffusion_pytorch_model.safetensors")).read_bytes()

    def test_a_model_comes_out(self):
        text = self.good(*self.words(card={"title": "Two colours"})).out
        for word in "6 pictures, 2 classes", "step", "loss", "samples/s", "s left", "done after step 12":
            self.assertIn(word, text)
        told = json.loads(self.good("info", self.path("model"), "--json").out)
        self.assertEqual((told["title"], told["classes"], told["null_class"]), ("Two colours", ["blue", "red"], 2))
        self.assertIn(b'"F16"', self.weights())
        self.assertTrue(self.path("model/checkpoint.safetensors").is_file())
        self.good("sample", self.path("model"), "--class", "red", "--steps", "2", "-o", self.path("x.png"))

    def test_pictures_without_classes(self):
        self.good(*self.words(data="data/red"))
        told = json.loads(self.good("info", self.path("model"), "--json").out)
        self.assertEqual((told["classes"], told["null_class"]), ([], -1))

    def test_grey_and_alpha(self):
        for channels in 1, 4:
            out = f"model-{channels}"
            self.good(*self.words(out, unet={**CONFIG["unet"], "in_channels": channels, "out_channels": channels}))
            self.assertEqual(json.loads(self.good("info", self.path(out), "--json").out)["channels"], channels)

    def test_the_same_twice(self):
        self.good(*self.words("a"))
        self.good(*self.words("b"))
        self.good(*self.words("c", seed=4))
        self.assertEqual(self.weights("a"), self.weights("b"))
        self.assertNotEqual(self.weights("a"), self.weights("c"))

    def test_threads_do_not_matter(self):
        self.good(*self.words("a"), "--threads", "1")
        self.good(*self.words("b"), "--threads", "2")
        self.assertEqual(self.weights("a"), self.weights("b"))

    def test_memory_does_not_matter(self):
        """A run under the lowest cap that is accepted gives the same weights; a lower one says which that is."""
        words = self.words("a", steps=2, phases=[{"size": 64, "batch": 8, "share": 1}])
        told  = int(re.search(r"(\d+) MB of memory", self.good(*words).out)[1])
        low   = run(*words[:-1], self.path("b"), "--memory", "1")
        self.assertEqual((low.status, low.err.count("\n")), (1, 1))
        least = int(re.search(r"needs at least (\d+) MB, the cap is 1 MB", low.err)[1])
        self.assertLess(least, 0.8 * told)
        lean = self.good(*words[:-1], self.path("b"), "--memory", least)
        self.assertLessEqual(int(re.search(r"(\d+) MB of memory", lean.out)[1]), least)
        self.assertEqual(self.weights("a"), self.weights("b"))

    def test_stop_and_resume(self):
        """SIGTERM: checkpoint, model, status 0. What goes on from there ends as the run that nobody stopped."""
        words = self.words("stopped", steps=400)
        running = subprocess.Popen([CLI, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.stdout.readline()
        running.stdout.readline()
        time.sleep(0.3)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
        self.assertEqual((running.returncode, err), (0, ""))
        self.assertIn("stopped after step", out)
        step = int(out.split("after step ")[1].split(";")[0])
        self.assertTrue(0 < step < 400, step)
        self.good("info", self.path("stopped"))
        self.good(*words, "--resume")
        self.good(*self.words("whole", steps=400))
        self.assertEqual(self.weights("stopped"), self.weights("whole"))

    def test_checkpoint_elsewhere(self):
        self.good(*self.words(), "--checkpoint", self.path("c.safetensors"), "--checkpoint-minutes", "0.0001")
        self.assertTrue(self.path("c.safetensors").is_file())
        self.assertFalse(self.path("model/checkpoint.safetensors").exists())

    def test_minutes_instead_of_steps(self):
        def spent():                                 # of processor time, for the machine may do much else
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        start = spent()
        text = self.good(*self.words(steps=100000000), "--minutes", "0.05").out
        self.assertGreater(int(text.split("done after step ")[1].split(";")[0]), 12)
        self.assertLess(spent() - start, 30)

    def test_a_bad_picture_is_named_and_skipped(self):
        whole = self.path("data/red/0.png").read_bytes()
        bad = {"broken.png": b"no picture", "half.png": whole[:len(whole) // 2], "empty.png": b""}
        for name, data in bad.items():
            self.path(f"data/red/{name}").write_bytes(data)
        Image.new("RGB", (5, 5)).save(self.path("data/red/small.png"))
        # 100 megapixels in a few bytes: all that is read of it is its size
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 10000, 10000, 8, 2, 0, 0, 0))
        self.path("data/red/large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")))
        result = run(*self.words())
        self.assertEqual(result.status, 0, result.err)
        self.assertIn("6 pictures, 2 classes", result.out)
        self.assertEqual(result.err.count("skipped"), 5, result.err)
        for name in [*bad, "small.png", "large.png"]:
            self.assertEqual(sum(name in line for line in result.err.splitlines()), 1, result.err)
        self.assertIn("5 × 5 is too small", result.err)
        self.assertIn("10000 × 10000 is 100 megapixels", result.err)

    def test_only_a_tiny_picture(self):
        self.path("small").mkdir()
        Image.new("RGB", (5, 5)).save(self.path("small/small.png"))
        result = run(*self.words(data="small"))
        self.assertEqual(result.status, 1)
        self.assertIn("5 × 5 is too small", result.err)
        self.assertIn("holds no picture that can be read", result.err)

    def test_cmyk(self):
        """Printers' colours are read as the colours that they are."""
        self.path("cmyk").mkdir()
        Image.new("CMYK", (24, 24), (0, 255, 255, 0)).save(self.path("cmyk/red.jpg"))
        settings = {"steps": 300, "learning_rate": 0.01, "card": {"steps": 10}}
        self.assertIn("1 pictures", self.good(*self.words(data="cmyk", **settings)).out)
        self.good("sample", self.path("model"), "--seed", "1", "-o", self.path("x.png"))
        colour = read_png(self.path("x.png")).reshape(-1, 3).mean(0)
        self.assertTrue(colour[0] > 180 and max(colour[1:]) < 80, colour)

    def limited(self, words, size):
        """The command where no file may grow beyond so many bytes: a write fails as on a full disk."""
        return subprocess.run([CLI, *map(str, words)], capture_output=True, text=True, timeout=120, preexec_fn=lambda:
                              resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))

    def test_no_space_for_the_checkpoint(self):
        """Training goes on, the last checkpoint stays, the model, which is smaller, is written, the status says it."""
        words = self.words()
        self.good(*words)
        before, model = self.path("model/checkpoint.safetensors").read_bytes(), len(self.weights())
        self.assertLess(2 * model, len(before))
        done = self.limited([*words, "--checkpoint-minutes", "0.00001"], 2 * model)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Training goes on", done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "Cannot write .*checkpoint.safetensors: .* Free some space")
        self.assertIn("done after step 12", done.stdout)
        self.assertEqual(self.path("model/checkpoint.safetensors").read_bytes(), before)
        self.assertEqual([p.name for p in self.path("model").glob("*.part*")], [])
        self.good("info", self.path("model"))

    def test_no_space_at_all(self):
        done = self.limited(self.words(), 200)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1), done.stderr)
        self.assertIn("config.json", done.stderr)

    def test_the_configuration_is_written_out(self):
        """Every default, and the same run once more."""
        self.good(*self.words())
        told = json.loads(self.path("model/config.json").read_text())
        self.assertLess({"unet", "scheduler", "card", "phases", "base", "learning_rate", "ema_decay", "min_snr_gamma",
                         "rotate"}, set(told))
        self.assertEqual((told["steps"], told["beta2"], told["scheduler"]["prediction_type"]), (12, .99, "v_prediction"))
        self.assertEqual(told["unet"]["num_class_embeds"], 3)
        self.good("train", "--data", self.path("data"), "--config", self.path("model/config.json"), "-o", self.path("b"))
        self.assertEqual(self.weights(), self.weights("b"))

    def test_resume_needs_no_configuration(self):
        words = self.words(steps=30)
        self.good(*words)
        self.good("train", "--data", self.path("data"), "-o", self.path("model"), "--resume")
        result = self.good(*words, "--resume")
        self.assertIn("done after step 30", result.out)

    def test_the_last_weights_instead_of_their_mean(self):
        self.good(*self.words(steps=30))
        mean = self.weights()
        words = ["train", "--data", self.path("data"), "-o", self.path("model"), "--resume"]
        self.good(*words, "--no-ema")
        self.assertNotEqual(mean, self.weights())
        self.good(*words)
        self.assertEqual(mean, self.weights())                 # the checkpoint has both

    def test_grids(self):
        out = self.good(*self.words(steps=60), "--grid", "0.0001").out
        grids = sorted(self.path("model").glob("grid-*.png"))
        self.assertTrue(grids)
        self.assertIn(str(grids[0]), out)
        self.assertEqual(read_png(grids[0]).shape, (64, 64, 3))
        plain = self.weights()
        self.good(*self.words("other", steps=60))
        self.assertEqual(plain, self.weights("other"))         # looking changes nothing

    def test_a_base(self):
        """A model goes on learning; without classes it is a model without classes."""
        config = {"phases": [{"size": 16, "batch": 4, "share": 1}], "steps": 8, "threads": 1}
        self.path("config.json").write_text(json.dumps(config))
        words = ["train", "--data", self.path("data/red"), "--config", self.path("config.json"), "-o", self.path("model")]
        self.good(*words, "--base", TINY)
        told = json.loads(self.good("info", self.path("model"), "--json").out)
        self.assertEqual((told["classes"], told["title"]), ([], "Tiny (for tests)"))
        self.good("sample", self.path("model"), "--steps", "2", "-o", self.path("x.png"))
        written = json.loads(self.path("model/config.json").read_text())
        self.assertEqual((written["base"], written["unet"]["block_out_channels"]), (str(TINY), [16, 32]))
        self.path("config.json").write_text(json.dumps({**config, "base": str(TINY)}))
        words[-1] = self.path("b")
        self.good(*words)
        self.assertEqual(self.weights(), self.weights("b"))
        self.refusal([*words, "--base", self.path("none")], ["none is not a model folder"])
        words[2] = self.path("data")
        self.refusal(words, ['no class "blue"'])

    def test_the_base_has_authors(self):
        """The list that a card refers to goes with what is made from the model."""
        base = self.path("base")
        shutil.copytree(TINY, base)
        (base / "ATTRIBUTION.txt").write_text("Made by Ä.\n")
        self.path("config.json").write_text(json.dumps({"phases": [{"size": 16, "batch": 4, "share": 1}], "steps": 2, "threads": 1}))
        self.good("train", "--data", self.path("data/red"), "--config", self.path("config.json"), "-o", self.path("model"),
                  "--base", base)
        self.assertEqual((self.path("model") / "ATTRIBUTION.txt").read_text(), "Made by Ä.\n")

    def refusal(self, words, says):
        result = run(*words)
        self.assertEqual(result.status, 1)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        for text in says:
            self.assertIn(text, result.err)

    def test_refusals(self):
        self.path("empty").mkdir()
        self.refusal(self.words(data="empty"), ["empty", "no picture"])
        self.refusal(self.words(data="none"), ["none"])
        self.refusal([*self.words(), "--resume"], ["checkpoint"])
        self.refusal(self.words(learning_rat=1), ["learning_rat"])
        self.refusal(self.words(learning_rate="fast"), ["learning_rate"])
        self.refusal(self.words(unet={**CONFIG["unet"], "in_channels": 2}), ["in_channels"])
        words = self.words()
        self.path("config.json").write_text("{ 1")
        self.refusal(words, ["config.json", "JSON"])
        self.path("config.json").unlink()
        self.refusal(words, ["config.json"])
        self.path("model").rmdir() if self.path("model").exists() else None
        self.path("model").write_text("a file")
        self.refusal(self.words(), ["model"])

    def test_usage(self):
        for words in ["--minutes", "0"], ["--minutes", "-1"], ["--checkpoint-minutes", "0"], ["--grid", "0"], ["--seed", "1"]:
            self.refused(2, *self.words(), *words, says=[words[0]])

    def test_a_checkpoint_of_another_network(self):
        self.good(*self.words())
        self.refusal([*self.words(unet={**CONFIG["unet"], "block_out_channels": [4, 8]}), "--resume"], [])
        data = self.path("model/checkpoint.safetensors").read_bytes()
        self.path("model/checkpoint.safetensors").write_bytes(data[:len(data) // 2])
        self.refusal([*self.words(), "--resume"], ["checkpoint"])


main()
