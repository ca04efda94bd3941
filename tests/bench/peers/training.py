# SPDX-License-Identifier: GPL-3.0-or-later
"""A training step as ours, by torch on diffusers' UNet2DModel: noise, loss of v, backward, clipping, AdamW, mean of
weights. Its gradients are first compared with those in double precision: some builds of oneDNN give others."""
import copy
import sys

import torch
from diffusers import DDIMScheduler, UNet2DModel

from peers.worker import THREADS, peak_mb, say, serve

VARIANTS = ["onednn", "onednn channels-last", "no onednn"]


def gradients(model, x, t, target):
    model.zero_grad()
    torch.nn.functional.mse_loss(model(x, t).sample, target).backward()
    return torch.cat([p.grad.flatten().double() for p in model.parameters()])


def gradient_error(model, x, t, target):
    """max/rms of the gradients of two pictures against fp64."""
    exact = gradients(copy.deepcopy(model).double(), x[:2].double(), t[:2], target[:2].double())
    return float((gradients(model, x[:2], t[:2], target[:2]) - exact).abs().max() / exact.square().mean().sqrt())


def main():
    folder, batch, variant = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(THREADS)
    torch.backends.mkldnn.enabled = variant != "no onednn"
    layout = torch.channels_last if variant.endswith("channels-last") else torch.contiguous_format
    model = UNet2DModel.from_pretrained(folder, subfolder="unet").train().to(memory_format=layout)
    schedule = DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    mean = [p.detach().clone() for p in model.parameters()]
    size = model.config.sample_size
    pictures = torch.rand(batch, 3, size, size).to(memory_format=layout) * 2 - 1

    def step():
        noise, t = torch.randn_like(pictures), torch.randint(1000, (batch,))
        gradients(model, schedule.add_noise(pictures, noise, t), t, schedule.get_velocity(pictures, noise, t))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(mean, list(model.parameters()), 1e-3)

    error = gradient_error(model, pictures, torch.randint(1000, (batch,)), torch.randn_like(pictures))
    step()
    say(version=torch.__version__, error=error)
    serve(step)


if __name__ == "__main__":
    main()
