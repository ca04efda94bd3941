# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenVINO on torch's ONNX export: one request at a time, or the batch as single pictures in two streams."""
import numpy as np
import openvino

from peers.worker import THREADS, main

VARIANTS = ["latency"]
BATCH_VARIANTS = ["streams"]


def load(folder, batch, variant):
    core = openvino.Core()
    streams = 1 if variant == "latency" else THREADS
    model = core.read_model(folder / f"batch-{batch if streams == 1 else 1}.onnx")
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": streams, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT"})
    if streams == 1:
        request = compiled.create_infer_request()
        return lambda x, t: request.infer({"sample": x, "timestep": t})[0], openvino.__version__
    queue = openvino.AsyncInferQueue(compiled, streams)
    out = None

    def keep(request, i):
        out[i] = request.get_output_tensor().data[0]

    queue.set_callback(keep)

    def evaluate(x, t):
        nonlocal out
        out = np.empty_like(x)
        for i in range(batch):
            queue.start_async({"sample": x[i:i + 1], "timestep": t[i:i + 1]}, i)
        queue.wait_all()
        return out

    return evaluate, openvino.__version__


if __name__ == "__main__":
    main(load)
