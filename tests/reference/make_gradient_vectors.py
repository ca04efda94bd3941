# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradient vectors: the mean squared error of two small networks, differentiated by torch in float64."""
import torch
from diffusers import DDPMScheduler
from safetensors.torch import save_file

from common import VECTORS, difference, generator, plain, save_manifest, save_npy, unet
from make_unet_vectors import save_model, tiled

TOLERANCE = 1e-4


def nets():
    return {
        "gradient-adm": dict(
            sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, attention_head_dim=8,
            down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D"), downsample_type="resnet",
            upsample_type="resnet", resnet_time_scale_shift="scale_shift", num_class_embeds=4),
        "gradient-plain": plain(
            sample_size=8, block_out_channels=(8, 12, 16), layers_per_block=1, norm_num_groups=4,
            num_class_embeds=4),
        "gradient-google": dict(
            sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
            attention_head_dim=None, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
    }


def gradients(model, x, target, t, labels, dtype):
    """loss = mean over all elements of (f(x) - target)², and its derivatives."""
    model.to(dtype).zero_grad()
    x = x.detach().to(dtype, copy=True).requires_grad_(True)
    loss = (model(x, t, class_labels=labels).sample - target.to(dtype)).square().mean()
    loss.backward()
    found = {name: p.grad.detach().clone() for name, p in model.named_parameters()}
    found["input"] = x.grad
    return loss.item(), found


def relative(a, b):
    """As the core's test measures it: per tensor, the largest difference over the largest gradient. A bias on
    the keys of attention has no gradient (softmax does not see it): there the scale is that of the keys' weight."""
    return {name: float((a[name].double() - b[name]).abs().max() / scale(b, name)) for name in b}


def scale(grads, name):
    return grads[name.replace("to_k.bias", "to_k.weight")].abs().max()


def case(folder, model, name, x, target, t, labels, tile):
    loss, exact = gradients(model, x, target, t, labels, torch.float64)
    loss32, single = gradients(model, x, target, t, labels, torch.float32)
    save_file({k: v.float().contiguous() for k, v in exact.items()}, folder / f"{name}.gradients.safetensors")
    errors = relative(single, exact)
    worst = max(errors, key=errors.get)
    print(f"{folder.name:16} {name:8} loss {loss:.6f} torch {loss32 - loss:+.1e}  {worst} {errors[worst]:.1e}")
    return {"name": name, "x": "x.npy", "target": "target.npy", "t": t.tolist(),
            "labels": None if labels is None else labels.tolist(), "tile": tile,
            "gradients": f"{name}.gradients.safetensors", "input_gradient": "input", "loss": loss,
            "loss_definition": "mean over all elements of (network(x) - target)^2",
            "torch_float32_error": {"loss": abs(loss32 - loss), "worst_tensor": worst,
                                    "max_difference_over_max_gradient": errors[worst]},
            "tolerance": TOLERANCE,
            "tolerance_definition": "per tensor: max |difference| <= tolerance * max |gradient|; for to_k.bias, "
                                    "whose gradient is 0, of max |gradient of to_k.weight|"}


def write_set(name, options, seed):
    folder = VECTORS / name
    model = unet(seed, **options)
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    save_model(model, folder / "model", scheduler)
    g = generator(seed + 1)
    x, target = torch.randn((3, 3, 8, 8), generator=g), torch.randn((3, 3, 8, 8), generator=g)
    t = torch.tensor([12.0, 500.0, 981.0])
    labels = torch.tensor([3, 0, 3]) if options.get("num_class_embeds") else None
    save_npy(folder / "x.npy", x)
    save_npy(folder / "target.npy", target)
    found = [case(folder, model, "zero", x, target, t, labels, "")]
    if name == "gradient-plain":
        found.append(case(folder, tiled(model, True, True), "wrapped", x, target, t, labels, "xy"))
    save_manifest(folder, {"name": name, "model": "model", "cases": found})


def main():
    for i, (name, options) in enumerate(nets().items()):
        write_set(name, options, 500 + 10 * i)


if __name__ == "__main__":
    main()
