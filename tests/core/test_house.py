# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws of the house: who may include what, how long a function may be; and that what docs/theory.md names exists.
usage: test_house.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
# Each folder of core, and the folders below it that it may include from.
BELOW = {
    "base": [],
    "kernels": ["base"],
    "ops": ["base", "kernels"],
    "model": ["base"],
    "net": ["base", "kernels", "ops", "model"],
    "process": ["base", "model", "net"],
    "train": ["base", "kernels", "ops", "model", "net", "process"],
    "": ["base", "kernels", "ops", "model", "net", "process", "train"],
}
FORBIDDEN_IN_CORE = re.compile(r"^(glib|gio|gtk|gdk|gegl|babl|libgimp|cblas|png)")
LINES = 60
FLAT = {"df_unet_config_parse", "df_unet_config_text", "parse_table"}   # one line per key of a table
passed = failed = 0


def check(name, fine, detail=""):
    global passed, failed
    passed, failed = passed + bool(fine), failed + (not fine)
    if not fine:
        print(f"FAIL {name}: {detail}")


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.M)


def check_core(path):
    folder = path.parent.relative_to(ROOT / "core").as_posix()
    folder = "" if folder == "." else folder
    for name in includes(path):
        first = name.split("/")[0] if "/" in name else ""
        if first and first in BELOW:
            check("the include law", first == folder or first in BELOW[folder], f"{path} includes {name}")
        check("core hears of no library but yyjson and Random123", not FORBIDDEN_IN_CORE.match(name),
              f"{path} includes {name}")


def check_outside(path):
    for name in includes(path):
        inner = name.split("/")[0] in BELOW or (name.startswith("core/") and name != "core/diffusion.h")
        check("plugin, ui and tools see core/diffusion.h alone", not inner, f"{path} includes {name}")


def functions(path):
    """(name, lines) of each function body, by GNU style: the brace stands in column 0."""
    lines, name, start = path.read_text().splitlines(), None, None
    for i, line in enumerate(lines):
        head = re.match(r"^(?:static )?(\w+) \(", line)
        if head and start is None:
            name = head.group(1)
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            if name:
                yield name, i - start - 1
            name = start = None


def check_theory(path):
    """Each row of its last table: names in code font belong to the file before them."""
    named, text = 0, ""
    for token in re.findall(r"`([^`]+)`", path.read_text().split("## Where it stands")[1]):
        if "/" in token:
            source = ROOT / token
            text = source.read_text() if source.is_file() else ""
            check("what the theory names exists", text, token)
        else:
            named += 1
            check("what the theory names exists", re.search(rf"^(    def )?{token} ?\(", text, re.M),
                  f"{token} in {source}")
    check("the theory names functions", named > 60, named)


found = sorted(p for d in ("core", "plugin", "ui", "tools") for p in (ROOT / d).rglob("*.[ch]"))
check("there are sources", len(found) > 60, len(found))
count = 0
for path in found:
    (check_core if path.is_relative_to(ROOT / "core") else check_outside)(path)
    check("a licence on top", "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text()[:120], path)
    for name, lines in functions(path):
        count += 1
        check("a function fits on a screen", lines <= LINES or name in FLAT, f"{path}: {name} has {lines} lines")
check("there are functions", count > 300, count)
check_theory(ROOT / "docs/theory.md")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0 or passed == 0)
