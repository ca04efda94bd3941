# SPDX-License-Identifier: GPL-3.0-or-later
"""The public networks as facts: their configurations, and the names, shapes and number of their weights."""
import json

import torch
from diffusers import DDPMScheduler

from common import VECTORS, google, save_manifest
from diffusers import UNet2DModel


def configs():
    """name → (parameters, tensors, options, variance type): google/ddpm-cifar10-32, google/ddpm-*-256."""
    d, a, u, b = "DownBlock2D", "AttnDownBlock2D", "UpBlock2D", "AttnUpBlock2D"
    yield "cifar10-32", 35_746_307, 328, google(
        sample_size=32, block_out_channels=(128, 256, 256, 256), layers_per_block=2, norm_num_groups=32,
        down_block_types=(d, a, d, d), up_block_types=(u, u, b, u)), "fixed_large"
    yield "ddpm-256", 113_673_219, 450, google(
        sample_size=256, block_out_channels=(128, 128, 256, 256, 512, 512), layers_per_block=2, norm_num_groups=32,
        down_block_types=(d, d, d, d, a, d), up_block_types=(u, b, u, u, u, u)), "fixed_small"


def main():
    folder, found = VECTORS / "public-configs", []
    for name, parameters, tensors, options, variance in configs():
        with torch.device("meta"):
            model = UNet2DModel(**options)
        shapes = [[key, list(value.shape)] for key, value in model.state_dict().items()]
        count = sum(p.numel() for p in model.parameters())
        assert (count, len(shapes)) == (parameters, tensors), (name, count, len(shapes))
        model.save_config(folder / name)
        DDPMScheduler(variance_type=variance).save_pretrained(folder / name)
        (folder / f"{name}.tensors.json").write_text(
            "[\n" + ",\n".join(json.dumps(row) for row in shapes) + "\n]\n", encoding="utf-8")
        found.append({"name": name, "model": name, "parameters": count, "tensors": f"{name}.tensors.json",
                      "num_tensors": len(shapes)})
        print(f"{name}: {count:,} parameters in {len(shapes)} tensors")
    save_manifest(folder, {"name": "public-configs", "cases": found,
                           "reading": "configurations without weights; tensors: [name, shape] in torch's order"})


if __name__ == "__main__":
    main()
