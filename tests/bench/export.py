# SPDX-License-Identifier: GPL-3.0-or-later
"""A model folder of make_models.py for the peers: ONNX by torch.onnx from diffusers' own UNet2DModel (a file per batch,
for constant shapes are optimised best), and ncnn by pnnx.

    python export.py onnx FOLDER BATCH      python export.py ncnn FOLDER
"""
import os
import pathlib
import sys
import tempfile

import numpy as np
import torch
from diffusers import UNet2DModel

from make_models import T


class Raw(torch.nn.Module):
    """The tensor itself instead of diffusers' output object."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, sample, timestep):
        return self.model(sample, timestep, return_dict=False)[0]


class Given(torch.nn.Module):
    """In place of the sines and cosines: what the caller gives as the time."""

    def forward(self, embedding):
        return embedding


def onnx(folder, model, batch):
    size = model.config.sample_size
    program = torch.onnx.export(Raw(model), (torch.zeros(batch, 3, size, size), torch.full((batch,), T)), dynamo=True,
                                input_names=["sample", "timestep"], output_names=["out"], optimize=True, verbose=False)
    path = folder / f"batch-{batch}.onnx"
    program.save(path.with_suffix(".part.onnx"), external_data=False)
    os.replace(path.with_suffix(".part.onnx"), path)


class ForNcnn(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        model.time_proj = Given()
        self.model = model

    def forward(self, sample, embedding):
        m = self.model
        emb = m.time_embedding(embedding)
        sample = m.conv_in(sample)
        skips = (sample,)
        for block in m.down_blocks:
            sample, more = block(hidden_states=sample, temb=emb)
            skips += more
        sample = m.mid_block(sample, emb)
        for block in m.up_blocks:
            n = len(block.resnets)
            sample, skips = block(sample, skips[-n:], emb), skips[:-n]
        return m.conv_out(m.conv_act(m.conv_norm_out(sample)))


def ncnn(folder, model):
    import pnnx

    size = model.config.sample_size
    embedding = model.time_proj(torch.tensor([T])).float()
    with tempfile.TemporaryDirectory(dir=folder) as work:
        work = pathlib.Path(work)
        pnnx.export(ForNcnn(model), str(work / "model.pt"), (torch.zeros(1, 3, size, size), embedding), fp16=False,
                    check_trace=False, pnnxpy=str(work / "pnnx.py"), ncnnpy=str(work / "ncnn.py"),
                    pnnxparam=str(work / "pnnx.param"), pnnxbin=str(work / "pnnx.bin"),
                    pnnxonnx=str(work / "pnnx.onnx"), ncnnparam=str(work / "ncnn.param"),
                    ncnnbin=str(work / "ncnn.bin"))
        np.save(folder / "embedding.npy", embedding[0].numpy())
        os.replace(work / "ncnn.bin", folder / "ncnn.bin")
        os.replace(work / "ncnn.param", folder / "ncnn.param")


@torch.no_grad()
def main():
    kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    model = UNet2DModel.from_pretrained(folder / "unet").eval()
    if kind == "onnx":
        onnx(folder, model, int(sys.argv[3]))
    else:
        ncnn(folder, model)


if __name__ == "__main__":
    main()
