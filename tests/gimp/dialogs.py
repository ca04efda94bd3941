# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: both dialogs and the window of a run, answered by keys from outside (screen.py)."""
import contextlib
import io
import json
import subprocess

from inside import *  # noqa: F401, F403

GENERATE, DENOISE, VARIATIONS, RUNNING, PICK = ("Generate Image", "Partially Denoise Selection", "^Variations$", "^Tiny",
                                                "^Choose What")      # patterns
INTERACTIVE, REPEAT = {"run-mode": Gimp.RunMode.INTERACTIVE}, {"run-mode": Gimp.RunMode.WITH_LAST_VALS}
# An interactive run starts from the values of the last one: what a test wants is typed.
LONG = [(DENOISE, "alt+n End"), (DENOISE, "alt+p ctrl+a 9 0 0"), (DENOISE, "alt+o")]


def recipe_of(layer):
    parasite = layer.get_parasite("gimp-diffusion-recipe")
    return json.loads(bytes(parasite.get_data())) if parasite is not None else {}


def open_image(side=64):
    image, layer = new_image(width=side, height=side)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 8, 8, side - 16, side - 16)
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
    for name, keys in (("a locked layer", []), ("more steps than t allows", [(DENOISE, "alt+n Left"),
                                                                             (DENOISE, "alt+p ctrl+a 9 9 9 Tab")])):
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


def refused_layers():
    """Layers that cannot be written: OK is off, and the output "new layer" turns it on."""
    image, layer = open_image()
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    inner = Gimp.Layer.copy(layer)
    image.insert_layer(inner, group, 0)
    group.set_lock_content(True)
    text = Gimp.TextLayer.new(image, "words", Gimp.context_get_font(), 30, Gimp.Unit.pixel())
    image.insert_layer(text, None, 0)
    image.clean_all()
    for name, refused in (("a text layer", text), ("a layer in a locked group", inner)):
        thread = answer((DENOISE, "alt+o", 1), (DENOISE, "alt+c"))
        status, _, error = denoise(image, refused, **INTERACTIVE)
        thread.join()
        check(f"{name}: OK is off", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty(), (status, error))
        thread = answer((DENOISE, "alt+p ctrl+a 2 Tab"), (DENOISE, "alt+u Down", 1), (DENOISE, "alt+o", 1))
        status, result, error = denoise(image, refused, **INTERACTIVE)
        thread.join()
        check(f"{name}: a new layer can be made of it", succeeded(status) and result not in (text, inner), (status, error))
        thread = answer((DENOISE, "alt+u Up"), (DENOISE, "alt+p ctrl+a 2 Tab"), (DENOISE, "alt+o", 1))      # for the next run
        denoise(image, layer, **INTERACTIVE)
        thread.join()
        image.clean_all()
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
    thread = answer((GENERATE, "alt+b ctrl+a 2"), (GENERATE, "alt+o"), (PICK, "Return"))
    status, _, error = generate(image, **INTERACTIVE)
    thread.join()
    layers = image.get_layers()
    check("generate: the dialog's OK makes two layers at the selection", succeeded(status) and len(layers) == 3 and
          {layer.get_name() for layer in layers[:2]} == {"waves 7", "waves 8"} and
          tuple(layers[0].get_offsets())[1:] == (8, 8) and layers[0].get_width() == 48, error)
    for name, keys, wanted in (("the second of three is not kept", [(PICK, "alt+2", 1), (PICK, "alt+k")], ["9", "7"]),
                               ("none is kept", [(PICK, "alt+c", 1)], [])):
        image, _ = open_image()
        thread = answer((GENERATE, "alt+b ctrl+a 3"), (GENERATE, "alt+o"), *keys)
        status, _, error = generate(image, **INTERACTIVE)
        thread.join()
        kept = [layer.get_name().split()[-1] for layer in image.get_layers()[:-1]]
        check(f"generate: {name}", succeeded(status) == bool(wanted) and kept == wanted, (kept, error))
        image.delete()


def closing_in(seconds, name):
    """Whether the plug-in's processes are gone soon."""
    check(f"{name}: no process is left", until(lambda: not plugin_processes(), seconds), plugin_processes())


def previewed():
    """Preview shows what OK makes, and touches nothing."""
    image, layer = open_image()
    other, layer2 = open_image()
    before = native(layer)
    denoise(other, layer2, steps=5, seed=4321, **{"start-t": 999})
    wanted, seen = native(layer2), []
    both = enlarged(before)
    both[:, 128:] = enlarged(wanted)[:, 128:]
    typed = [(DENOISE, "alt+n End"), (DENOISE, "alt+d ctrl+a 4 3 2 1"), (DENOISE, "alt+p ctrl+a 5 Tab"), (DENOISE, "alt+w")]
    shown = lambda: seen.append(until(lambda: distance(shot(DENOISE), both) < 4))
    for name, key in (("then Cancel", "alt+c"), ("then OK", "alt+o")):
        thread = answer(*typed, shown, (DENOISE, key))
        status, _, error = denoise(image, layer, **INTERACTIVE)
        thread.join()
        check(f"preview, {name}: before and after are shown", seen.pop())
        if key == "alt+c":
            check("preview changes nothing", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty() and
                  native(layer).tobytes() == before.tobytes(), status)
    check("preview, then OK: the same pixels as without it", succeeded(status) and native(layer).tobytes() == wanted.tobytes(), error)
    image.delete()
    other.delete()
    for name, key in (("Cancel", "alt+c"), ("closing the dialog", "Escape"), ("Stop Preview, then Cancel", "alt+w alt+c")):
        image, layer = open_image(192)
        thread = answer(*LONG[:2], (DENOISE, "Tab alt+w", 1), (DENOISE, key, 2))
        status, _, error = denoise(image, layer, **INTERACTIVE)
        thread.join()
        check(f"{name} during a preview leaves nothing", status == Gimp.PDBStatusType.CANCEL and not image.is_dirty(), error)
        closing_in(10, f"{name} during a preview")
        image.delete()


def generate_previewed():
    image, _ = open_image()
    other, _ = open_image()
    generate(other, seed=7, steps=4, **{"class": "waves"})
    wanted, seen = enlarged(native(other.get_layers()[0])), []
    thread = answer((GENERATE, "alt+d ctrl+a 7"), (GENERATE, "alt+p ctrl+a 4 Tab"), (GENERATE, "alt+w"),
                    lambda: seen.append(until(lambda: distance(shot(GENERATE), wanted) < 4)), (GENERATE, "alt+c"))
    status, _, error = generate(image, **INTERACTIVE)
    thread.join()
    check("generate: the preview is the picture, and no layer", seen[0] and status == Gimp.PDBStatusType.CANCEL and
          len(image.get_layers()) == 1 and not image.is_dirty(), error)
    image.delete()
    other.delete()


def map_of_noise():
    """√(1-ᾱ_t) of white where all is selected, √ᾱ_t being what the slider leaves; the feathered edge is left out."""
    image, layer = open_image()
    light, seen = np.full((64, 64, 3), np.nan, np.float32), []
    light[:8], light[-8:], light[:, :8], light[:, -8:] = 0, 0, 0, 0
    light[14:50, 14:50] = 255 * np.sqrt(1 - 0.6 ** 2)
    light = np.repeat(np.repeat(light, 4, 0), 4, 1)
    light[26:38] = light[:, 26:38] = light[218:230] = light[:, 218:230] = np.nan      # what enlarging mixes
    thread = answer((DENOISE, "alt+n Home" + 40 * " Right"), (DENOISE, "alt+x"), lambda: seen.append(until(lambda: distance(shot(DENOISE), light) < 3)),
                    (DENOISE, "alt+c"))
    denoise(image, layer, **INTERACTIVE)
    thread.join()
    check("the map shows how much noise each pixel gets", seen[0])
    image.delete()


def painted_before_ok():
    """What is painted while the dialog is open is what it shows: with hardly any noise, the selection is red then."""
    image, layer = open_image()
    image.set_file(Gio.File.new_for_path("/tmp/meanwhile.xcf"))
    Gimp.context_set_foreground(Gegl.Color.new("red"))
    display, red, seen = Gimp.Display.new(image), np.full((64, 64, 3), np.nan, np.float32), []
    red[14:50, 14:50] = 255, 0, 0
    red = np.repeat(np.repeat(red, 4, 0), 4, 1)
    look = lambda wanted, seconds: lambda: seen.append(until(lambda: (distance(shot(DENOISE), red) < 25) == wanted, seconds))
    thread = answer((DENOISE, "alt+n Home Right"), look(False, 5), ("meanwhile", "ctrl+comma"), (DENOISE, "Shift_L", 1), look(True, 20),
                    (DENOISE, "alt+c"))
    status, _, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    check("painted before OK: the dialog shows it", seen == [True, True] and status == Gimp.PDBStatusType.CANCEL, (seen, error))
    display.delete()


def divided():
    """The divider of the running result follows the keys: at the right end all is before."""
    image, layer = open_image()
    before, seen = enlarged(native(layer)), []

    def at(key):
        press(RUNNING, f"alt+b {key}")
        seen.append(distance(shot(RUNNING), before))
    thread = answer(*LONG, (RUNNING, "Shift_L"), lambda: at("End"), lambda: at("Home"), (RUNNING, "alt+c"))
    denoise(image, layer, **INTERACTIVE)
    thread.join()
    check("the divider: all before at its right end, all after at its left", seen[0] < 3 < 10 < seen[1], seen)
    image.delete()


def reset_and_saved():
    """Save, Load and Reset of the dialog's own buttons move every control."""
    image, layer = open_image()
    typed = [(DENOISE, "alt+d ctrl+a 1 1 Tab"), (DENOISE, "alt+p ctrl+a 3 Tab"), (DENOISE, "alt+n End")]
    # a button that a letter presses is pressed for a quarter of a second before it acts
    changed = [(DENOISE, "alt+d ctrl+a 1 2 Tab", 1), (DENOISE, "alt+p ctrl+a 4 Tab"), (DENOISE, "alt+n Left Left")]
    for name, keys, wanted in (("Save, then Load", [*typed, (DENOISE, "alt+s"), *changed, (DENOISE, "alt+l")], (11, 3, 999)),
                               # the menu's second word; then the model's card counts
                               ("Reset to factory defaults", [*typed, (DENOISE, "alt+r"), (DENOISE, "Down Return", 1)], (0, 8, 586))):
        thread = answer(*keys, (DENOISE, "alt+o", 1))
        status, _, error = denoise(image, layer, **INTERACTIVE)
        thread.join()
        a = recipe_of(layer).get("arguments", {})
        check(name, succeeded(status) and (a["seed"], a["steps"], a["start-t"]) == wanted, (a, error))
    image.delete()


def stopped_at():
    """Stop and Keep at step k is x̂_0 of step k: what diffusion-cli makes when the clean picture comes after the k-th t."""
    image, _ = open_image(160)
    thread = answer((GENERATE, "alt+b ctrl+a 1"), (GENERATE, "alt+d ctrl+a 7"), (GENERATE, "alt+p ctrl+a 1 0 0 0"),
                    (GENERATE, "alt+o"), (RUNNING, "Shift_L"), (RUNNING, "alt+s"))
    status, _, error = generate(image, **INTERACTIVE)
    thread.join()
    layer = image.get_layers()[0]
    k, arguments = recipe_of(layer).get("stopped-after", 0), recipe_of(layer)["arguments"]
    if not check("stopped on the way", succeeded(status) and 0 < k < 1000, (k, error)):
        return
    subprocess.run([os.environ["DIFFUSION_CLI"], "sample", os.environ["MODEL"], "-o", scratch("step.png"), "--size", "144x144",
                    "--class", arguments["class"], "--seed", "7", "--timesteps", ",".join(str(999 - i) for i in range(k))],
                   check=True)
    far = np.abs(np.asarray(Image.open(scratch("step.png")), int) - native(layer)[..., :3]).max()
    check("stop and keep: x̂_0 of the step that the recipe names", far <= 1, (k, far))
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
    thread = answer((VARIATIONS, "alt+u ctrl+a 3 0 0 comma 6 0 0"), (VARIATIONS, "alt+w ctrl+a 3"), (VARIATIONS, "alt+o"))
    status, group, error = call("plug-in-diffusion-variations", image, [layer], model="tiny", steps=3,
                                **{"class": "checks"}, **INTERACTIVE)
    thread.join()
    names = [l.get_name() for l in group.get_children()] if succeeded(status) else error
    check("variations: the dialog's OK makes the grid", len(names) == 6 and names[0].startswith("1: t 300, seed "), names)
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


def meanwhile(name, keys, prepare=None):
    """(image, layer, bytes of the layer before, display, status, result, error) of a run during which keys go to the image."""
    image, layer = open_image(160)
    image.set_file(Gio.File.new_for_path("/tmp/meanwhile.xcf"))
    if prepare:
        prepare(layer)
    display, before = Gimp.Display.new(image), native(layer).tobytes()
    image.clean_all()
    # Shift says only that the window of the run is there
    asked = [("meanwhile", keys)] if isinstance(keys, str) else keys
    thread = answer(*LONG, (RUNNING, "Shift_L"), *asked, (RUNNING, "alt+s", 3))
    status, result, error = denoise(image, layer, **INTERACTIVE)
    thread.join()
    return image, layer, before, display, status, result, error


def changed_meanwhile():
    """The user goes on working: nothing of that is lost, and the result becomes a layer of its own."""
    Gimp.context_set_foreground(Gegl.Color.new("red"))
    red = lambda layer: layer.edit_fill(Gimp.FillType.FOREGROUND)
    for name, keys, prepare, stays in (("selected all", "ctrl+a", None, True), ("deselected", "shift+ctrl+a", None, True),
                                       ("painted", "ctrl+comma", None, False), ("undone", "ctrl+z", red, False)):
        image, layer, before, display, status, result, error = meanwhile(name, keys, prepare)
        centre = native(layer)[80, 80, :3].tolist()
        mine = {"painted": [255, 0, 0], "undone": native(new_image(width=160, height=160)[1])[80, 80].tolist()}.get(name, centre)
        check(f"{name} meanwhile: what the user did stays, the result is a new layer", succeeded(status) and result != layer and
              len(image.get_layers()) == 2 and (native(layer).tobytes() == before) == stays and centre == mine and
              result.get_width() == 144, (centre, mine, error))
        kept = native(layer).tobytes()
        status, again, error = call("plug-in-diffusion-rerun", image, [result])
        check(f"{name} meanwhile: made again it does not replace that either", succeeded(status) and again not in (layer, result) and
              native(layer).tobytes() == kept, error)
        display.delete()


def indexed_meanwhile():
    """A result in all colours does not fit any more: it becomes a new image."""
    images = Gimp.get_images()
    image, layer, _, display, status, result, error = meanwhile(
        "indexed", [("meanwhile", "alt+i m i"), ("Indexed Color Conversion", "Return")])
    check("indexed meanwhile: the image is, and has its one layer", image.get_base_type() == Gimp.ImageBaseType.INDEXED and
          image.get_layers() == [layer], image.get_layers())
    others = [i for i in Gimp.get_images() if i not in (*images, image)]
    check("indexed meanwhile: the result is a new image of all colours", succeeded(status) and len(others) == 1 and
          others[0].get_base_type() == Gimp.ImageBaseType.RGB and result in others[0].get_layers() and result.get_width() == 144, error)
    display.delete()


def closed_meanwhile():
    """GIMP keeps a closed image for a script whose call works on it: the run ends as always, and then it is gone. (Closed under a
    run from a menu it is gone at once: run_closed.py.)"""
    image, *_, status, _, error = meanwhile("closed", "ctrl+w")
    check("the image was closed meanwhile: the run ends well", succeeded(status) or "closed" in (error or ""), (status, error))
    check("and the image is gone with its window", until(lambda: image not in Gimp.get_images(), 20), Gimp.get_images())
    closing_in(10, "closed meanwhile")


def at_most_twice(test):
    """A key gets lost now and then on a busy machine: what fails is done once more, and that is what counts."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            test()
    except Exception as error:      # of a window that did not come
        print("FAIL", repr(error), file=said)
    if "FAIL" not in said.getvalue():
        print(said.getvalue(), end="", flush=True)
        return
    print("once more, for: " + said.getvalue().replace("\n", "; ").replace("FAIL", "failed"), flush=True)
    test()


# In this order: random_seeds leaves "new each time" on. ONLY=name,name: these alone. closed_meanwhile runs by name only: GIMP 3.0
# itself crashed in one of fourteen runs after a window was closed under a script's call.
TESTS = [denoise_dialog, generate_dialog, previewed, generate_previewed, map_of_noise, painted_before_ok, divided, refused_by_cancel,
         refused_before_ok, refused_layers, stopped, stopped_at, reset_and_saved, copied_command, random_seeds, variations_dialog,
         changed_meanwhile, indexed_meanwhile]
for test in [*TESTS, closed_meanwhile]:
    if test.__name__ in os.environ.get("ONLY", ",".join(t.__name__ for t in TESTS)).split(","):
        at_most_twice(test)
finish()
