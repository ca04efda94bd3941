# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks that are measured: diffusers' folders with seeded random weights, and what they must answer (in
double precision; of large pictures the first only). google/ddpm-cifar10-32 and google/ddpm-celebahq-256 as they are
published, and a smaller one for training.

    python make_models.py FOLDER        writes FOLDER/NAME/… for each; what is there is kept
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import DDIMScheduler, UNet2DModel  # noqa: E402

import param_counts  # noqa: E402
from common import plain, save_npy, unet  # noqa: E402

T = 10
TRAINING = plain(sample_size=64, block_out_channels=(64, 64, 128, 128), layers_per_block=2, norm_num_groups=32)


def networks():
    """name → options of UNet2DModel."""
    public = {name: options for name, _, _, options, _ in param_counts.configs()}
    return {"cifar10-32": public["cifar10-32"], "celebahq-256": public["ddpm-256"], "train-64": TRAINING}


def multiplications(model):
    """Multiplications of convolutions and linear layers in one evaluation of one picture."""
    total = 0

    def count(layer, _, out):
        nonlocal total
        total += layer.weight[0].numel() * out.numel()

    hooks = [layer.register_forward_hook(count) for layer in model.modules()
             if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
    size = model.config.sample_size
    model(torch.zeros(1, model.config.in_channels, size, size), torch.tensor([T]))
    for hook in hooks:
        hook.remove()
    return total


def expected(model, x):
    """fp64 on the same weights; the time embedding is float32, as diffusers has it."""
    double = model.double()
    y = torch.cat([double(one[None].double(), torch.tensor([T])).sample for one in torch.from_numpy(x)])
    model.float()
    return y


@torch.no_grad()
def make(folder, seed, options):
    """The files are written in an order in which facts.json, the last, says that all are whole."""
    model = unet(seed, **options)
    model.save_pretrained(folder / "unet")
    DDIMScheduler(clip_sample=False).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "DDIMPipeline", "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["diffusers", "UNet2DModel"]}), encoding="utf-8")
    size = options["sample_size"]
    x = np.random.default_rng(seed).standard_normal((8, 3, size, size), dtype=np.float32)
    save_npy(folder / "x.npy", x)
    torch.set_num_threads(2)
    y = expected(model, x if size < 256 else x[:1])
    np.save(folder / "expected.npy", y.numpy())
    facts = {"parameters": sum(p.numel() for p in model.parameters()), "gmac": multiplications(model) * 1e-9,
             "rms": float(y.square().mean().sqrt()), "seed": seed}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return facts


def main():
    cache = pathlib.Path(sys.argv[1])
    for seed, (name, options) in enumerate(networks().items(), 1):
        if not (cache / name / "facts.json").exists():
            print(f"{name}: weights, and the answer in double precision …", flush=True)
            print(name, make(cache / name, seed, options), flush=True)


if __name__ == "__main__":
    main()
