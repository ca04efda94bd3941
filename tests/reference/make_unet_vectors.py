# SPDX-License-Identifier: GPL-3.0-or-later
"""Network vectors: seeded random UNet2DModel networks, evaluated by torch in float64 (core.md C1-C9, T12)."""
import inspect
import json
import shutil

import torch
from diffusers import DDPMPipeline, DDPMScheduler
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import get_timestep_embedding
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from common import (VECTORS, difference, evaluate, generator, google, plain, save_manifest, save_npy, unet)
from diffusers import UNet2DModel

TOLERANCE = 2e-5
WEIGHTS = "diffusion_pytorch_model.safetensors"
MIDDLE = dict(block_out_channels=(16, 24), layers_per_block=1, norm_num_groups=8)
SMALL = dict(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4)
TINY = dict(block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2)


def nets():
    """name → (UNet2DModel options, image height × width)"""
    attn = dict(down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))
    adm = dict(down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"),
               up_block_types=("ResnetUpsampleBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
               downsample_type="resnet", upsample_type="resnet", resnet_time_scale_shift="scale_shift",
               block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, num_class_embeds=5)
    return {
        "google": (google(sample_size=16, block_out_channels=(8, 16, 16), layers_per_block=2, norm_num_groups=4,
                          down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
                          up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D")), (16, 16)),
        "default": (dict(sample_size=16, **MIDDLE, **attn), (16, 16)),
        "head-dim-odd": (dict(sample_size=8, attention_head_dim=6, **SMALL, **attn), (8, 8)),
        "attn-groups": (dict(sample_size=8, attn_norm_num_groups=2, mid_block_scale_factor=1.5, **SMALL, **attn),
                        (8, 8)),
        "adm": (dict(sample_size=16, attention_head_dim=8, **adm), (16, 16)),
        "adm-conv": (dict(sample_size=8, resnet_time_scale_shift="scale_shift", num_class_embeds=3, **SMALL, **attn),
                     (8, 8)),
        "resnet-default-time": (dict(sample_size=8, downsample_type="resnet", upsample_type="resnet", **SMALL,
                                     **attn), (8, 8)),
        "plain": (plain(sample_size=16, block_out_channels=(8, 12, 20), layers_per_block=1, norm_num_groups=4),
                  (16, 16)),
        "plain-google": (plain(**google(sample_size=16, **SMALL)), (16, 16)),
        "plain-class": (plain(sample_size=16, num_class_embeds=4, **SMALL), (16, 16)),
        "one-level": (plain(sample_size=5, block_out_channels=(8,), layers_per_block=1, norm_num_groups=2), (5, 7)),
        "grey": (google(sample_size=16, in_channels=1, out_channels=1, **SMALL, **attn), (16, 16)),
        "rgba": (plain(sample_size=16, in_channels=4, out_channels=4, **SMALL), (16, 16)),
        "non-square": (google(sample_size=[24, 40], **SMALL, **attn), (24, 40)),
        "center-input": (plain(sample_size=16, center_input_sample=True, **TINY), (16, 16)),
    }


def save_model(model, folder, scheduler=None):
    """Flat layout, as the google repositories have it."""
    model.save_pretrained(folder)
    (scheduler or DDPMScheduler()).save_pretrained(folder)
    assert {p.name for p in folder.iterdir()} == {"config.json", "scheduler_config.json", WEIGHTS}


def case(folder, model, name, x, t, labels=None, tile=""):
    single, double = evaluate(model, x, t, labels)
    save_npy(folder / f"{name}.x.npy", x)
    save_npy(folder / f"{name}.y.npy", double)
    return {"name": name, "x": f"{name}.x.npy", "y": f"{name}.y.npy", "shape": list(x.shape), "t": t,
            "labels": labels, "tile": tile, "rms": float(double.pow(2).mean().sqrt()),
            "torch_float32_error": difference(single, double), "tolerance": TOLERANCE}



def cases(folder, model, shape, seed):
    """One picture at t = 417, then a batch of 3 with a t and a class for each row, one t fractional."""
    g = generator(seed)
    size = (model.config.in_channels, *shape)
    classes = model.config.num_class_embeds
    one, three = torch.randn((1, *size), generator=g), torch.randn((3, *size), generator=g)
    labels = None if classes is None else [classes - 1, 0, 1]
    return [case(folder, model, "one", one, [417.0], labels and labels[-1:]),
            case(folder, model, "three", three, [0.0, 321.5, 999.0], labels)]


def check_sensitivity(name, model, shape, classes):
    """No parameter is idle: each tensor, put back to what it would be without training (norms 1, the rest
    0), moves the output by far more than the tolerance."""
    size = (2, model.config.in_channels, *shape)
    x, t = torch.randn(size, generator=generator(7)).double(), torch.tensor([417.0, 30.0])
    labels = None if classes is None else torch.tensor([classes - 1, 0])
    model.double()
    with torch.no_grad():
        y = model(x, t, class_labels=labels).sample
        for key, p in model.named_parameters():
            kept = p.clone()
            p.fill_(1.0 if "norm" in key and key.endswith("weight") else 0.0)
            moved = difference(model(x, t, class_labels=labels).sample, y)["max"]
            p.copy_(kept)
            # A bias on the keys shifts every logit of a row alike: softmax does not see it.
            assert moved > 20 * TOLERANCE or key.endswith("to_k.bias"), (name, key, moved)
    model.float()


def write_set(name, model, shape, seed):
    folder = VECTORS / f"unet-{name}"
    save_model(model, folder / "model")
    check_sensitivity(name, model, shape, model.config.num_class_embeds)
    found = cases(folder, model, shape, seed + 1)
    save_manifest(folder, {"name": f"unet-{name}", "model": "model", "cases": found})
    for c in found:
        print(f"unet-{name:20} {c['name']:8} {c['shape']} rms {c['rms']:.3f}"
              f" torch {c['torch_float32_error']['max']:.1e}")


# ---------------------------------------------------------------------------- names, types, layouts

def old_name(key, to_4d):
    for new, old in ((".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."),
                     (".to_out.0.", ".proj_attn.")):
        key = key.replace(new, old)
    if to_4d:
        for old, new in ((".query.", ".q."), (".key.", ".k."), (".value.", ".v."), (".proj_attn.", ".proj_out.")):
            key = key.replace(old, new)
    return key


def write_aliases(shape, seed):
    """One network under three spellings of its attention weights: the same result (core.md C2, T16)."""
    config = google(sample_size=8, **TINY,
                    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                    up_block_types=("AttnUpBlock2D", "UpBlock2D"))
    model = unet(seed, **config)
    folder = VECTORS / "unet-aliases"
    save_model(model, folder / "model")
    weights = load_file(folder / "model" / WEIGHTS)
    for layout in ("model-old", "model-conv"):
        conv = layout == "model-conv"
        shutil.copytree(folder / "model", folder / layout, dirs_exist_ok=True)
        renamed = {}
        for key, value in weights.items():
            if conv and ".attentions." in key and value.dim() == 2:
                value = value[:, :, None, None]
            renamed[old_name(key, conv)] = value.contiguous()
        save_file(renamed, folder / layout / WEIGHTS, metadata={"format": "pt"})
    found = cases(folder, model, shape, seed + 1)
    # diffusers itself reads the first of the old spellings: the oracle for which name is which.
    x = torch.ones(1, 3, *shape)
    _, old = evaluate(UNet2DModel.from_pretrained(folder / "model-old"), x, [417.0], None)
    _, new = evaluate(model, x, [417.0], None)
    assert difference(old, new)["max"] < 1e-12
    save_manifest(folder, {"name": "unet-aliases", "model": "model", "same_output": ["model-old", "model-conv"],
                           "cases": found})


def write_absent(shape, seed):
    """The same network with every option left out that is at its default (absent head_dim is 8, T19)."""
    model = unet(seed, sample_size=8, **SMALL, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                 up_block_types=("AttnUpBlock2D", "UpBlock2D"))
    folder = VECTORS / "unet-absent"
    save_model(model, folder / "model")
    config = json.loads((folder / "model" / "config.json").read_text())
    defaults = {k: p.default for k, p in inspect.signature(UNet2DModel.__init__).parameters.items()}
    kept = {k: v for k, v in config.items() if k not in defaults or v != defaults[k]}
    assert "attention_head_dim" not in kept and "norm_num_groups" in kept
    (folder / "model" / "config.json").write_text(json.dumps(kept, indent=2) + "\n")
    found = cases(folder, UNet2DModel.from_pretrained(folder / "model"), shape, seed + 1)
    save_manifest(folder, {"name": "unet-absent", "model": "model", "cases": found})


def write_types(seed):
    """float16 and bfloat16 files: the weights are those of the file, the arithmetic is float64."""
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        options, shape = plain(sample_size=8, num_class_embeds=4, **SMALL), (8, 8)
        model = unet(seed, **options).to(dtype)
        folder = VECTORS / f"unet-{name}"
        save_model(model, folder / "model")
        found = cases(folder, model.float(), shape, seed + 1)
        save_manifest(folder, {"name": f"unet-{name}", "model": "model", "cases": found})


def write_pipeline(seed):
    """The layout of DDPMPipeline.save_pretrained: model_index.json, unet/, scheduler/."""
    shape, model = (16, 16), unet(seed, **plain(**google(sample_size=16, **TINY)))
    folder = VECTORS / "unet-pipeline"
    DDPMPipeline(model, DDPMScheduler()).save_pretrained(folder / "model")
    save_manifest(folder, {"name": "unet-pipeline", "model": "model",
                           "cases": cases(folder, model, shape, seed + 1)})


# ---------------------------------------------------------------------------- circular padding

def wrap(x, left, right, tile_x, tile_y):
    x = F.pad(x, (left, right, 0, 0), mode="circular" if tile_x else "constant")
    return F.pad(x, (0, 0, left, right), mode="circular" if tile_y else "constant")


def tiled(model, tile_x, tile_y):
    """Every 3×3 convolution padded circularly along the wanted axes; the right/bottom padding of the google
    networks' downsampling too."""
    def convolve(conv, before, after):
        return lambda x: F.conv2d(wrap(x, before, after, tile_x, tile_y), conv.weight, conv.bias, conv.stride)

    asymmetric = [m.conv for m in model.modules() if isinstance(m, Downsample2D) and m.padding == 0]
    for m in model.modules():
        if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3) and not any(m is a for a in asymmetric):
            assert m.padding == (1, 1)
            m.forward = convolve(m, 1, 1)
        elif isinstance(m, Downsample2D) and m.padding == 0:
            m.forward = convolve(m.conv, 0, 1)
    return model


def check_tiling(name, model, options, seed, x):
    """The patched network against torch's own circular padding, and against a roll of the picture."""
    step = 2 ** (len(options["block_out_channels"]) - 1)
    _, y = evaluate(model, x, [417.0], None)
    _, rolled = evaluate(model, x.roll((step, 2 * step), (2, 3)), [417.0], None)
    assert difference(rolled, y.roll((step, 2 * step), (2, 3)))["max"] < 1e-12
    if options.get("downsample_padding", 1) == 1:
        other = unet(seed, **options)
        for m in other.modules():
            if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3):
                m.padding_mode = "circular"
        _, z = evaluate(other, x, [417.0], None)
        assert difference(y, z)["max"] < 1e-12, name


def write_tiled(seed):
    three = dict(block_out_channels=(4, 8, 8), layers_per_block=1, norm_num_groups=2)
    for name, options in (("plain", plain(sample_size=16, **three)),
                          ("plain-google", plain(**google(sample_size=16, **three)))):
        folder = VECTORS / f"unet-tile-{name}"
        save_model(unet(seed, **options), folder / "model")
        x = torch.randn((1, 3, 16, 24), generator=generator(seed + 1))
        check_tiling(name, tiled(unet(seed, **options), True, True), options, seed, x)
        found = [case(folder, tiled(unet(seed, **options), "x" in tile, "y" in tile), f"tile-{tile or 'none'}", x,
                      [417.0], None, tile) for tile in ("", "x", "y", "xy")]
        save_manifest(folder, {"name": folder.name, "model": "model", "cases": found})


def write_embedding():
    """The time embedding alone, float32 as torch has it, against core.md's values for t = 500 (T18)."""
    folder, t, found = VECTORS / "embedding", [0.0, 1.0, 321.5, 500.0, 999.0], []
    written = {(1, False): (-.467772, -.999682, .574101), (0, True): (-.883849, .848515, -.455753)}
    for (shift, flip), values in written.items():
        y = get_timestep_embedding(torch.tensor(t), 128, flip_sin_to_cos=flip, downscale_freq_shift=shift)
        assert max(abs(float(y[3, i]) - v) for i, v in enumerate(values)) < 5e-5
        name = f"shift-{shift}-{'flip' if flip else 'plain'}.npy"
        save_npy(folder / name, y)
        found.append({"freq_shift": shift, "flip_sin_to_cos": flip, "channels": 128, "t": t, "y": name})
    # One bit of the float32 frequency is up to 6e-5 in the sine at t = 999; such a bit is libm's freedom.
    save_manifest(folder, {"name": "embedding", "cases": found, "tolerance": 7e-5})


def main():
    write_embedding()
    for i, (name, (options, shape)) in enumerate(nets().items()):
        write_set(name, unet(100 + 10 * i, **options), shape, 100 + 10 * i)
    write_aliases((8, 8), 400)
    write_absent((8, 8), 440)
    write_types(410)
    write_pipeline(420)
    write_tiled(430)
    worst = max((c["torch_float32_error"]["max"], p.parent.name) for p in VECTORS.glob("unet-*/manifest.json")
                for c in json.loads(p.read_text())["cases"])
    print("torch's own worst float32 error:", *worst)


if __name__ == "__main__":
    main()
