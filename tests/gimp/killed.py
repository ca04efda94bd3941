# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP: kills the plug-in at random moments and looks at what is left."""
import random
import signal
import threading
import time

from inside import *  # noqa: F401, F403

random.seed(5)


def kill_after(delay, hit):
    """Waits for the plug-in, then `delay` seconds, then kills it."""
    deadline = time.monotonic() + 30
    while not plugin_processes() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(delay)
    for process in plugin_processes():
        try:
            os.kill(process, signal.SIGKILL)
            hit.append(process)
        except ProcessLookupError:
            pass


def state_of(image, layer):
    return (native(layer).tobytes(), selection_on(layer).tobytes(), len(image.get_layers()),
            len(image.get_channels()), image.is_dirty(), layer.get_parasite_list())


image, layer = new_image(width=256, height=256)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 40, 40, 150, 150)
Gimp.Selection.feather(image, 10)
image.clean_all()
start = time.monotonic()
denoise(image, layer, output="new-layer")
whole = time.monotonic() - start
image.remove_layer(image.get_layers()[0])
image.clean_all()

for i in range(10):
    before, hit = state_of(image, layer), []
    killer = threading.Thread(target=kill_after, args=(random.uniform(0.0, 0.8) * whole, hit))
    killer.start()
    status, _, _ = denoise(image, layer, steps=30)
    killer.join()
    check(f"kill {i + 1}: nothing has changed", hit and not succeeded(status) and state_of(image, layer) == before,
          "" if hit else "not hit")

status, _, error = denoise(image, layer)
check("GIMP goes on: the next run works", succeeded(status), error)
finish()
