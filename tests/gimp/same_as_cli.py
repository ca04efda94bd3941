# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: the plug-in and diffusion-cli make the same picture of the same picture; and edge blend is GIMP's own
blend, in linear light, of the picture and of what the core made."""
import subprocess

from inside import *  # noqa: F401, F403

CLI, MODEL = os.environ["DIFFUSION_CLI"], os.environ["MODEL"]
COMMON = ["--class", "checks", "--t", "600", "--seed", "7", "--steps", "6"]


def cli(rgb, s, *words):
    Image.fromarray(rgb).save(scratch("in.png"))
    Image.fromarray(np.uint16(np.rint(s * 65535))).save(scratch("mask.png"))
    subprocess.run([CLI, "denoise", MODEL, "-i", scratch("in.png"), "--mask", scratch("mask.png"), "-o",
                    scratch("out.png"), *COMMON, *words], check=True)
    return np.asarray(Image.open(scratch("out.png")))


def to_linear(v):
    v = v / 255.0
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def from_linear(v):
    return 255.0 * np.where(v <= 0.0031308, v * 12.92, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)


def feathered():
    image, layer = new_image(width=150, height=130)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 50, 40, 60, 56)
    Gimp.Selection.feather(image, 20)
    return image, layer, native(layer), selection_on(layer)


image, layer, before, s = feathered()
check("there are half selected pixels", ((s > 0.45) & (s < 0.55)).sum() > 20)
denoise(image, layer)
other = cli(before, s)
gap = abs(native(layer).astype(int) - other)
check("noise-level: the plug-in and the command line agree", gap.max() <= 1, gap.max())
check("noise-level: half selected pixels as the core leaves them", gap[(s > 0.45) & (s < 0.55)].max() <= 1)

image, layer, before, s = feathered()
denoise(image, layer, edge="blend")
whole = cli(before, (s > 0).astype(np.float32), "--edge", "blend")
mixed = from_linear(to_linear(before) + s[..., None] * (to_linear(whole) - to_linear(before)))
gap = abs(native(layer).astype(float) - mixed)
check("blend: GIMP's mix in linear light of the picture and the core's", gap.max() <= 2.0, f"{gap.max():.2f}")
gap = abs(native(layer).astype(int) - cli(before, s, "--edge", "blend"))
check("blend: the plug-in and the command line agree", gap.max() <= 1, gap.max())

image, layer = new_image(width=150, height=130)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 30, 40, 50)
before, s = native(layer), selection_on(layer)
denoise(image, layer)
gap = abs(native(layer).astype(int) - cli(before, s))
check("a hard selection, feathered inwards: both agree", gap.max() <= 1, gap.max())

image, layer = new_image(width=150, height=130, precision=P.FLOAT_LINEAR)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 50, 40, 60, 56)
Gimp.Selection.feather(image, 20)
before, s = floats(layer, "R'G'B' float"), selection_on(layer)
denoise(image, layer)
np.save(scratch("in.npy"), (2 * before - 1).transpose(2, 0, 1)[None])
Image.fromarray(np.uint16(np.rint(s * 65535))).save(scratch("mask.png"))
subprocess.run([CLI, "denoise", MODEL, "-i", scratch("in.npy"), "--mask", scratch("mask.png"), "-o", scratch("out.npy"),
                *COMMON], check=True)
other = np.clip(np.load(scratch("out.npy"))[0].transpose(1, 2, 0) / 2 + 0.5, 0, 1)
gap = abs(floats(layer, "R'G'B' float") - other)[s > 0]
check("float: both agree beyond eight bits", gap.max() < 1e-4, f"{gap.max():.1e}")
finish()
