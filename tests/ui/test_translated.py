# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text for users is translated into every language, none is left over, and what a text needs is in its translation:
the letter of a control, and what printf puts in. usage: test_translated.py SOURCE_ROOT XGETTEXT MSGCMP XGETTEXT-OPTION…"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT, (XGETTEXT, MSGCMP, *OPTIONS) = Path(sys.argv[1]), sys.argv[2:]
results = []


def check(name, fine, detail):
    results.append(bool(fine))
    print("" if fine else f"FAIL {name}: {detail}\n", end="")


def texts(path):
    """{msgid: msgstr} of a catalogue, plurals left out (msgfmt -c looks at them)."""
    def value(name, block):
        found = re.search(rf'^{name} ((?:"(?:[^"\\]|\\.)*"\s*)+)', block, re.M)
        return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found.group(1))) if found else None
    blocks = re.split(r"\n\s*\n", path.read_text())
    return {value("msgid", b): value("msgstr", b) for b in blocks if value("msgid", b) and value("msgstr", b) is not None}


sources = [line for line in (ROOT / "po" / "POTFILES").read_text().splitlines() if line and line[0] != "#"]
marked = {p.relative_to(ROOT).as_posix() for folder in ("core", "plugin", "ui") for p in (ROOT / folder).rglob("*.c")
          if re.search(r'\b(_|N_|ngettext) \("|\b(df_fail|df_json_refuse) \(\w', p.read_text()) and p.name != "status.c"}
check("po/POTFILES names every file with texts", marked <= set(sources), marked - set(sources))
check("and files that exist", all((ROOT / s).is_file() for s in sources), sources)
with tempfile.TemporaryDirectory() as folder:
    template = Path(folder) / "all.pot"
    subprocess.run([XGETTEXT, *OPTIONS, "-o", template, *sources], cwd=ROOT, check=True)
    for po in sorted((ROOT / "po").glob("*.po")):
        compared = subprocess.run([MSGCMP, po, template], capture_output=True, text=True)
        check(f"{po.name}: nothing is missing", compared.returncode == 0, compared.stderr)
        used = texts(template)
        for text, translated in texts(po).items():
            check(f"{po.name}: no longer used", text in used, text)
            check(f"{po.name}: a letter for the keyboard", ("_" in text) == ("_" in translated), (text, translated))
            numbers = [sorted(re.findall(r"%[-+0-9.]*l*[a-zA-Z]", t.replace("%%", ""))) for t in (text, translated)]
            check(f"{po.name}: the same numbers and words go in", numbers[0] == numbers[1], (text, translated))
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not results or not all(results))
