# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP, for docs/make-train-pictures: a model is trained on the picture $PICTURE ($BASE, $MINUTES), unless there is one
in $MODEL already, and draws 512 × 512 from it, seamless, into $OUT."""
import shutil

from inside import *  # noqa: F401, F403

model = Path(os.environ["MODEL"])
given = np.asarray(Image.open(os.environ["PICTURE"]).convert("RGBA"), np.float32) / 255
image, layer = new_image(*given.shape[1::-1])
put(layer, given)
if not model.is_dir():
    start = time.monotonic()
    status, name, error = call("plug-in-diffusion-train", image, [layer], base=os.environ["BASE"], name="learned",
                               minutes=float(os.environ["MINUTES"]))
    check("trained", succeeded(status), error or f"{time.monotonic() - start:.1f} s")
    shutil.copytree(Path(os.environ["XDG_DATA_HOME"]) / "gimp-diffusion" / "models" / name, model)
start = time.monotonic()
status, layers, error = generate(image, model=str(model), width=512, height=512, steps=0, seed=1, tile_horizontal=True,
                                 tile_vertical=True, **{"class": ""})
check("generated", succeeded(status), error or f"{time.monotonic() - start:.1f} s")
pixels = native(image.get_layers()[0])
Image.fromarray(np.ascontiguousarray(pixels[..., :3])).save(os.environ["OUT"])
finish()
