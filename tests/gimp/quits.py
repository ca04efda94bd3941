# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: the user quits GIMP during a run; run_dialogs.py looks at what is left."""
from inside import *  # noqa: F401, F403

DENOISE, RUNNING = "Partially Denoise Selection", "^Tiny"
image, layer = new_image(width=256, height=256)
image.set_file(Gio.File.new_for_path("/tmp/meanwhile.xcf"))
display = Gimp.Display.new(image)
image.clean_all()
answer((DENOISE, "alt+n End"), (DENOISE, "alt+p ctrl+a 9 9 9"), (DENOISE, "alt+o"), (RUNNING, "Shift_L"),
       lambda: check("quit: a run is under way", bool(plugin_processes())), ("meanwhile", "ctrl+q", 2))
denoise(image, layer, **{"run-mode": Gimp.RunMode.INTERACTIVE})
print("quit: GIMP went on", flush=True)
