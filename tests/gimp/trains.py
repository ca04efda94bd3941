# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: models trained on layers, without a dialog: what comes out, what is refused, what a kill leaves."""
import json
import shutil
import signal
import threading

from inside import *  # noqa: F401, F403

MODELS = Path(os.environ["XDG_DATA_HOME"]) / "gimp-diffusion" / "models"
CALLING = Gimp.PDBStatusType.CALLING_ERROR


def train(image, drawables, /, **arguments):
    arguments = {"base": "", "minutes": 0.03, "patch-size": 16, **arguments}
    return call("plug-in-diffusion-train", image, drawables, **arguments)


def entries():
    return sorted(p.name for p in MODELS.iterdir()) if MODELS.is_dir() else []


def config_of(name):
    return json.loads((MODELS / name / "unet/config.json").read_text())


def halves(base=RGB):
    """Left red, right blue."""
    image, layer = new_image(width=96, height=64, base=base)
    rgba = np.ones((64, 96, 4), np.float32)
    rgba[:, :48, :3], rgba[:, 48:, :3] = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)
    put(layer, rgba)
    return image, layer


def colours_of(name, image, **arguments):
    """Pixels that the model makes, [n,3]; it is found by its name at once."""
    status, _, error = generate(image, **{"model": name, "class": "", "width": 32, "height": 32, **arguments})
    check(f"{name} generates", succeeded(status), error)
    return floats(image.get_layers()[0], "R'G'B'A float")[..., :3].reshape(-1, 3) if succeeded(status) else np.zeros((1, 3))


# ------------------------------------------------------------------ what comes out

image, layer = new_image(width=96, height=80)
layer.set_name("Old wall.png")
before = native(layer)
status, name, error = train(image, [layer])
check("from nothing", succeeded(status) and name == "Old wall", error or name)
check("the layer is as it was", np.array_equal(before, native(layer)) and len(image.get_layers()) == 1)
check("a model folder and nothing else", entries() == ["Old wall"], entries())
found = sorted(p.name for p in (MODELS / "Old wall").iterdir())
check("no checkpoint of a run that ended", found == ["card.json", "model_index.json", "scheduler", "texton.safetensors", "thumbnail.png", "unet"],
      found)
colours_of("Old wall", image, **{"width": 50, "height": 40})
colours_of("Old wall", image, **{"tile-horizontal": True, "tile-vertical": True})
status, name, error = train(image, [layer])
check("the next one gets a number", succeeded(status) and name == "Old wall-2", error or name)
taken = threading.Timer(1, lambda: (MODELS / "taken" / "unet").mkdir(parents=True))
taken.start()
status, name, error = train(image, [layer], name="taken")
taken.join()
check("a name taken meanwhile: a number too", succeeded(status) and name == "taken-2" and
      (MODELS / "taken-2" / "card.json").is_file(), error or name)
shutil.rmtree(MODELS / "taken")
shutil.rmtree(MODELS / "taken-2", ignore_errors=True)
image, layer = new_image(width=64, height=64)
status, name, error = train(image, [layer], base="tiny", name="from tiny")
check("from another model", succeeded(status) and name == "from tiny", error or name)
card = json.loads((MODELS / "from tiny/card.json").read_text())
check("it has the base's network and licence, and no classes", config_of("from tiny")["block_out_channels"] == [16, 32] and
      card["licence"] == "CC0-1.0" and card["title"] == "from tiny" and "class_names" not in card, card)
colours_of("from tiny", image)
image, layer = new_image(width=64, height=64, base=GRAY)
status, name, error = train(image, [layer], name="grey")
check("a grey image makes a grey model", succeeded(status) and config_of("grey")["in_channels"] == 1, error)
image, layer = new_image(width=40, height=64)
second = Gimp.Layer.new(image, "b", 24, 30, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(second, None, 0)
rgba = np.ones((30, 24, 4), np.float32)
rgba[:, 18:, 3] = 0
put(second, rgba)
status, name, error = train(image, [layer, second], name="two")
check("two layers, one of them half transparent", succeeded(status), error)

# ------------------------------------------------------------------ the selection

image, layer = halves()
status, name, error = train(image, [layer], name="both", minutes=0.25)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 48, 64)
status, name, error = train(image, [layer], name="blue", minutes=0.25, exclude_selection=True)
check("all but the selection", succeeded(status), error)
status, _, error = train(image, [layer], name="strip", patch_size=0, exclude_selection=True)
check("an automatic patch fits into what is left", succeeded(status) and config_of("strip")["sample_size"] == 48, error)
Gimp.Selection.none(image)
healed, mixed = (colours_of(n, image, steps=20, width=64, height=64) for n in ("blue", "both"))
red = [(pixels[:, 0] > pixels[:, 2]).mean() for pixels in (healed, mixed)]
# fifteen seconds on a busy machine leave some noise, in which a pixel may look red
check("what was left out is not learned: hardly a red pixel", healed[:, 2].mean() > 0.6 and red[0] < red[1] / 3 and red[1] > 0.1, red)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 4, 0, 90, 64)
names = entries()


def refused(what, says, *drawables, **arguments):
    status, _, error = train(image, list(drawables), **{"name": "never", **arguments})
    check(what, status == CALLING and says in (error or "") and entries() == names, error)


refused("too much left out", "no area of 16 × 16", layer, exclude_selection=True)
Gimp.Selection.none(image)

# ------------------------------------------------------------------ what is refused

refused("no layer", "Select the layers")
refused("a base that is not here", 'There is no model "marble-64". Installed are:', layer, base="marble-64")
refused("… and what to do", 'Set base to ""', layer, base="marble-64")
refused("a name that exists", "already", layer, name="blue")
refused("a name that is shipped", "already", layer, name="tiny")
refused("a name that is no file's", "no slash", layer, name="a/b")
refused("a hidden name", "no dot", layer, name=".a")
refused("nothing to go on with", 'no training of "blue"', layer, name="blue", resume=True)
refused("going on without a name", "not empty", layer, name="", resume=True)
refused("no time", "minutes must be", layer, minutes=0.0)
refused("too little memory", "the cap is 3 MB", layer, memory_mb=3)
refused("memory that there cannot be", "memory-mb must be 0", layer, memory_mb=-1)
refused("a patch that the network cannot see", "multiple of 4", layer, patch_size=18)
refused("a patch too small", "patch-size must be from 16", layer, patch_size=8)
small = Gimp.Layer.new(image, "small", 12, 40, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
image.insert_layer(small, None, 0)
refused("a layer too small", "too small to learn from", small, layer)
mask = layer.create_mask(Gimp.AddMaskType.WHITE)
layer.add_mask(mask)
refused("a layer mask", "layer mask", mask)

# ------------------------------------------------------------------ Cancel, which is a SIGKILL


def kill_in_the_run(hit):
    deadline = time.monotonic() + 60
    while not (MODELS.is_dir() and any(n.startswith(".training-") for n in entries())) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(2)
    for process in plugin_processes():
        os.kill(process, signal.SIGKILL)
        hit.append(process)


hit = []
killer = threading.Thread(target=kill_in_the_run, args=(hit,))
killer.start()
status, _, _ = train(image, [layer], name="killed", minutes=5.0)
killer.join()
check("killed: no model of that name", hit and not succeeded(status) and "killed" not in entries(), entries())
status, _, error = train(image, [layer], name="after")
check("the next run works and removes what the killed one left", succeeded(status) and
      not any(n.startswith(".") for n in entries()), error or entries())
finish()
