# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: run, undo, redo. Keys are pressed from outside (screen.py)."""
import signal
import threading
import time

from inside import *  # noqa: F401, F403


def state(image, layer):
    return native(layer).tobytes(), selection_on(layer).tobytes(), tuple(layer.get_parasite_list())


def one_step(name, **arguments):
    image, layer = new_image(width=160, height=120, precision=arguments.pop("precision", P.U8_NON_LINEAR))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 20, 90, 80)
    Gimp.Selection.feather(image, 10)
    image.set_file(Gio.File.new_for_path("/tmp/undo-test.xcf"))
    display = Gimp.Display.new(image)
    before = state(image, layer)
    denoise(image, layer, **arguments)
    after = state(image, layer)
    check(f"{name}: something was done", before[0] != after[0] and after[2] == ("gimp-diffusion-recipe",))
    check(f"{name}: one undo restores pixels, selection and parasites",
          press("undo-test", "ctrl+z", lambda: state(image, layer) == before))
    check(f"{name}: redo brings them back", press("undo-test", "ctrl+y", lambda: state(image, layer) == after))
    display.delete()


def several_layers():
    image, layer = new_image(width=64, height=64)
    image.set_file(Gio.File.new_for_path("/tmp/undo-test.xcf"))
    display = Gimp.Display.new(image)
    generate(image, count=3, width=64, height=64)
    check("three generated layers", len(image.get_layers()) == 4)
    check("three generated layers: one undo takes them away",
          press("undo-test", "ctrl+z", lambda: len(image.get_layers()) == 1))
    display.delete()


def a_group():
    image, layer = new_image(width=64, height=64)
    image.set_file(Gio.File.new_for_path("/tmp/undo-test.xcf"))
    display = Gimp.Display.new(image)
    call("plug-in-diffusion-variations", image, [layer], model="tiny", steps=2, levels="300, 600", count=2, **{"class": "checks"})
    check("variations: a group of four", len(image.get_layers()) == 2 and len(image.get_layers()[0].get_children()) == 4)
    check("variations: one undo takes them away", press("undo-test", "ctrl+z", lambda: image.get_layers() == [layer]))
    check("variations: redo brings them back", press("undo-test", "ctrl+y", lambda: len(image.get_layers()) == 2 and
                                                    len(image.get_layers()[0].get_children()) == 4))
    display.delete()


def kill_at(moment, hit):
    time.sleep(max(0.0, moment - time.monotonic()))
    for process in plugin_processes():
        os.kill(process, signal.SIGKILL)
        hit.append(process)


def killed_inside_the_commit():
    """A large layer makes the commit long enough to be hit: its moment is halved in between one that came too
    early and one that came too late, until it falls between the undo step and the end."""
    image, layer = new_image(width=800, height=600, precision=P.FLOAT_LINEAR)
    image.set_file(Gio.File.new_for_path("/tmp/undo-test.xcf"))
    display = Gimp.Display.new(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 8, 8, 780, 580)
    start = time.monotonic()
    denoise(image, layer, steps=1)
    whole = time.monotonic() - start
    put(layer, picture(800, 600))
    tries, caught, early, late = 0, False, 0.3, 1.1
    while not caught and tries < 40:
        image.clean_all()
        before, hit, part = state(image, layer), [], (early + late) / 2
        killer = threading.Thread(target=kill_at, args=(time.monotonic() + whole * part, hit))
        killer.start()
        status, _, _ = denoise(image, layer, steps=1)
        killer.join()
        tries += 1
        caught = not succeeded(status) and image.is_dirty()
        if succeeded(status):
            late = part
            put(layer, picture(800, 600))
        else:
            early = part
        if late - early < 0.01:      # both were right at their time: the machine's speed has changed
            early, late = early - 0.06, late + 0.06
    if not caught:
        print(f"skip a kill inside the commit: {tries} tries did not hit it", flush=True)
        return
    print(f"a kill fell inside the commit after {tries} tries", flush=True)
    Gimp.displays_flush()
    check("killed inside the commit: one undo restores pixels and selection",
          press("undo-test", "ctrl+z", lambda: state(image, layer)[:2] == before[:2]))
    status, _, error = denoise(image, layer, steps=1)
    check("killed inside the commit: GIMP goes on", succeeded(status), error)
    display.delete()


one_step("noise-level")
one_step("blend", edge="blend")
one_step("noise-level, float", precision=P.FLOAT_LINEAR)
several_layers()
a_group()
killed_inside_the_commit()
finish()
