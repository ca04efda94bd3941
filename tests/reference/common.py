# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vector makers share: a torch that is exact on every CPU, seeded random networks, and the
one way in which vectors are written (float32 .npy in C order, one manifest.json per set)."""
import json
import math
import os
import pathlib
import platform
import re
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

# oneDNN gives non-finite gradients and other sums on some of our machines.
torch.backends.mkldnn.enabled = False
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

import diffusers  # noqa: E402  (after the switches)
from diffusers import UNet2DModel  # noqa: E402

diffusers.utils.logging.set_verbosity_error()
diffusers.utils.logging.disable_progress_bar()

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "golden" / "vectors"


def versions():
    script = pathlib.Path(sys.argv[0]).name
    return {
        "command": f"python tests/reference/{script}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "numpy": np.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "onednn": False,
        "threads": 1,
    }


def save_npy(path, array):
    """float32, C order, header version 1.0: what tests/golden reads."""
    if torch.is_tensor(array):
        array = array.detach().cpu().numpy()
    array = np.ascontiguousarray(np.asarray(array).astype(np.float32))
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as f:
        np.lib.format.write_array(f, array, version=(1, 0), allow_pickle=False)


def save_manifest(folder, content):
    content = dict(content)
    content["made_by"] = versions()
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    text = re.sub(r"\[[^][{}\"]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)
    (pathlib.Path(folder) / "manifest.json").write_text(text, encoding="utf-8")


def generator(seed):
    return torch.Generator("cpu").manual_seed(seed)


def redraw(model, seed):
    """Every parameter drawn anew, at a size at which each one matters in the output: a network as it is
    initialised has norms of 1 and biases of 0, which hide errors."""
    g = generator(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            z = torch.randn(p.shape, generator=g, dtype=torch.float32)
            if "norm" in name and name.endswith("weight"):
                p.copy_(1.0 + 0.25 * z)
            elif name.endswith("bias"):
                p.copy_(0.25 * z)
            elif "class_embedding" in name:
                p.copy_(z)
            else:
                fan_in = p[0].numel()
                p.copy_((1.6 if name.startswith("conv_out") else 1.0) * z / math.sqrt(fan_in))
    return model


def unet(seed, **config):
    torch.manual_seed(seed)
    return redraw(UNet2DModel(**config), seed).eval()


def evaluate(model, x, t, labels):
    """(float32 result, float64 result). The weights are float32 in both; the time embedding is float32 in
    both, as diffusers has it."""
    t = torch.as_tensor(t, dtype=torch.float32)
    labels = None if labels is None else torch.as_tensor(labels, dtype=torch.long)
    with torch.no_grad():
        single = model.float()(x.float(), t, class_labels=labels).sample
        double = model.double()(x.double(), t, class_labels=labels).sample
        model.float()
    assert torch.isfinite(single).all() and torch.isfinite(double).all()
    return single, double


def difference(a, b):
    d = (a.double() - b.double()).abs()
    return {"max": float(d.max()), "rms": float(d.pow(2).mean().sqrt())}


def google(**more):
    """The options of google/ddpm-* (config.json of the public repositories)."""
    config = dict(center_input_sample=False, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
                  attention_head_dim=None, norm_eps=1e-6, mid_block_scale_factor=1, act_fn="silu",
                  time_embedding_type="positional")
    config.update(more)
    return config


def plain(**more):
    """The style of our own models: no attention anywhere."""
    levels = len(more["block_out_channels"])
    config = dict(down_block_types=("DownBlock2D",) * levels, up_block_types=("UpBlock2D",) * levels,
                  add_attention=False)
    config.update(more)
    return config
