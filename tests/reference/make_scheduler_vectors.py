# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduler vectors: tables, timesteps, single steps, whole loops with diffusers' dummy model, torch's generator."""
import itertools

import numpy as np
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DDPMScheduler
from diffusers.schedulers import scheduling_ddpm

from common import VECTORS, generator, save_manifest, save_npy

BASE = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
SCHEDULES = {
    "linear": dict(beta_schedule="linear", beta_start=1e-4, beta_end=0.02),
    "scaled-linear": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012),
    "squaredcos-cap-v2": dict(beta_schedule="squaredcos_cap_v2"),
    "linear-zero-snr": dict(beta_schedule="linear", beta_start=1e-4, beta_end=0.02, rescale_betas_zero_snr=True),
    "squaredcos-cap-v2-500": dict(beta_schedule="squaredcos_cap_v2", num_train_timesteps=500),
}
# core.md §1.1: recomputed there without torch; this file stands between the two.
WRITTEN = {
    "linear": {0: .999899983, 1: .999780059, 10: .997806489, 100: .895141363, 250: .521423042, 500: .0777966604,
               750: .00330015901, 900: .00027024452, 980: 5.90375275e-05, 999: 4.03583072e-05},
    "squaredcos-cap-v2": {0: .999958694, 100: .971575618, 500: .492285043, 900: .0236161072, 999: 2.42873499e-09},
    "scaled-linear": {0: .999149978, 500: .276332468, 999: .00466009509},
    "linear-zero-snr": {0: .999899983, 500: .0752462298, 998: 4.21321689e-09, 999: 0.0},
}


def write_schedules():
    """ᾱ tables, and the timesteps of DDPM and DDIM (the same text in both)."""
    folder = VECTORS / "schedules"
    tables = []
    for name, options in SCHEDULES.items():
        table = DDPMScheduler(**options).alphas_cumprod
        save_npy(folder / f"{name}.npy", table)
        relative = 1e-6 if "rescale_betas_zero_snr" in options else 2.4e-7     # 2 ulp; a difference cancels there
        for t, value in WRITTEN.get(name, {}).items():
            assert abs(float(table[t]) - value) <= relative * value + 1e-12, (name, t, float(table[t]), value)
        tables.append({"name": name, "alphas_cumprod": f"{name}.npy", "scheduler": dict(BASE, **options),
                       "tolerance": {"relative": relative, "absolute": 1e-12}})
    spacings = []
    for spacing, offset, steps in itertools.product(("leading", "trailing", "linspace"), (0, 1),
                                                    (1, 5, 7, 10, 13, 50, 1000)):
        if offset and (spacing != "leading" or steps == 1000):     # an offset overflows the table there
            continue
        lists = []
        for kind in (DDPMScheduler, DDIMScheduler):
            scheduler = kind(timestep_spacing=spacing, steps_offset=offset)
            scheduler.set_timesteps(steps)
            lists.append(scheduler.timesteps.tolist())
        assert lists[0] == lists[1]
        spacings.append({"spacing": spacing, "steps_offset": offset, "steps": steps, "timesteps": lists[0]})
    save_manifest(folder, {"name": "schedules", "tables": tables,
                           "spacings": spacings})


# ---------------------------------------------------------------------------- single steps

def ddim_cases():
    keys = ("prediction_type", "eta", "clip_sample", "use_clipped_model_output", "steps", "t")
    for prediction, eta, clip, (steps, t) in itertools.product(
            ("epsilon", "v_prediction", "sample"), (0.0, 0.5, 1.0), ("none", "clip", "rederive"),
            ((50, 980), (50, 420), (50, 0), (10, 999), (1000, 1))):
        yield dict(zip(keys, (prediction, eta, clip != "none", clip == "rederive", steps, t))), clip


def write_ddim(folder, x, output, noise):
    """diffusers' own rule for the step behind t: t - T//S, which below 0 is the clean picture (ᾱ = 1)."""
    found, prevs, estimates = [], [], []
    for i, (c, clip) in enumerate(ddim_cases()):
        schedule = ("linear", "squaredcos-cap-v2")[i % 2]
        scheduler = DDIMScheduler(**SCHEDULES[schedule], prediction_type=c["prediction_type"],
                                  clip_sample=c["clip_sample"])
        scheduler.set_timesteps(c["steps"])
        step = scheduler.step(output, c["t"], x, eta=c["eta"], variance_noise=noise if c["eta"] > 0 else None,
                              use_clipped_model_output=c["use_clipped_model_output"])
        found.append({"row": i, "schedule": schedule, "prediction_type": c["prediction_type"], "eta": c["eta"],
                      "clip": clip, "t": c["t"], "prev_t": max(c["t"] - 1000 // c["steps"], -1)})
        prevs.append(step.prev_sample)
        estimates.append(step.pred_original_sample)
    save_npy(folder / "ddim.prev.npy", torch.stack(prevs))
    save_npy(folder / "ddim.x0.npy", torch.stack(estimates))
    return found


def write_ddpm(folder, x, output, noise):
    """The noise is given: the scheduler's own draw is replaced. diffusers adds it whenever t > 0, even when the
    clean picture comes next."""
    found, prevs, estimates = [], [], []
    draw, scheduling_ddpm.randn_tensor = scheduling_ddpm.randn_tensor, lambda *a, **k: noise
    for i, (variance, prediction, clip, (spacing, steps, t)) in enumerate(itertools.product(
            ("fixed_small", "fixed_large"), ("epsilon", "v_prediction", "sample"), ("none", "clip"),
            (("leading", 1000, 999), ("leading", 1000, 1), ("leading", 1000, 0), ("leading", 10, 500),
             ("leading", 10, 0), ("trailing", 10, 499), ("trailing", 10, 99), ("linspace", 7, 500)))):
        schedule = ("linear", "squaredcos-cap-v2")[i // 8 % 2]
        scheduler = DDPMScheduler(**SCHEDULES[schedule], prediction_type=prediction, clip_sample=clip == "clip",
                                  variance_type=variance, timestep_spacing=spacing)
        scheduler.set_timesteps(steps)
        step = scheduler.step(output, t, x)
        found.append({"row": i, "schedule": schedule, "prediction_type": prediction, "variance_type": variance,
                      "clip": clip, "t": t, "prev_t": int(scheduler.previous_timestep(t)),
                      "noise_added": t > 0})
        prevs.append(step.prev_sample)
        estimates.append(step.pred_original_sample)
    scheduling_ddpm.randn_tensor = draw
    save_npy(folder / "ddpm.prev.npy", torch.stack(prevs))
    save_npy(folder / "ddpm.x0.npy", torch.stack(estimates))
    return found


def write_noising(folder, x0, noise):
    found, rows = [], []
    for i, (schedule, t) in enumerate(itertools.product(("linear", "squaredcos-cap-v2"), (0, 1, 10, 500, 998))):
        rows.append(DDPMScheduler(**SCHEDULES[schedule]).add_noise(x0, noise, torch.tensor([t])))
        found.append({"row": i, "schedule": schedule, "t": t})
    save_npy(folder / "noised.npy", torch.stack(rows))
    return found


def write_steps():
    folder, g = VECTORS / "steps", generator(700)
    x, output, noise = (torch.randn((1, 3, 4, 4), generator=g) for _ in range(3))
    for name, tensor in (("x", x), ("output", output), ("noise", noise)):
        save_npy(folder / f"{name}.npy", tensor)
    variances = []
    for kind, pairs in ((DDIMScheduler, ((420, 400), (980, 960))), (DDPMScheduler, ((487, 486), (999, 998)))):
        for t, prev in pairs:
            value = kind()._get_variance(t, prev) if kind is DDIMScheduler else kind()._get_variance(t)
            variances.append({"scheduler": kind.__name__, "t": t, "prev_t": prev, "variance": float(value)})
    for v, written in zip(variances, (.14771, .32460, .00979, .02)):
        assert abs(v["variance"] - written) < 1e-5, v
    save_manifest(folder, {
        "name": "steps", "x": "x.npy", "output": "output.npy", "noise": "noise.npy",
        "variances": variances,
        "ddim": {"prev": "ddim.prev.npy", "x0": "ddim.x0.npy", "cases": write_ddim(folder, x, output, noise)},
        "ddpm": {"prev": "ddpm.prev.npy", "x0": "ddpm.x0.npy", "cases": write_ddpm(folder, x, output, noise)},
        "add_noise": {"x0": "x.npy", "noise": "noise.npy", "rows": "noised.npy",
                      "cases": write_noising(folder, x, noise)},
        "reading": "row i of prev and x0 is case i; float32 arithmetic in diffusers' order; prev_t -1 is the clean "
                   "picture (abar = 1); clip rederive is use_clipped_model_output; T = 1000",
        "tolerance": "|difference| <= 1e-5 * (1 + |value|); for DDPM with t <= 1 the float32 coefficients in "
                     "diffusers' order are part of the number (core.md fact 3)",
    })


# ---------------------------------------------------------------------------- loops

def dummy_sample():
    """tests/schedulers/test_schedulers.py of diffusers: values 0 … 1 of shape [4,3,8,8]."""
    return (torch.arange(4 * 3 * 8 * 8).reshape(3, 8, 8, 4) / (4 * 3 * 8 * 8)).permute(3, 0, 1, 2)


def dummy_noise():
    return torch.arange(4 * 3 * 8 * 8).flip(-1).reshape(3, 8, 8, 4).div(4 * 3 * 8 * 8).permute(3, 0, 1, 2)


def dummy_model(sample, t):
    return sample * t / (t + 1)


def loop_ddpm(noise=False, **options):
    scheduler = DDPMScheduler(**BASE, **dict(dict(variance_type="fixed_small", clip_sample=True), **options))
    g, sample, times = generator(0), dummy_sample(), list(reversed(range(len(scheduler))))
    if noise:
        times = times[-2:]                                   # t_start = T - 2: noised at the first of them
        sample = scheduler.add_noise(sample, dummy_noise(), torch.tensor(times[:1]))
    for t in times:
        sample = scheduler.step(dummy_model(sample, t), t, sample, generator=g).prev_sample
    return sample, times


def loop_ddim(noise=False, **options):
    scheduler = DDIMScheduler(**dict(dict(BASE, clip_sample=True), **options))
    scheduler.set_timesteps(10)
    sample, times = dummy_sample(), scheduler.timesteps
    if noise:
        times = times[8:]
        sample = scheduler.add_noise(sample, dummy_noise(), times[:1])
    for t in times:
        sample = scheduler.step(dummy_model(sample, t), t, sample, 0.0).prev_sample
    return sample, times.tolist()


def loop_inverse(**options):
    scheduler = DDIMInverseScheduler(**dict(dict(BASE, clip_sample=True), **options))
    scheduler.set_timesteps(10)
    sample = dummy_sample()
    for t in scheduler.timesteps:
        sample = scheduler.step(dummy_model(sample, t), t, sample).prev_sample
    return sample, scheduler.timesteps.tolist()


def loops():
    """name, sampler, what it is run with, sum of |sample| as diffusers' tests state it (core.md §2.4)"""
    v = dict(prediction_type="v_prediction")
    yield "ddpm", loop_ddpm, {}, 258.9606
    yield "ddpm-v", loop_ddpm, v, 202.0296
    yield "ddpm-noise", loop_ddpm, dict(noise=True), 387.9466
    yield "ddim", loop_ddim, {}, 172.0067
    yield "ddim-v", loop_ddim, v, 52.5302
    yield "ddim-alpha-one", loop_ddim, dict(set_alpha_to_one=True, beta_start=0.01), 149.8295
    yield "ddim-alpha-not-one", loop_ddim, dict(set_alpha_to_one=False, beta_start=0.01), 149.0784
    yield "ddim-noise", loop_ddim, dict(noise=True), 354.5418
    yield "inverse", loop_inverse, {}, 671.6816
    yield "inverse-v", loop_inverse, v, 1394.2185
    yield "inverse-alpha-one", loop_inverse, dict(set_alpha_to_one=True, beta_start=0.01), 539.9622
    yield "inverse-alpha-not-one", loop_inverse, dict(set_alpha_to_one=False, beta_start=0.01), 542.6722


def write_loops():
    folder = VECTORS / "loops"
    save_npy(folder / "sample.npy", dummy_sample())
    save_npy(folder / "noise.npy", dummy_noise())
    found = []
    for name, loop, options, written in loops():
        sample, times = loop(**options)
        total, mean = float(sample.abs().sum()), float(sample.abs().mean())
        assert abs(total - written) < 1e-2, (name, total, written)
        save_npy(folder / f"{name}.npy", sample)
        found.append({"name": name, "result": f"{name}.npy", "sum": total, "mean": mean, "written_in_diffusers": written,
                      "options": dict(dict(BASE, clip_sample=True), **options),
                      "timesteps": times})
        print(f"{name:24} {total:10.4f} {written:10.4f}")
    save_manifest(folder, {
        "name": "loops", "sample": "sample.npy", "noise": "noise.npy",
        "model": "output = sample * t / (t + 1), whatever prediction_type says it is",
        "noise_rule": "where options.noise is true: sample <- add_noise(sample, noise, first timestep) first",
        "generator": "DDPM: one torch generator with seed 0, one randn of [4,3,8,8] in every step with t > 0; DDIM: none",
        "inverse_rule": "step at t goes from level t - 100 (below 0: abar = 1, or abar_0 with set_alpha_to_one false) "
                        "to level t; the model sees t",
        "tolerance": {"sum": 1e-2, "mean": 1e-3, "element": 1e-3}, "cases": found})


# ---------------------------------------------------------------------------- torch's generator

def write_rng():
    folder, found = VECTORS / "rng", []
    for seed, n in itertools.product((0, 1, 2 ** 31 - 1), (6, 16, 20, 48, 1000)):
        g = generator(seed)
        first, second = torch.randn(n, generator=g), torch.randn(n, generator=g)
        save_npy(folder / f"{seed}-{n}.npy", torch.stack([first, second]))
        found.append({"seed": seed, "n": n, "draws": f"{seed}-{n}.npy"})
    written = np.array([-1.1258, -1.1524, -.2506, -.4339, .8487, .6920, -.3160, -2.1152])
    assert np.abs(torch.randn(48, generator=generator(0))[:8].numpy() - written).max() < 1e-4
    save_manifest(folder, {"name": "rng", "reading": "each file is [2,n]: the first and the second randn(n) of one "
                                                     "torch.Generator('cpu').manual_seed(seed)",
                           "tolerance": "|difference| <= 2e-6 (torch's vector log, sin and cos differ from libm's)",
                           "cases": found})


def main():
    write_schedules()
    write_steps()
    write_loops()
    write_rng()


if __name__ == "__main__":
    main()
