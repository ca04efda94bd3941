# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: keeps the floats of a denoised and a generated layer in $SCRATCH/$NAME-*.npy."""
from inside import *  # noqa: F401, F403


def keep(which, layer):
    np.save(scratch(f"{os.environ['NAME']}-{which}.npy"), np.ascontiguousarray(native(layer)).view(np.float32))


image, layer = new_image(precision=P.FLOAT_LINEAR)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 16, 50, 44)
denoise(image, layer, eta=1.0)
keep("denoised", layer)
generate(image, sampler="ddpm", width=64, height=48, guidance=2.0)
keep("generated", image.get_layers()[0])
finish()
