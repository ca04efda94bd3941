# SPDX-License-Identifier: GPL-3.0-or-later
"""Trajectory vectors: two small networks, trained here for a minute so that their pictures stay finite and smooth,
and whole DDIM and DDPM runs of diffusers with torch's generator."""
import itertools

import torch
from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler

from common import VECTORS, difference, generator, google, plain, save_manifest, save_npy
from diffusers import UNet2DModel
from make_training_vectors import pictures
from make_unet_vectors import save_model
from trajectories import arguments, complete, trajectory

SMALL = dict(sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4)
TRAINING_STEPS = 1500


def networks():
    """name → (options of the network, scheduler)"""
    yield "epsilon", google(**SMALL, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                            up_block_types=("AttnUpBlock2D", "UpBlock2D")), DDPMScheduler()
    yield "v", plain(**SMALL, num_class_embeds=5), DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", timestep_spacing="trailing")


def train(options, scheduler, seed):
    torch.manual_seed(seed)
    model, g = UNet2DModel(**options), generator(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, TRAINING_STEPS)
    for _ in range(TRAINING_STEPS):
        labels = torch.randint(0, 4, (8,), generator=g)
        x0 = pictures(labels.tolist(), g)
        noise, t = torch.randn(x0.shape, generator=g), torch.randint(0, 1000, (8,), generator=g)
        labels[torch.rand(8, generator=g) < 0.1] = 4
        v = scheduler.config.prediction_type == "v_prediction"
        target = scheduler.get_velocity(x0, noise, t) if v else noise
        y = model(scheduler.add_noise(x0, noise, t), t, class_labels=labels if v else None).sample
        loss = (y - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay.step()
    print(f"trained, last loss {loss.item():.3f}")
    return model.eval()


def epsilon_cases():
    for spacing, steps, eta in itertools.product(("leading", "trailing", "linspace"), (10, 50), (0.0, 0.5)):
        yield f"ddim-{spacing}-{steps}-eta{eta:g}", dict(spacing=spacing, steps=steps, eta=eta, seed=steps)
    # steps that do not divide T: diffusers' step behind t is t - T//S, not the next in the list
    yield "ddim-trailing-7-eta0.5", dict(spacing="trailing", steps=7, eta=0.5, seed=1)
    yield "ddim-eta1", dict(steps=20, eta=1.0, seed=2 ** 31 - 1)
    yield "ddim-unclipped", dict(steps=20, clip="none", seed=2)
    yield "ddim-rederive", dict(steps=20, clip="rederive", eta=0.5, seed=2)
    yield "ddim-batch-2", dict(steps=10, eta=0.5, count=2, seed=3)
    yield "ddim-wide", dict(steps=10, size=(16, 24), seed=4)
    for spacing in ("leading", "trailing", "linspace"):
        yield f"ddpm-{spacing}-20", dict(sampler="ddpm", spacing=spacing, steps=20, seed=5)
    yield "ddpm-large-leading-10", dict(sampler="ddpm", steps=10, variance="fixed_large", seed=6)
    # the last step adds noise of 0.32: diffusers asks whether t > 0, not whether the clean picture comes next
    yield "ddpm-large-trailing-10", dict(sampler="ddpm", spacing="trailing", steps=10, variance="fixed_large", seed=6)
    yield "ddpm-unclipped", dict(sampler="ddpm", steps=20, clip="none", seed=7)
    yield "ddpm-batch-2", dict(sampler="ddpm", steps=10, count=2, seed=8)
    yield "ddpm-1000", dict(sampler="ddpm", steps=1000, seed=9)
    even = list(range(400, -1, -50))
    yield "denoise-ddim", dict(timesteps=even, start=400, seed=10)
    yield "denoise-ddim-eta0.5", dict(timesteps=even, start=400, eta=0.5, seed=10)
    yield "denoise-ddpm", dict(sampler="ddpm", timesteps=[400, 300, 199, 99, 49], start=400, seed=11)
    yield "denoise-ddpm-large-to-0", dict(sampler="ddpm", timesteps=[600, 411, 222, 50, 7, 0], start=600,
                                          variance="fixed_large", seed=12)


def v_cases():
    yield "ddim-trailing-10", dict(spacing="trailing", label=2, seed=20)
    yield "ddim-leading-50-eta0.5", dict(steps=50, eta=0.5, label=0, seed=21)
    yield "ddim-null-class", dict(spacing="trailing", steps=20, label=4, clip="none", seed=22)
    yield "ddim-batch-2", dict(spacing="trailing", eta=0.5, label=1, count=2, seed=23)
    yield "ddpm-trailing-20", dict(sampler="ddpm", spacing="trailing", steps=20, label=3, seed=24)
    yield "ddpm-large-leading-10", dict(sampler="ddpm", variance="fixed_large", label=1, seed=25)
    yield "denoise-ddim", dict(timesteps=[399, 299, 199, 99], start=399, label=1, seed=26)
    yield "denoise-ddim-rederive", dict(timesteps=[399, 299, 199, 99], start=399, label=1, eta=0.5, clip="rederive",
                                        seed=26)


def check_pipeline(model, scheduler, case, raw):
    """The loop here against diffusers' own pipelines, where these can do the case."""
    c = complete(case)
    if c["timesteps"] is not None or c["label"] is not None or c["size"] != (16, 16):
        return
    config = {**scheduler.config, "timestep_spacing": c["spacing"], "clip_sample": c["clip"] != "none",
              "variance_type": c["variance"], "_use_default_values": []}
    ddpm = c["sampler"] == "ddpm"
    pipe = (DDPMPipeline if ddpm else DDIMPipeline)(model, DDPMScheduler.from_config(config))
    pipe.set_progress_bar_config(disable=True)
    more = {} if ddpm else {"eta": c["eta"], "use_clipped_model_output": c["clip"] == "rederive"}
    image = pipe(batch_size=c["count"], generator=generator(c["seed"]), num_inference_steps=c["steps"],
                 output_type="np", **more).images
    want = (raw / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    assert float((torch.from_numpy(image) - want).abs().max()) < 1e-6, c


def write_network(folder, name, model, scheduler, cases, x0):
    found = []
    for label, case in cases:
        picture = x0 if "start" in case else None
        raw = trajectory(model, scheduler.config, case, picture)
        check_pipeline(model, scheduler, case, raw)
        exact = trajectory(model, scheduler.config, case, picture, torch.float64)
        nudged = trajectory(model, scheduler.config, case, picture, torch.float64, 1e-6)
        save_npy(folder / f"{name}.{label}.npy", raw)
        error = difference(raw, exact)
        found.append({"name": f"{name}-{label}", "model": name, "input": "picture.npy" if picture is not None else None,
                      "output": f"{name}.{label}.npy", "shape": list(raw.shape), "case": complete(case),
                      "cli": arguments(case), "torch_float32_error": error,
                      "effect_of_1e-6_in_the_first_noise": difference(nudged, exact)["max"], "tolerance": 1e-3})
        print(f"{name:8} {label:26} range {raw.min():6.2f} {raw.max():5.2f} torch {error['max']:.1e}"
              f" nudge {found[-1]['effect_of_1e-6_in_the_first_noise']:.1e}")
    return found


def main():
    folder = VECTORS / "trajectories"
    x0 = pictures([3], generator(800))
    save_npy(folder / "picture.npy", x0)
    cases = {"epsilon": epsilon_cases(), "v": v_cases()}
    found = []
    for i, (name, options, scheduler) in enumerate(networks()):
        model = train(options, scheduler, 810 + i)
        save_model(model, folder / name, scheduler)
        found += write_network(folder, name, model, scheduler, cases[name], x0)
    save_manifest(folder, {
        "name": "trajectories",
        "reading": "output is the sample after the last step, before any clamp; cli are the arguments of diffusion-cli "
                   "that give it (MODEL = the model's folder, IN = input, OUT = result). case.start: the run is a "
                   "partial one: the noise is drawn first and added to the input at the first timestep. With count "
                   "above 1 one generator draws the whole batch. timesteps: after the last comes the clean picture.",
        "cases": found})


if __name__ == "__main__":
    main()
