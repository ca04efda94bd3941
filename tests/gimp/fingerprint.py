# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: prints checksums of a denoised and a generated layer."""
import hashlib

from inside import *  # noqa: F401, F403

image, layer = new_image(precision=P.FLOAT_LINEAR)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 16, 50, 44)
denoise(image, layer, eta=1.0)
print("fingerprint denoise", hashlib.sha256(native(layer).tobytes()).hexdigest())
generate(image, sampler="ddpm", width=64, height=48, guidance=2.0)
print("fingerprint generate", hashlib.sha256(native(image.get_layers()[0]).tobytes()).hexdigest())
finish()
