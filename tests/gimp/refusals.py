# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: what is refused, in which words, and that nothing has changed then."""
from inside import *  # noqa: F401, F403

CALLING, EXECUTION = Gimp.PDBStatusType.CALLING_ERROR, Gimp.PDBStatusType.EXECUTION_ERROR


def refused(name, says, image, drawables, status=CALLING, call_name="plug-in-diffusion-denoise", **arguments):
    arguments = {"model": "tiny", "class": "checks", "steps": 3, **arguments}
    before = [native(d) for d in drawables if d.is_valid() and not d.is_group()]
    layers = len(image.get_layers())
    got, _, error = call(call_name, image, drawables, **arguments)
    same = all(np.array_equal(a, native(d)) for a, d in zip(before, [d for d in drawables if not d.is_group()]))
    check(name, got == status and says in (error or "") and same and len(image.get_layers()) == layers,
          error if says not in (error or "") else got if got != status else "")


image, layer = new_image()
refused("no drawable", "Select a layer", image, [])
second = layer.copy()
image.insert_layer(second, None, 0)
refused("two drawables", "Select one layer", image, [layer, second])
group = Gimp.GroupLayer.new(image, "group")
image.insert_layer(group, None, 0)
refused("a group layer", "layer group", image, [group])
mask = layer.create_mask(Gimp.AddMaskType.WHITE)
layer.add_mask(mask)
refused("a layer mask", "layer mask", image, [mask])
channel = Gimp.Channel.new(image, "c", 96, 80, 50, Gegl.Color.new("black"))
image.insert_channel(channel, None, 0)
refused("a channel", "channel", image, [channel])
text = Gimp.TextLayer.new(image, "words", Gimp.context_get_font(), 20, Gimp.Unit.pixel())
image.insert_layer(text, None, 0)
refused("a text layer", "text layer", image, [text])
refused("a locked layer", "locked", image, [second]) if second.set_lock_content(True) else None
second.set_lock_content(False)
child = layer.copy()
image.insert_layer(child, group, 0)
group.set_lock_content(True)
refused("a child of a locked group", "locked", image, [child])
group.set_lock_content(False)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 5, 5)
far = Gimp.Layer.new(image, "far", 10, 10, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(far, None, 0)
far.set_offsets(50, 50)
refused("a selection beside the layer", "does not touch", image, [far])
Gimp.Selection.none(image)

one = [layer]
refused("an unknown model", "Installed are: tiny", image, one, model="no-such-model")
refused("a path that is no model", "not a model folder", image, one, model="/usr/share")
refused("an unknown class", "has no class", image, one, **{"class": "cheese"})
refused("an unknown sampler", "sampler must be one of auto, ddim, ddpm", image, one, sampler="euler")
refused("an unknown output", "output must be one of", image, one, output="layers")
refused("an unknown edge", "edge must be one of", image, one, edge="hard")
refused("an unknown spacing", "spacing must be one of linear, quad", image, one, spacing="log")
refused("t = -1", "from 1 to 999", image, one, start_t=-1)
refused("t = T", "from 1 to 999", image, one, start_t=1000)
refused("pictures that together exceed the cap", "With all its pictures", image, [], EXECUTION, "plug-in-diffusion-generate",
        width=256, height=256, count=100, **{"memory-mb": 100})
refused("steps -1", "steps must be 1 or more", image, one, steps=-1)
refused("more steps than t allows", "steps must be from 1 to", image, one, start_t=3, steps=9)
refused("eta 2", "eta must be from 0 to 1", image, one, eta=2.0)
refused("guidance -1", "guidance must be", image, one, guidance=-1.0)
refused("seed -1", "seed must be", image, one, seed=-1)
refused("feather -2", "feather must be", image, one, feather=-2.0)
refused("too little memory", "memory cap is 1 MB", image, one, EXECUTION, memory_mb=1)
refused("a seamless axis that does not fit", "must be a multiple of", *(lambda i: (i[0], [i[1]]))(new_image(width=95)),
        tile_horizontal=True)
make = dict(call_name="plug-in-diffusion-generate")
refused("count 0", "count must be", image, [], **make, count=0)
refused("seeds beyond the range", "start from a smaller seed", image, [], **make, seed=2147483647, count=2)
refused("width -5", "width and height must be", image, [], **make, width=-5)
refused("an unknown output of generate", "output must be one of layer, pattern", image, [], **make, output="brush")
refused("a pattern that is not seamless", "seamless both ways", image, [], **make, output="pattern", tile_horizontal=True)
refused("a seamless size that does not fit", "must be a multiple of", image, [], **make, width=33, height=32,
        tile_horizontal=True)
indexed = Gimp.Image.new(20, 20, RGB)
flat = Gimp.Layer.new(indexed, "a", 20, 20, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
indexed.insert_layer(flat, None, 0)
indexed.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")
refused("an indexed image", "indexed", indexed, [flat])

# what is allowed where it does no harm
status, result, error = denoise(image, text, output="new-layer")
check("a text layer with output new-layer", succeeded(status) and result != text and text.is_text_layer(), error)
status, _, error = denoise(image, layer, sampler="", edge="", output="", spacing="")
check("empty words are the defaults", succeeded(status), error)
finish()
