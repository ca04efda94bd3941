# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: both dialogs and the window of a run, answered by keys from outside (screen.py)."""
import json
import subprocess

from inside import *  # noqa: F401, F403

GENERATE, DENOISE, VARIATIONS, RUNNING = "Generate Image", "Partially Denoise Selection", "^Variations$", "^Tiny"  # patterns
INTERACTIVE, REPEAT = {"run-mode": Gimp.RunMode.INTERACTIVE}, {"run-mode": Gimp.RunMode.WITH_LAST_VALS}
# An interactive run starts from the values of the last one: what a test wants is typed.
LONG = [(DENOISE, "alt+n End"), (DENOISE, "alt+p ctrl+a 9 0 0"), (DENOISE, "alt+o")]


def recipe_of(layer):
    parasite = layer.get_parasite("gimp-diffusion-recipe")
    return json.loads(bytes(parasite.get_data())) if parasite is not None else {}


def open_image():
    image, layer = new_image(width=64, height=64)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 8, 8, 48, 48)
    image.clean_all()
    return image, layer


def denoise_dialog():
    image, layer = open_image()
    thread = answer((DENOISE, "alt+d ctrl+a 4 3 2 1"), (DENOISE, "alt+n Right Right"), (DENOISE, "alt+p ctrl+a 5"),
                    (DENOISE, "alt+o"))
    status, _, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    arguments = recipe_of(layer).get("arguments", {})
    check("denoise: the dialog's OK runs it", succeeded(status), error)
    check("denoise: numbers typed, the last without leaving the field", (arguments.get("seed"), arguments.get("steps")) ==
          (4321, 5), arguments)
    check("denoise: the slider moves t", 600 < arguments.get("start-t", 0) < 700, arguments.get("start-t"))
    again, layer2 = open_image()
    status, _, error = call("plug-in-diffusion-denoise", again, [layer2], **REPEAT)
    check("denoise: Repeat makes the same bytes", succeeded(status) and native(layer).tobytes() == native(layer2).tobytes(),
          error)
    image.delete()
    again.delete()


def refused_by_cancel():
    image, layer = open_image()
    before = native(layer).tobytes()
    for name, requests in (("in the dialog", [(DENOISE, "alt+c")]), ("in the window of the run", [*LONG, (RUNNING, "alt+c")]),
                           ("by closing that window", [*LONG, (RUNNING, "Escape")])):
        thread = answer(*requests)
        status, _, _ = denoise(image, layer, **INTERACTIVE)
        thread.join()
        check(f"cancel {name}: nothing has changed", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty() and
              native(layer).tobytes() == before, status)
    image.delete()


def refused_before_ok():
    """What a run would refuse is said in the dialog, and OK does nothing there."""
    image, layer = open_image()
    layer.set_lock_content(True)
    image.clean_all()
    before = native(layer).tobytes()
    for name, keys in (("a locked layer", []), ("more steps than t allows", [(DENOISE, "alt+p ctrl+a 9 0 0 Tab")])):
        thread = answer(*keys, (DENOISE, "alt+o"), (DENOISE, "alt+c"))
        status, _, error = denoise(image, layer, **INTERACTIVE)
        thread.join()
        check(f"{name}: OK is off, Cancel works", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty() and
              native(layer).tobytes() == before, (status, error))
        layer.set_lock_content(False)
        image.clean_all()
    thread = answer((DENOISE, "alt+n Left"), (DENOISE, "alt+x"), (DENOISE, "alt+x"), (DENOISE, "alt+c"))
    status, _, _ = denoise(image, layer, **INTERACTIVE)
    thread.join()
    check("the noised picture changes nothing", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty() and
          native(layer).tobytes() == before)
    image.delete()


def stopped():
    image, layer = open_image()
    before, s = native(layer), selection_on(layer)
    thread = answer(*LONG, (RUNNING, "alt+s"))
    status, _, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    changed = (native(layer) != before).any(axis=2)
    # the feathered edge has not been released yet
    check("stop keeps what there is", succeeded(status) and changed[s > 0].mean() > 0.5 and not changed[s == 0].any(), error)
    check("stop: the recipe says after how many steps", 0 < recipe_of(layer).get("stopped-after", 0) < 900,
          recipe_of(layer).get("stopped-after"))
    image.delete()


def generate_dialog():
    image, _ = open_image()
    thread = answer((GENERATE, "alt+b ctrl+a 2"), (GENERATE, "alt+o"))
    status, _, error = generate(image, **INTERACTIVE)
    thread.join()
    layers = image.get_layers()
    check("generate: the dialog's OK makes two layers at the selection", succeeded(status) and len(layers) == 3 and
          {layer.get_name() for layer in layers[:2]} == {"Tiny (for tests) 7", "Tiny (for tests) 8"} and
          tuple(layers[0].get_offsets())[1:] == (8, 8) and layers[0].get_width() == 48, error)
    image.delete()


def random_seeds():
    image, layer = open_image()
    thread = answer((DENOISE, "alt+t"), (DENOISE, "alt+p ctrl+a 2"), (DENOISE, "alt+o"))
    denoise(image, layer, **INTERACTIVE)
    thread.join()
    first = recipe_of(layer)["arguments"]["seed"]
    call("plug-in-diffusion-denoise", image, [layer], **REPEAT)
    second = recipe_of(layer)["arguments"]["seed"]
    check("new each time: a number in the recipe, another with Repeat", first != second and first >= 0, (first, second))
    image.delete()


def variations_dialog():
    image, layer = open_image()
    thread = answer((VARIATIONS, "alt+u ctrl+a 3 0 0 comma 6 0 0"), (VARIATIONS, "alt+b ctrl+a 3"), (VARIATIONS, "alt+o"))
    status, group, error = call("plug-in-diffusion-variations", image, [layer], model="tiny", steps=3,
                                **{"class": "checks"}, **INTERACTIVE)
    thread.join()
    names = [l.get_name() for l in group.get_children()] if succeeded(status) else error
    check("variations: the dialog's OK makes the grid", len(names) == 6 and names[0].startswith("t 300, seed "), names)
    first = native(group.get_children()[0])
    status, again, error = call("plug-in-diffusion-rerun", image, [group.get_children()[0]], **INTERACTIVE)
    check("run again from one of them", succeeded(status) and np.array_equal(first, native(again)), error)
    image.delete()


def copied_command():
    """What the dialog copies makes in gimp-console what its OK makes."""
    image, layer = open_image()
    layer.set_name("it's \"my\" layer")
    file, copied = Gio.File.new_for_path(scratch("my picture.xcf")), scratch("command")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.set_file(file)
    thread = answer((DENOISE, "alt+d ctrl+a 4 2 Tab"), (DENOISE, "alt+p ctrl+a 4 Tab"), (DENOISE, "alt+i"), (DENOISE, "alt+q"),
                    (DENOISE, "alt+q"), (DENOISE, f"clipboard {copied}"), (DENOISE, "alt+o"))   # the details may open slowly
    status, _, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    run = subprocess.run(["sh", "-c", Path(copied).read_text()], capture_output=True, text=True, timeout=300)
    other = Gio.File.new_for_path(scratch("my picture-diffusion.xcf"))
    if not check("the copied command runs", run.returncode == 0 and other.query_exists(None), run.stderr[-800:]):
        return
    again = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, other)
    check("the copied command makes the same pixels", succeeded(status) and
          native(again.get_layers()[0]).tobytes() == native(layer).tobytes() and
          recipe_of(again.get_layers()[0])["arguments"]["seed"] == 42, error)
    again.delete()
    image.delete()


def changed_meanwhile():
    """Another selection during the run: the result becomes a layer of its own."""
    image, layer = open_image()
    image.set_file(Gio.File.new_for_path("/tmp/meanwhile.xcf"))
    display = Gimp.Display.new(image)
    before = native(layer).tobytes()
    # Shift says only that the window of the run is there
    thread = answer(*LONG, (RUNNING, "Shift_L"), ("meanwhile", "ctrl+a"), (RUNNING, "alt+s"))
    status, result, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    check("the selection changed meanwhile: the layer stays, the result is a new one", succeeded(status) and
          result != layer and len(image.get_layers()) == 2 and native(layer).tobytes() == before and
          result.get_width() == 48, error)
    display.delete()


denoise_dialog()
generate_dialog()
refused_by_cancel()
refused_before_ok()
stopped()
copied_command()
random_seeds()      # leaves "new each time" on
variations_dialog()
changed_meanwhile()
finish()
