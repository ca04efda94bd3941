# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: the dialog of training, its window, Stop, Cancel and going on."""
import json

from inside import *  # noqa: F401, F403

MODELS = Path(os.environ["XDG_DATA_HOME"]) / "gimp-diffusion" / "models"
DIALOG = "Train Model on This Image"
INTERACTIVE = {"run-mode": Gimp.RunMode.INTERACTIVE}
# An interactive run starts from the values of the last one that succeeded: what a test wants is typed.
RESUME, OK = (DIALOG, "alt+g", 0), (DIALOG, "alt+o", 0)     # alt+g: the other way round


def train(image, layer, **arguments):
    return call("plug-in-diffusion-train", image, [layer], **arguments)


def fill_in(name, minutes):
    letters = " ".join(name)
    digits = " ".join("period" if c == "." else c for c in minutes)
    return [(DIALOG, f"alt+n ctrl+a {letters}", 0), (DIALOG, f"alt+m ctrl+a {digits}", 0),
            (DIALOG, "alt+p ctrl+a 1 6", 0)]


image, layer = new_image(width=64, height=64)
thread = answer(*fill_in("walls", "60"), OK, ("^walls", "alt+s", 6))
status, name, error = train(image, layer, **INTERACTIVE)
thread.join()
files = sorted(p.name for p in (MODELS / "walls").iterdir()) if (MODELS / "walls").is_dir() else []
check("stopped: the model is kept, with a checkpoint", succeeded(status) and name == "walls" and
      "checkpoint.safetensors" in files and "thumbnail.png" in files, error or files)
check("nothing hidden is left", sorted(p.name for p in MODELS.iterdir()) == ["walls"])
status, _, error = generate(image, **{"model": "walls", "class": ""})
check("it draws", succeeded(status), error)


def steps_of(name):
    """How many steps its checkpoint has behind it."""
    data = (MODELS / name / "checkpoint.safetensors").read_bytes()
    return int(json.loads(data[8:8 + int.from_bytes(data[:8], "little")])["__metadata__"]["state"].split()[0])


step = steps_of("walls")
whole = {p: p.read_bytes() for p in (MODELS / "walls").rglob("*") if p.is_file()}
for what, keys in (("Cancel", "alt+c"), ("closing the window", "Escape")):
    thread = answer(RESUME, OK, ("^walls", keys, 4))
    status, _, _ = train(image, layer, **INTERACTIVE)
    thread.join()
    same = whole == {p: p.read_bytes() for p in (MODELS / "walls").rglob("*") if p.is_file()}
    check(f"{what} while going on changes nothing", status == Gimp.PDBStatusType.CANCEL and same, status)
thread = answer(RESUME, OK, ("^walls", "alt+s", 5))
status, name, error = train(image, layer, **INTERACTIVE)
thread.join()
check("going on, and stopped later", succeeded(status) and steps_of("walls") > step, error)
thread = answer((DIALOG, "alt+c", 0))
status, _, _ = train(image, layer, **INTERACTIVE)
thread.join()
check("Cancel in the dialog", status == Gimp.PDBStatusType.CANCEL)
thread = answer(*fill_in("never", "60"), RESUME, OK, ("^never", "alt+c", 4))
status, _, _ = train(image, layer, **INTERACTIVE)
thread.join()
check("Cancel leaves nothing", status == Gimp.PDBStatusType.CANCEL and
      sorted(p.name for p in MODELS.iterdir()) == ["walls"], sorted(p.name for p in MODELS.iterdir()))
thread = answer(RESUME, OK, (DIALOG, "alt+c", 2))
status, _, error = train(image, layer, **INTERACTIVE)
thread.join()
check("a name that exists: there is no OK", status == Gimp.PDBStatusType.CANCEL, status)
small, little = new_image(width=64, height=12)
thread = answer(*fill_in("little", "1"), OK, (DIALOG, "alt+c", 2))
status, _, error = train(small, little, **INTERACTIVE)
thread.join()
check("a layer too small: there is no OK", status == Gimp.PDBStatusType.CANCEL, (status, error))
finish()
