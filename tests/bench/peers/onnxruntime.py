# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime on torch's export (tests/bench/export.py), all optimisations on; the batch is a constant of the file."""
import onnxruntime

from peers.worker import THREADS, main

VARIANTS = ["all"]


def load(folder, batch, variant):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(folder / f"batch-{batch}.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x, t: session.run(None, {"sample": x, "timestep": t})[0], onnxruntime.__version__


if __name__ == "__main__":
    main(load)
