# SPDX-License-Identifier: GPL-3.0-or-later
"""diffusers' UNet2DModel on torch, with oneDNN (in two layouts) and without: where the processor does not tell its cache
sizes, oneDNN answers wrongly, and the driver leaves such a variant out."""
import torch
from diffusers import UNet2DModel

from peers.worker import THREADS, main

VARIANTS = ["onednn", "onednn channels-last", "no onednn"]


@torch.inference_mode()
def evaluate(model, x, t):
    return model(x, t).sample.numpy()


def load(folder, batch, variant):
    torch.set_num_threads(THREADS)
    torch.backends.mkldnn.enabled = variant != "no onednn"
    layout = torch.channels_last if variant.endswith("channels-last") else torch.contiguous_format
    model = UNet2DModel.from_pretrained(folder / "unet").eval().to(memory_format=layout)
    return lambda x, t: evaluate(model, torch.from_numpy(x).to(memory_format=layout), torch.from_numpy(t)), torch.__version__


if __name__ == "__main__":
    main(load)
