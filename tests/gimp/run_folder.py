# SPDX-License-Identifier: GPL-3.0-or-later
"""The plug-in's folder alone, copied elsewhere, works; it links nothing that GIMP does not bring; a run opens no internet
socket. usage: run_folder.py PLUGIN MODELS CLI"""
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from host import Judge, Profile, clean

PLUGIN, MODELS = sys.argv[1:3]
judge = Judge()
GENERATE = ('(let* ((i (car (gimp-image-new 32 32 RGB))) (r (plug-in-diffusion-generate #:run-mode RUN-NONINTERACTIVE '
            '#:image i #:drawables (vector) #:model "tiny" #:class "waves" #:steps 2))) '
            '(display "made ") (display (vector-length (car r))))')


def libraries(program):
    """Names of the shared libraries that a program loads."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {Path(line.split()[0]).name for line in text.splitlines() if line.strip()}


def gimps_own():
    """What GIMP and its libraries load: gimp itself, libgimpui and GEGL."""
    found = libraries(shutil.which("gimp-3.0") or shutil.which("gimp"))
    text = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if re.search(r"lib(gimp(ui|widgets|base|config|color|math|module)?|gegl|babl)-", line):
            path = line.split("=>")[-1].strip()
            found |= libraries(path) | {Path(path).name}
    return found


extra = libraries(PLUGIN) - gimps_own()
judge.check("the plug-in loads nothing beyond GIMP's own libraries", not extra, sorted(extra) or "")

with Profile(PLUGIN, MODELS) as first, Profile(PLUGIN, MODELS) as second:
    target = second.folder / "plug-ins" / "gimp-diffusion"
    shutil.rmtree(target)
    shutil.copytree(first.folder / "plug-ins" / "gimp-diffusion", target)
    run = second.console(GENERATE, "plug-in-script-fu-eval")
    judge.check("a copied folder works", "made 1" in run.stdout, "" if "made 1" in run.stdout else clean(run.stdout))
    with tempfile.TemporaryDirectory() as scratch:
        trace = Path(scratch) / "trace"
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=network", "-o", trace, "gimp-console", "-idf", "--batch-interpreter",
             "plug-in-script-fu-eval", "-b", GENERATE, "--quit"], env=second.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        text = trace.read_text()
        internet = [line for line in text.splitlines() if re.search(r"socket\(AF_INET6?,", line)]
        judge.check("a run under strace works", "made 1" in done.stdout)
        judge.check("no internet socket is opened", not internet and "exited with" in text, internet[:3] or "")
judge.end()
