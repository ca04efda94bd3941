# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound of DDPM written a second time, from the paper's own formulas in float64: Gaussian KL divergences between
the posterior and the reverse step (Ho et al. 2020, eq. 6 and 7), each with its mean and variance, and the discretised
decoder by the error function. `predict (x, t)` is the network: x is [height, width, channels], t diffusers' index.

    python likelihood.py MODEL PICTURE.npy [--seed N] [--timesteps N]     with diffusers in float64, in JSON

PICTURE.npy is [1, channels, height, width], 8-bit values as v/127.5 - 1. Needs torch only when run like that."""
import argparse
import json
import math
import pathlib

import numpy as np

from philox import field

SMALL, LARGE = "fixed-small", "fixed-large"


def scheduler_of(model):
    for name in "scheduler/scheduler_config.json", "scheduler_config.json":
        if (pathlib.Path(model) / name).exists():
            return json.loads((pathlib.Path(model) / name).read_text())
    raise FileNotFoundError(f"{model} has no scheduler")


def betas_of(config):
    T = config["num_train_timesteps"]
    if config["beta_schedule"] == "linear":
        return np.linspace(config["beta_start"], config["beta_end"], T)
    if config["beta_schedule"] == "squaredcos_cap_v2":
        f = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
        return np.minimum(1 - f[1:] / f[:-1], 0.999)
    raise ValueError(config["beta_schedule"])


def kl(mean_q, variance_q, mean_p, variance_p):
    """KL (q ‖ p) of Gaussians, in nats per value."""
    return np.mean(0.5 * (np.log(variance_p / variance_q) - 1 + variance_q / variance_p
                          + (mean_q - mean_p) ** 2 / variance_p))


def cdf(z):
    """Of N (0, 1), by the C library's erfc: the small tail is exact, the other one its complement."""
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)))(z)


def decoder(x0, mean, variance):
    """-log of the mass in the bin of each value, in nats per value."""
    deviation = math.sqrt(variance)
    below, above = (x0 - 1 / 255 - mean) / deviation, (x0 + 1 / 255 - mean) / deviation
    below, above = np.where(x0 < -0.999, -np.inf, below), np.where(x0 > 0.999, np.inf, above)
    right = below + above > 0       # the mirror image, so that both ends lie in the small tail
    below, above = np.where(right, -above, below), np.where(right, -below, above)
    return np.mean(-np.log(cdf(above) - cdf(below)))


def prediction_to_x0(kind, abar, x, output):
    if kind == "epsilon":
        return (x - math.sqrt(1 - abar) * output) / math.sqrt(abar)
    if kind == "v_prediction":
        return math.sqrt(abar) * x - math.sqrt(1 - abar) * output
    return output


def posterior(beta, abar, before, x0, x):
    """Eq. 7."""
    mean = (math.sqrt(before) * beta / (1 - abar) * x0 + math.sqrt(1 - beta) * (1 - before) / (1 - abar) * x)
    return mean, (1 - before) / (1 - abar) * beta


def term(t, betas, kind, x0, noise, predict):
    """{t, error, bits by variance} of one t."""
    abars = np.cumprod(1 - betas)
    beta, abar, before = betas[t], abars[t], abars[t - 1] if t > 0 else 1.0
    x = math.sqrt(abar) * x0 + math.sqrt(1 - abar) * noise
    guess = prediction_to_x0(kind, abar, x, predict(x, t))
    eps = (x - math.sqrt(abar) * guess) / math.sqrt(1 - abar)
    out = {"t": t, "error": float(np.mean((noise - eps) ** 2)), "bits": {}}
    # the variance of q (x_1 | x_0) is known, so that the step to x_0 takes the next one's
    first = (1 - abars[0]) / (1 - abars[1]) * betas[1]
    for name in SMALL, LARGE:
        mean_q, variance_q = posterior(beta, abar, before, x0, x)
        mean_p, _ = posterior(beta, abar, before, guess, x)
        if t == 0:
            nats = decoder(x0, mean_p, first if name == SMALL else beta)
        else:
            nats = kl(mean_q, variance_q, mean_p, variance_q if name == SMALL else beta)
        out["bits"][name] = float(nats) / math.log(2)
    return out


def bound(model, x0, seed, timesteps, predict):
    """What `diffusion-cli likelihood --json` says of one picture [height, width, channels]; timesteps: the t evaluated,
    ascending from 0."""
    config = scheduler_of(model)
    betas, height, width, channels = betas_of(config), *x0.shape
    x0 = x0.astype(np.float64)
    terms = [term(t, betas, config.get("prediction_type", "epsilon"), x0,
                  field(seed, t, 0, 0, 0, 0, width, height, channels).astype(np.float64), predict) for t in timesteps]
    last = np.cumprod(1 - betas)[-1]
    prior = float(kl(math.sqrt(last) * x0, 1 - last, 0.0, 1.0)) / math.log(2)
    share = (len(betas) - 1) / (len(timesteps) - 1)
    total = {name: prior + terms[0]["bits"][name] + share * sum(one["bits"][name] for one in terms[1:])
             for name in (SMALL, LARGE)}
    return {"prior": prior, "terms": terms, "total": total}


def spaced(T, n):
    """0 and the middles of n - 1 equal parts of 1 … T-1."""
    return [0] + [1 + int((i + 0.5) * (T - 1) / (n - 1)) for i in range(n - 1)]


def main():
    from common import evaluate
    from diffusers import UNet2DModel
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timesteps", type=int, default=12)
    parser.add_argument("--label", type=int)
    options = parser.parse_args()
    network = UNet2DModel.from_pretrained(options.model / "unet").float().eval()

    def predict(x, t):
        rows = torch.from_numpy(x.transpose(2, 0, 1)[None])
        _, exact = evaluate(network, rows, [t], None if options.label is None else [options.label])
        return exact[0].numpy().transpose(1, 2, 0)

    x0 = np.load(options.picture)[0].transpose(1, 2, 0)
    steps = spaced(scheduler_of(options.model)["num_train_timesteps"], options.timesteps)
    print(json.dumps(bound(options.model, x0, options.seed, steps, predict), indent=1))


if __name__ == "__main__":
    main()
