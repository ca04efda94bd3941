# SPDX-License-Identifier: GPL-3.0-or-later
"""Running GIMP for a test: a private profile with the plug-in just built and the tiny model, and scripts inside
gimp-console. Used by the run_*.py drivers, outside GIMP."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOISE = re.compile(r"scriptfu-WARNING|Gtk-WARNING|tag cache|LibGimp-WARNING|stale context|Welcome to GIMP|GLib-GObject-CRITICAL"
                   r"|Gimp-Core-WARNING|stray image|gimp_wire_read")

# GIMP asks every plug-in that it finds what it can do: a minute and more for a new profile on a busy machine.
SYSTEM, VERSION = (subprocess.run(["pkg-config", word, "gimp-3.0"], capture_output=True, text=True).stdout.strip()
                   for word in ("--variable=gimplibdir", "--modversion"))
NEEDED = ["python-eval", "script-fu", "file-pat"]

# gimprc for GIMP on a screen; it welcomes users of another version.
QUIET = f'(show-welcome-dialog no)\n(check-updates no)\n(config-version "{VERSION}")\n'


class Profile:
    """A GIMP profile in a temporary folder; gone with the `with` block."""

    def __init__(self, plugin, models, gimprc=""):
        self.folder = Path(tempfile.mkdtemp(prefix="gimp-diffusion-"))
        inside = self.folder / "plug-ins" / "gimp-diffusion"
        (inside / "locale").mkdir(parents=True)
        for catalogues in Path(plugin).parent.glob("po/*/LC_MESSAGES"):
            shutil.copytree(catalogues, inside / "locale" / catalogues.parent.name / "LC_MESSAGES")
        shutil.copy(plugin, inside / "gimp-diffusion")
        shutil.copytree(Path(models) / "tiny", inside / "models" / "tiny")
        for name in "guide", "screenshots":
            shutil.copytree(Path(models).parent / "docs" / name, inside / "docs" / name)
        for name in NEEDED:
            shutil.copytree(Path(SYSTEM) / "plug-ins" / name, self.folder / "plug-ins" / name)
        (self.folder / "gimprc").write_text('(plug-in-path "${gimp_dir}/plug-ins")\n' + gimprc)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, **more):
        return dict(os.environ, GIMP3_DIRECTORY=str(self.folder), XDG_DATA_HOME=str(self.folder / "data"),
                    GIMP_DIFFUSION_MODELS="", **{k: str(v) for k, v in more.items()})

    def console(self, batch, interpreter="python-fu-eval", timeout=600, **environment):
        """One batch command in gimp-console; returns the finished process with output and errors joined."""
        return subprocess.run(
            ["gimp-console", "-id", "--batch-interpreter", interpreter, "-b", batch, "--quit"],
            env=self.environment(**environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=timeout)

    def script(self, name, **environment):
        """A script of this folder inside gimp-console, with the folder on its path."""
        command = f"import sys; sys.path.insert(0, {str(HERE)!r}); exec(open({str(HERE / name)!r}).read())"
        return self.console(command, **environment)


def clean(output):
    return "\n".join(line for line in output.splitlines() if line.strip() and not NOISE.search(line))


class Judge:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, fine, detail=""):
        self.passed, self.failed = self.passed + bool(fine), self.failed + (not fine)
        print(f"{'ok  ' if fine else 'FAIL'} {name}{': ' + str(detail) if detail != '' else ''}", flush=True)
        return fine

    def take(self, finished, scripts=1):
        """Counts the ok and FAIL lines that scripts inside GIMP printed; one that ended early is a failure."""
        for line in finished.stdout.splitlines():
            if line.startswith(("ok  ", "FAIL")):
                self.passed, self.failed = self.passed + line.startswith("ok"), self.failed + line.startswith("FAIL")
                print(line)
        if finished.stdout.count("script finished") < scripts:
            self.check("the script ran to its end", False, clean(finished.stdout)[-2000:])

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(self.failed > 0 or self.passed == 0)
