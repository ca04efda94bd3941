# SPDX-License-Identifier: GPL-3.0-or-later
"""ncnn on pnnx's conversion (tests/bench/export.py). It knows no batch: pictures one after another. The sines of the
time embedding are an input, for pnnx has no conversion of them."""
import ncnn
import numpy as np

from peers.worker import THREADS, main

VARIANTS = ["fp32"]


def load(folder, batch, variant):
    net = ncnn.Net()
    net.opt.num_threads = THREADS
    net.opt.use_vulkan_compute = False
    for key in "use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage":
        setattr(net.opt, key, False)
    net.load_param(str(folder / "ncnn.param"))
    net.load_model(str(folder / "ncnn.bin"))
    emb = np.load(folder / "embedding.npy")

    def evaluate(x, t):
        out = []
        for one in x:
            with net.create_extractor() as run:
                run.input("in0", ncnn.Mat(one))
                run.input("in1", ncnn.Mat(emb))
                out.append(np.array(run.extract("out0")[1]))
        return np.stack(out)

    return evaluate, ncnn.__version__


if __name__ == "__main__":
    main(load)
