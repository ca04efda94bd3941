# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside GIMP with a display: the Model Library: what is there, and delete (import: tests/ui)."""
import shutil
import threading

from inside import *  # noqa: F401, F403

LIBRARY, QUESTION = "^Model Library", "^Delete Model"     # titles are patterns
OWN = Path(os.environ["XDG_DATA_HOME"]) / "gimp-diffusion" / "models"
SHIPPED = Path(os.environ["PROFILE"]) / "plug-ins" / "gimp-diffusion" / "models" / "tiny"


def library(*requests):
    """The names returned, after these keys and Close."""
    procedure = PDB.lookup_procedure("plug-in-diffusion-models")
    config = procedure.create_config()
    if requests:
        config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)

    closed = threading.Event()

    def pressed(window, keys, seconds):
        """Whether that window was there for its keys."""
        waiting, deadline = ask_for_keys(window, keys), time.monotonic() + seconds
        while waiting.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        gone = not waiting.exists()
        waiting.unlink(missing_ok=True)
        return gone

    # Keys that come while another window opens or closes are lost: a question is answered until it is gone, and Escape
    # pressed until the call returns (Alt+C might come too late, and open GIMP's menu of colours).
    def work():
        for window, keys in requests:
            pressed(window, keys, 60)
            while window == QUESTION and pressed(QUESTION, "Shift_L", 1):
                pressed(QUESTION, keys, 1)
        while requests and not closed.is_set():
            pressed(LIBRARY, "Escape", 2)
    thread = threading.Thread(target=work)
    thread.start()
    result = procedure.run(config)
    closed.set()
    thread.join()
    return list(result.index(1)) if succeeded(result.index(0)) else None


check("names without a dialog", library() == ["tiny"], library())
shutil.copytree(SHIPPED, OWN / "good")
image, layer = new_image(width=32, height=32)
status, _, error = denoise(image, layer, model="good")
check("a model of one's own can be used", succeeded(status), error)
image.delete()
names = library((LIBRARY, "alt+d"), (QUESTION, "alt+c"))
check("delete: Cancel keeps it", names == ["good", "tiny"], names)
names = library((LIBRARY, "alt+d"), (QUESTION, "alt+d"))
check("delete: it is gone", names == ["tiny"] and not (OWN / "good").exists(), names)
names = library((LIBRARY, "alt+d"), (LIBRARY, "Shift_L"))
check("delete: not one that came with the plug-in", names == ["tiny"] and SHIPPED.is_dir(), names)
finish()
