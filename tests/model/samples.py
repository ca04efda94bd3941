#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of every class of a model, for classify.py and grid.py: MODEL -> OUT/<class>/*.png, by diffusion-cli.

With --random-weights the same network with weights drawn anew: what the architecture alone makes.
"""
import argparse
import json
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np


def forget(model, copy, seed):
    """Copies a model folder with random weights: normal with variance 1/fan-in, as at the start of a training."""
    shutil.copytree(model, copy)
    path = copy / "unet" / "diffusion_pytorch_model.safetensors"
    blob = path.read_bytes()
    size, = struct.unpack_from("<Q", blob)
    rng = np.random.default_rng(seed)
    data = bytearray(blob[8 + size:])
    for name, tensor in json.loads(blob[8:8 + size]).items():
        if name == "__metadata__":
            continue
        shape = tensor["shape"]
        if len(shape) > 1:
            values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        else:                                        # biases 0; the one-dimensional weights are the norms' scales
            values = np.full(shape, name.endswith(".weight"), float)
        begin, end = tensor["data_offsets"]
        data[begin:end] = values.astype({"F16": np.float16, "F32": np.float32}[tensor["dtype"]]).tobytes()
    path.write_bytes(blob[:8 + size] + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cli", default="build/diffusion-cli")
    parser.add_argument("--count", type=int, default=6, help="of each class")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random-weights", action="store_true")
    parser.add_argument("options", nargs="*", help="after --: options for diffusion-cli sample, such as --steps=50")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        model = args.model
        if args.random_weights:
            model = Path(scratch) / "model"
            forget(args.model, model, args.seed)
        names = json.loads((model / "card.json").read_text(encoding="utf-8"))["class_names"]
        for i, name in enumerate(names):             # no two classes share a seed: their errors are independent
            seed = args.seed + i * args.count
            (args.out / name).mkdir(parents=True, exist_ok=True)
            subprocess.run([args.cli, "sample", model, f"--class={name}", f"--count={args.count}", f"--seed={seed}", "-o",
                            args.out / name / f"{name}.png", *args.options], check=True)


if __name__ == "__main__":
    main()
