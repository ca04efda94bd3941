# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of 256 × 256 at 20 DDIM steps by diffusers on torch: the loop of its pipeline, with the class given."""
import sys

import diffusers
import torch
from diffusers import DDIMScheduler, UNet2DModel

from peers.worker import THREADS, say, serve

VARIANTS = ["onednn", "onednn channels-last", "no onednn"]
SIZE, STEPS = 256, 20


def main():
    folder, variant = sys.argv[1], sys.argv[3]
    torch.set_num_threads(THREADS)
    torch.backends.mkldnn.enabled = variant != "no onednn"
    layout = torch.channels_last if variant.endswith("channels-last") else torch.contiguous_format
    model = UNet2DModel.from_pretrained(folder, subfolder="unet").float().eval().to(memory_format=layout)
    schedule = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    label = torch.tensor([0]) if model.config.num_class_embeds else None

    @torch.inference_mode()
    def picture():
        x = torch.randn(1, model.config.in_channels, SIZE, SIZE).to(memory_format=layout)
        schedule.set_timesteps(STEPS)
        for t in schedule.timesteps:
            x = schedule.step(model(x, t, class_labels=label).sample, t, x).prev_sample
        return x

    assert torch.isfinite(picture()).all()
    say(version=f"{diffusers.__version__}, torch {torch.__version__}")
    serve(picture)


if __name__ == "__main__":
    main()
