# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole sampling runs as diffusers does them, before the clamp to 8 bit; shared by the vectors and the live
comparison. A case is a dictionary of plain values that says both what diffusers does and what the command line is
told."""
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers import scheduling_ddim, scheduling_ddpm

from common import generator

DEFAULTS = dict(sampler="ddim", steps=10, spacing="leading", timesteps=None, eta=0.0, variance="fixed_small",
                clip="clip", seed=0, count=1, size=(16, 16), label=None, start=None)


def complete(case):
    return {**DEFAULTS, **case}


def draw(shape, generator, dtype):
    """Noise is always drawn as float32: torch's stream for float64 is another one."""
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(dtype)


def use_float32_noise():
    def randn_tensor(shape, generator=None, device=None, dtype=None):
        return draw(tuple(shape), generator, dtype)

    scheduling_ddim.randn_tensor = scheduling_ddpm.randn_tensor = randn_tensor


def scheduler_for(config, c):
    options = dict(clip_sample=c["clip"] != "none", timestep_spacing=c["spacing"])
    if c["sampler"] == "ddpm":
        return DDPMScheduler.from_config(config, variance_type=c["variance"], **options)
    return DDIMScheduler.from_config(config, **options)


def set_timesteps(scheduler, c):
    """DDIM takes no list: its step behind t is t - T//S, so the list must have that stride and end below it."""
    if c["timesteps"] is None:
        scheduler.set_timesteps(c["steps"])
        return scheduler.timesteps.tolist()
    if c["sampler"] == "ddpm":
        scheduler.set_timesteps(timesteps=c["timesteps"])
        return c["timesteps"]
    stride = c["timesteps"][0] - c["timesteps"][1]
    assert all(a - b == stride for a, b in zip(c["timesteps"], c["timesteps"][1:]))
    assert 1000 % stride == 0 and c["timesteps"][-1] < stride
    scheduler.set_timesteps(1000 // stride)
    return c["timesteps"]


def trajectory(model, config, case, x0=None, dtype=torch.float32, nudge=0.0):
    """The final sample [N,C,H,W]. x0: the picture of a partial run. nudge: a relative change of the first noise."""
    use_float32_noise()
    c = complete(case)
    scheduler, g = scheduler_for(config, c), generator(c["seed"])
    times = set_timesteps(scheduler, c)
    x = draw((c["count"], model.config.in_channels, *c["size"]), g, dtype) * (1 + nudge)
    if x0 is not None:
        x = scheduler.add_noise(x0.to(dtype), x, torch.tensor([times[0]]))
    labels = None if c["label"] is None else torch.full((c["count"],), c["label"])
    model = model.to(dtype)
    with torch.no_grad():
        for t in times:
            y = model(x, torch.tensor(t), class_labels=labels).sample
            if c["sampler"] == "ddpm":
                x = scheduler.step(y, t, x, generator=g).prev_sample
            else:
                x = scheduler.step(y, t, x, eta=c["eta"], generator=g,
                                   use_clipped_model_output=c["clip"] == "rederive").prev_sample
    model.float()
    return x


def arguments(case):
    """What diffusion-cli is told; MODEL, IN and OUT stand for paths."""
    c = complete(case)
    words = ["denoise", "MODEL", "-i", "IN"] if c["start"] is not None else ["sample", "MODEL"]
    words += ["-o", "OUT", "--sampler", c["sampler"], "--seed", str(c["seed"])]
    if c["start"] is not None:
        words += ["--t", str(c["start"])]
    else:
        words += ["--size", f"{c['size'][1]}x{c['size'][0]}", "--count", str(c["count"])]
    if c["timesteps"] is not None:
        words += ["--timesteps", ",".join(map(str, c["timesteps"]))]
    else:
        words += ["--steps", str(c["steps"]), "--spacing", c["spacing"]]
    if c["sampler"] == "ddpm":
        words += ["--variance", c["variance"].replace("_", "-")]
    else:
        words += ["--eta", str(c["eta"])]
    if c["label"] is not None:
        words += ["--class", str(c["label"])]
    return words + ["--clip", c["clip"], "--rng", "torch", "--compat", "diffusers"]
