# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: variations and Run Again from Layer, what they refuse and what Undo takes back."""
import json

from inside import *  # noqa: F401, F403


def recipe_of(layer):
    return json.loads(bytes(layer.get_parasite("gimp-diffusion-recipe").get_data()))


def variations(image, layer, **arguments):
    arguments = {"model": "tiny", "class": "checks", "start-t": 600, "seed": 7, "steps": 4, "count": 2, **arguments}
    return call("plug-in-diffusion-variations", image, [layer], **arguments)


def rerun(image, layer):
    return call("plug-in-diffusion-rerun", image, [layer])


def open_image(**options):
    image, layer = new_image(**options)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 16, 50, 44)
    Gimp.Selection.feather(image, 12)
    return image, layer


def grid():
    image, layer = open_image()
    before = native(layer)
    status, group, error = variations(image, layer, levels="300, 600")
    if not check("variations: a group", succeeded(status) and group is not None and group.is_group(), error):
        return
    layers = group.get_children()
    check("variations: seeds × levels, named so, the first visible", [l.get_name() for l in layers] ==
          ["1: t 300, seed 7", "2: t 300, seed 8", "3: t 600, seed 7", "4: t 600, seed 8"] and
          [l.get_visible() for l in layers] == [True, False, False, False], [l.get_name() for l in layers])
    check("variations: the layer stays", np.array_equal(before, native(layer)))
    check("variations: all differ", len({native(l).tobytes() for l in layers}) == 4)
    for l, t, seed in ((layers[1], 300, 8), (layers[2], 600, 7)):
        status, alone, error = denoise(image, layer, seed=seed, steps=4, output="new-layer", **{"start-t": t})
        check(f"variations: t {t}, seed {seed} is what a single run makes", succeeded(status) and
              np.array_equal(native(l), native(alone)), error)
    image.delete()


def refusals():
    image, layer = open_image()
    for name, says, arguments in (("words", "levels must be a list", dict(levels="300, much")),
                                  ("a level beyond the schedule", "from 1 to 999", dict(levels="300, 1000")),
                                  ("too many", "count must be from 1 to 50 with 2 noise levels", dict(levels="3 4", count=51)),
                                  ("no seeds", "count must be", dict(count=0)),
                                  ("seeds beyond the range", "start from a smaller seed", dict(seed=2147483647))):
        status, _, error = variations(image, layer, **arguments)
        check(f"variations refused: {name}", status == Gimp.PDBStatusType.CALLING_ERROR and says in (error or "") and
              len(image.get_layers()) == 1, error)
    status, _, error = rerun(image, layer)
    check("rerun refused: no recipe", status == Gimp.PDBStatusType.CALLING_ERROR and "no recipe" in (error or ""), error)
    status, beside, _ = denoise(image, layer, output="new-layer")
    image.remove_layer(layer)
    status, _, error = rerun(image, beside)
    check("rerun refused: the source is gone", status == Gimp.PDBStatusType.CALLING_ERROR and "is gone" in (error or ""), error)
    beside.attach_parasite(Gimp.Parasite.new("gimp-diffusion-recipe", 3, b"{\"procedure\": [1,"))
    status, _, error = rerun(image, beside)
    check("rerun refused: a damaged recipe", status == Gimp.PDBStatusType.CALLING_ERROR and "no recipe" in (error or ""), error)
    image.delete()


def again():
    image, layer = open_image()
    status, beside, _ = denoise(image, layer, output="new-layer", **{"random-seed": True})
    status, second, error = rerun(image, beside)
    check("rerun: the same new layer from the same source", succeeded(status) and second != beside and
          np.array_equal(native(beside), native(second)), error)
    a, b = recipe_of(beside), recipe_of(second)
    a["arguments"]["random-seed"] = False
    check("rerun: the same recipe", a == b, (a, b))
    before = native(layer)
    denoise(image, layer)
    once = native(layer)
    image2, layer2 = open_image()
    denoise(image2, layer2)
    put(layer2, picture(96, 80, 3))
    status, result, error = rerun(image2, layer2)
    check("rerun: in place, on what is there now", succeeded(status) and result == layer2 and
          np.array_equal(native(layer2), once) and not np.array_equal(before, once), error)
    image.delete()
    image2.delete()


def without_selection():
    """A rectangle was selected; now nothing is: the recipe's rectangle counts."""
    for edge in ("noise-level", "blend"):
        image, layer = new_image()
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 20, 40, 31)
        before = native(layer)
        denoise(image, layer, edge=edge)
        once = native(layer)
        put(layer, picture(96, 80, 3))
        check("the picture is as before", np.array_equal(before, native(layer)))
        Gimp.Selection.none(image)
        status, _, error = rerun(image, layer)
        check(f"rerun without a selection, {edge}: the recipe's rectangle", succeeded(status) and
              np.array_equal(native(layer), once), error)
        image.delete()


def another_selection():
    """An ellipse was selected and now nothing is, or something else: that is said (run_pixels.py counts), and done."""
    for name, select in (("nothing", Gimp.Selection.none), ("all", Gimp.Selection.all)):
        image, layer = open_image()
        status, beside, _ = denoise(image, layer, output="new-layer")
        first, place = native(beside), tuple(beside.get_offsets())
        select(image)
        status, second, error = rerun(image, beside)
        check(f"rerun with {name} selected: the rectangle of then at least", succeeded(status) and
              not np.array_equal(first, native(second)) and second.get_width() >= beside.get_width(), error)
        image.delete()


def generated_again():
    image = Gimp.Image.new(100, 90, RGB)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 20, 33, 30)
    generate(image, count=2)
    Gimp.Selection.none(image)
    for layer in image.get_layers():
        status, second, error = rerun(image, layer)
        check("rerun: a generated layer, pixels and place", succeeded(status) and second != layer and
              np.array_equal(native(layer), native(second)) and
              tuple(layer.get_offsets()) == tuple(second.get_offsets()), error)
    path = Gio.File.new_for_path(scratch("again.xcf"))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, path, None)
    loaded = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, path)
    first = loaded.get_layers()[0]
    status, second, error = rerun(loaded, first)
    check("rerun: from an XCF file", succeeded(status) and np.array_equal(native(first), native(second)), error)
    loaded.delete()
    image.delete()


grid()
refusals()
again()
without_selection()
another_selection()
generated_again()
finish()
