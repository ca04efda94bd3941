# SPDX-License-Identifier: GPL-3.0-or-later
"""The training step of training.py in JAX: diffusers' UNet2DModel without attention, written for NHWC, compiled as a
whole. Its gradients are compared with those in double precision too. XLA's convolutions run on one thread: with more,
the gradient of this network never came to an end where the processor does not tell the sizes of its caches (JAX 0.10.2)."""
import json
import os
import pathlib
import sys

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from peers.worker import say, serve

VARIANTS = ["one thread"]
RATE, MEAN, CLIP = 1e-4, 1e-3, 1.0


class UNet:
    def __init__(self, folder):
        self.config = json.loads((folder / "unet" / "config.json").read_text())
        assert not self.config["add_attention"] and self.config["downsample_padding"] == 1
        assert {kind[-7:] for kind in self.config["down_block_types"] + self.config["up_block_types"]} == {"Block2D"}
        tensors = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
        self.weights = {name: jnp.asarray(w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T) for name, w in tensors.items()}

    @staticmethod
    def conv(w, name, x, stride=1):
        pad = w[f"{name}.weight"].shape[0] // 2
        y = jax.lax.conv_general_dilated(x, w[f"{name}.weight"], (stride, stride), [(pad, pad)] * 2,
                                         dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return y + w[f"{name}.bias"]

    def norm(self, w, name, x):
        grouped = x.reshape(*x.shape[:3], self.config["norm_num_groups"], -1)
        mean = grouped.mean((1, 2, 4), keepdims=True)
        variance = jnp.square(grouped - mean).mean((1, 2, 4), keepdims=True)
        x = ((grouped - mean) * jax.lax.rsqrt(variance + self.config["norm_eps"])).reshape(x.shape)
        return jax.nn.silu(x * w[f"{name}.weight"] + w[f"{name}.bias"])

    @staticmethod
    def linear(w, name, x):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def resnet(self, w, name, x, time):
        y = self.conv(w, f"{name}.conv1", self.norm(w, f"{name}.norm1", x))
        y += self.linear(w, f"{name}.time_emb_proj", jax.nn.silu(time))[:, None, None]
        y = self.conv(w, f"{name}.conv2", self.norm(w, f"{name}.norm2", y))
        return y + (self.conv(w, f"{name}.conv_shortcut", x) if f"{name}.conv_shortcut.weight" in w else x)

    def time(self, w, t):
        half = self.config["block_out_channels"][0] // 2
        angles = t[:, None] * jnp.exp(-jnp.log(10000.0) * jnp.arange(half) / half).astype(t.dtype)
        features = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], -1)
        return self.linear(w, "time_embedding.linear_2", jax.nn.silu(self.linear(w, "time_embedding.linear_1", features)))

    def __call__(self, w, x, t):
        layers, levels = self.config["layers_per_block"], len(self.config["block_out_channels"])
        time, x = self.time(w, t), self.conv(w, "conv_in", x)
        kept = [x]
        for level in range(levels):
            for i in range(layers):
                x = self.resnet(w, f"down_blocks.{level}.resnets.{i}", x, time)
                kept.append(x)
            if level + 1 < levels:
                x = self.conv(w, f"down_blocks.{level}.downsamplers.0.conv", x, 2)
                kept.append(x)
        for i in range(2):
            x = self.resnet(w, f"mid_block.resnets.{i}", x, time)
        for level in range(levels):
            for i in range(layers + 1):
                x = self.resnet(w, f"up_blocks.{level}.resnets.{i}", jnp.concatenate([x, kept.pop()], -1), time)
            if level + 1 < levels:
                x = x.repeat(2, 1).repeat(2, 2)
                x = self.conv(w, f"up_blocks.{level}.upsamplers.0.conv", x)
        return self.conv(w, "conv_out", self.norm(w, "conv_norm_out", x))


def loss(net, w, x, t, target):
    return jnp.square(net(w, x, t) - target).mean()


def flat(tree):
    return np.concatenate([np.asarray(leaf, dtype=np.float64).ravel() for leaf in jax.tree.leaves(tree)])


def gradient_error(net, gradients, x, t, target):
    """max/rms of the gradients of two pictures against fp64."""
    double = [jax.tree.map(lambda a: a.astype(jnp.float64), v) for v in (net.weights, x, t, target)]
    exact = flat(gradients(*double))
    return float(np.abs(flat(gradients(net.weights, x, t, target)) - exact).max() / np.sqrt(np.square(exact).mean()))


def adamw(state, gradients):
    """One step, as torch's AdamW with its usual settings, after clipping; and the moving mean of the weights."""
    scale = jnp.minimum(1.0, CLIP / (jnp.sqrt(sum(jnp.square(g).sum() for g in jax.tree.leaves(gradients))) + 1e-6))
    n, out = state["n"] + 1, {"n": state["n"] + 1, "w": {}, "m": {}, "v": {}, "mean": {}}
    for name, g in gradients.items():
        g = g * scale
        m, v = 0.9 * state["m"][name] + 0.1 * g, 0.999 * state["v"][name] + 0.001 * g * g
        w = state["w"][name] * (1 - RATE * 0.01)
        w -= RATE * m / (1 - 0.9 ** n) / (jnp.sqrt(v / (1 - 0.999 ** n)) + 1e-8)
        out["m"][name], out["v"][name], out["w"][name] = m, v, w
        out["mean"][name] = state["mean"][name] + MEAN * (w - state["mean"][name])
    return out


def main():
    jax.config.update("jax_enable_x64", True)
    net, batch = UNet(pathlib.Path(sys.argv[1])), int(sys.argv[2])
    size = net.config["sample_size"]
    alphas = jnp.cos((jnp.arange(1000) / 1000 + 0.008) / 1.008 * jnp.pi / 2).astype(jnp.float32) ** 2
    key = jax.random.key(0)
    pictures = jax.random.uniform(key, (batch, size, size, 3), jnp.float32, -1, 1)
    gradients = jax.jit(jax.grad(lambda w, x, t, target: loss(net, w, x, t, target)))

    @jax.jit
    def step(state, key):
        noise = jax.random.normal(key, pictures.shape, jnp.float32)
        t = jax.random.randint(key, (batch,), 0, 1000)
        a = alphas[t][:, None, None, None]
        x, target = jnp.sqrt(a) * pictures + jnp.sqrt(1 - a) * noise, jnp.sqrt(a) * noise - jnp.sqrt(1 - a) * pictures
        return adamw(state, gradients(state["w"], x, t.astype(jnp.float32), target))

    zeros = jax.tree.map(jnp.zeros_like, net.weights)
    state = {"n": jnp.zeros((), jnp.float32), "w": net.weights, "m": zeros, "v": zeros, "mean": net.weights}
    error = gradient_error(net, gradients, pictures[:2], jnp.asarray([10.0, 700.0], jnp.float32),
                           jax.random.normal(key, (2, size, size, 3), jnp.float32))

    def once():
        nonlocal state, key
        key, part = jax.random.split(key)
        state = jax.block_until_ready(step(state, part))

    once()
    say(version=jax.__version__, error=error)
    serve(once)


if __name__ == "__main__":
    main()
