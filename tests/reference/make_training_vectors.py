# SPDX-License-Identifier: GPL-3.0-or-later
"""Training vectors: AdamW steps of torch on fixed pictures, noise, t and classes; the loss of every step."""
import copy
import json
import math

import torch
from diffusers import DDPMScheduler

from common import VECTORS, difference, generator, plain, save_manifest, save_npy
from diffusers import UNet2DModel
from make_unet_vectors import save_model, tiled

STEPS, BATCH, SIZE, CLASSES = 200, 4, 16, 4
PICTURES = NOISES = 16        # batches of each; a step combines one of these with one of those
CONFIG = dict(learning_rate=2e-3, warmup_steps=20, beta1=0.9, beta2=0.99, epsilon=1e-8, weight_decay=1e-2,
              clip_norm=1.0, ema_decay=0.99, min_snr_gamma=0.0, wrap=0, steps=STEPS)
NETWORK = plain(sample_size=SIZE, block_out_channels=(16, 24), layers_per_block=1, norm_num_groups=8,
                num_class_embeds=CLASSES + 1)


def scheduler():
    return DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False,
                         timestep_spacing="trailing")


def pictures(labels, g):
    """Four classes of texture, each picture with its own colours and phase: stripes along x, along y, along the
    diagonal, and a checked pattern."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    coordinate = torch.stack([x, y, x + y, (x // 4 + y // 4) * 4])
    found = []
    for label in labels:
        phase, period = torch.randint(0, 8, (1,), generator=g), [8.0, 8.0, 16.0, 8.0][label]
        wave = torch.sin(2 * math.pi * (coordinate[label] + phase) / period)
        low, high = torch.rand((2, 3, 1, 1), generator=g) * 1.6 - 0.8
        found.append(low + (high - low) * (wave / 2 + 0.5))
    return torch.stack(found).clamp(-1, 1)


def material(g):
    own = torch.tensor([[(b + i) % CLASSES for i in range(BATCH)] for b in range(PICTURES)])
    x0 = torch.stack([pictures(row, g) for row in own.tolist()])
    noise = torch.randn((NOISES, BATCH, 3, SIZE, SIZE), generator=g)
    step = torch.arange(STEPS)
    data_of, noise_of = step % PICTURES, (5 * step + step // PICTURES) % NOISES
    t = torch.floor((torch.arange(BATCH) + torch.rand((STEPS, BATCH), generator=g)) / BATCH * 1000)
    labels = own[data_of]
    labels[torch.rand((STEPS, BATCH), generator=g) < 0.1] = CLASSES
    return {"x0": x0, "noise": noise, "data_of": data_of, "noise_of": noise_of, "t": t, "labels": labels}


def learning_rate(step, c):
    """Linear from base/W to base, then half a cosine that would reach 0 at step S."""
    w, s = c["warmup_steps"], c["steps"]
    if step < w:
        return c["learning_rate"] * (step + 1) / w
    return c["learning_rate"] * 0.5 * (1 + math.cos(math.pi * (step - w) / (s - w)))


def loss_of(model, m, step, abar, gamma):
    dtype = abar.dtype
    x0, noise = m["x0"][m["data_of"][step]].to(dtype), m["noise"][m["noise_of"][step]].to(dtype)
    t = m["t"][step].long()
    a = abar[t].view(-1, 1, 1, 1)
    x, v = a.sqrt() * x0 + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * x0
    snr = a / (1 - a)
    weight = snr.clamp(max=gamma) / (snr + 1) if gamma > 0 else torch.ones_like(a)
    return (weight * (model(x, t, class_labels=m["labels"][step]).sample - v).square()).mean()


def train(model, m, c, dtype, steps):
    """(losses, gradient norms, EMA weights)"""
    model = model.to(dtype)
    abar = scheduler().alphas_cumprod.to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, betas=(c["beta1"], c["beta2"]), eps=c["epsilon"],
                                  weight_decay=c["weight_decay"], foreach=False)
    ema = {k: p.detach().clone() for k, p in model.named_parameters()}
    losses, norms = [], []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate(step, c)
        optimizer.zero_grad()
        loss = loss_of(model, m, step, abar, c["min_snr_gamma"])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), c["clip_norm"]).item())
        optimizer.step()
        n = step + 1
        decay = min(c["ema_decay"], (1 + n) / (10 + n))
        for k, p in model.named_parameters():
            ema[k].lerp_(p.detach(), 1 - decay)
        losses.append(loss.item())
    return losses, norms, ema


def mean(values):
    return sum(values) / len(values)


def run(folder, name, model, m, changes, steps, tile):
    c = dict(CONFIG, **changes)
    if tile:
        fresh = lambda: tiled(copy.deepcopy(model), True, True)  # noqa: E731
    else:
        fresh = lambda: copy.deepcopy(model)  # noqa: E731
    losses, norms, ema = train(fresh(), m, c, torch.float64, steps)
    losses32, _, ema32 = train(fresh(), m, c, torch.float32, steps)
    save_npy(folder / f"{name}.losses.npy", torch.tensor(losses, dtype=torch.float64))
    drift = [abs(a - b) / b for a, b in zip(losses32, losses)]
    late = abs(mean(losses32[150:]) / mean(losses[150:]) - 1) if steps == STEPS else None
    config = dict(c, seed=0, class_dropout=0.1, phases=[{"size": SIZE, "batch": BATCH, "share": 1}])
    entry = {
        "name": name, "model": "model", "steps": steps, "trainer_config": config,
        "losses": f"{name}.losses.npy", "first_gradient_norms": norms[:20],
        "mean_loss_151_to_200": mean(losses[150:]) if steps == STEPS else None,
        "torch_float32_error": {"first_20_relative": max(drift[:20]), "mean_151_to_200_relative": late},
        "tolerance": {"first_20_relative": 1e-3, "mean_151_to_200_relative": 2e-2},
        "ema": {k: {"mean": float(p.mean()), "rms": float(p.square().mean().sqrt()),
                    "torch_float32_max_difference": difference(ema32[k], p)["max"]} for k, p in ema.items()},
    }
    print(f"{name:10} loss {losses[0]:.4f} {losses[19]:.4f} … {losses[-1]:.4f}; norms {min(norms):.2f}…{max(norms):.2f}"
          f"; torch drift {max(drift[:20]):.1e}, all {max(drift):.1e}, late {late}, ema "
          f"{max(v['torch_float32_max_difference'] for v in entry['ema'].values()):.1e}")
    return entry, ema


def main():
    folder = VECTORS / "training"
    g = generator(600)
    m = material(g)
    torch.manual_seed(601)
    model = UNet2DModel(**NETWORK)
    save_model(model, folder / "model", scheduler())
    for key, value in m.items():
        save_npy(folder / f"{key}.npy", value)
    runs = [run(folder, "plain", model, m, {}, STEPS, False)[0],
            run(folder, "min-snr", model, m, {"min_snr_gamma": 5.0, "wrap": 1}, 20, True)[0]]
    unet_config = json.loads((folder / "model" / "config.json").read_text())
    save_manifest(folder, {
        "name": "training",
        "data": {k: f"{k}.npy" for k in m},
        "rules": {
            "rows": "step s trains on x0[data_of[s]] and noise[noise_of[s]], each [4,3,16,16], with t[s] and labels[s] "
                    "(dropped classes are already the null class, 4)",
            "x_t": "sqrt(abar_t) x0 + sqrt(1 - abar_t) noise",
            "target": "sqrt(abar_t) noise - sqrt(1 - abar_t) x0",
            "loss": "mean over all elements of weight * (network(x_t, t, label) - target)^2; weight = 1, or "
                    "min(snr, gamma)/(snr + 1) when min_snr_gamma > 0, snr = abar_t/(1 - abar_t)",
            "learning_rate": "s counted from 0, W = warmup_steps, S = steps: base (s + 1)/W while s < W, then "
                             "base (1 + cos(pi (s - W)/(S - W)))/2",
            "clip": "all gradients times min(1, clip_norm/(norm + 1e-6)), norm over all parameters",
            "adamw": "decoupled decay of every parameter: w *= 1 - lr * weight_decay; then Adam with bias "
                     "correction, epsilon added after the root",
            "ema": "after step s: ema += (1 - d)(w - ema), d = min(ema_decay, (1 + n)/(10 + n)), n = s + 1; it "
                   "starts as the initial weights",
            "wrap": "1: every 3x3 convolution pads circularly along both axes",
        },
        "unet": unet_config,
        "min_snr_weights": min_snr_table(),
        "ema_decay_table": [{"n": n, "decay": min(0.99, (1 + n) / (10 + n))} for n in (1, 2, 10, 100, 1000)],
        "runs": runs,
    })


def min_snr_table():
    """T30: the weights at five t, γ = 5, cosine schedule, per prediction."""
    abar = scheduler().alphas_cumprod.double()
    table = []
    for t in (0, 100, 300, 600, 990):
        snr = float(abar[t] / (1 - abar[t]))
        least = min(snr, 5.0)
        table.append({"t": t, "abar": float(abar[t]), "epsilon": least / snr, "sample": least,
                      "v_prediction": least / (snr + 1)})
    return table


if __name__ == "__main__":
    main()
