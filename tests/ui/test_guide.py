# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual: every language of the program has one, with the pages of the English one, each with as many headings, terms, steps
and pictures; what they lead to and show exists; GIMP's help knows every page with a command by the same name.
usage: test_guide.py SOURCE_ROOT"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
GUIDE = ROOT / "docs" / "guide"
PARTS = ("h1", "h2", "p", "li", "dt", "dd", "tr", "figure", "a")
results = []


def check(name, fine, detail=""):
    results.append(bool(fine))
    print("" if fine else f"FAIL {name}: {detail}\n", end="")


def shape(text):
    return {part: len(re.findall(rf"<{part}[ >]", text)) for part in PARTS}


def look_at(page, like):
    text = page.read_text()
    check("its language is said", f'<html lang="{page.parent.name.replace("_", "-")}">' in text, page)
    check("as many parts as in English", shape(text) == shape(like.read_text()), (page, shape(text), shape(like.read_text())))
    for target in re.findall(r'(?:href|src)="([^"#]+)', text):
        check("what it leads to exists", "://" in target or (page.parent / target).is_file(), (page, target))


def helped(folder):
    """{command: (page, title)} as GIMP's help reads them."""
    found = re.findall(r'id="(.*?)" ref="(.*?)" title="(.*?)"', (folder / "gimp-help.xml").read_text())
    return {command: (page, title) for command, page, title in found}


languages = sorted(p for p in GUIDE.iterdir() if p.is_dir())
spoken = {p.stem for p in (ROOT / "po").glob("*.po")}
check("every language of the program has one", {p.name for p in languages} == spoken | {"en"}, (languages, spoken))
pages = sorted(p.name for p in (GUIDE / "en").glob("*.html"))
check("there are pages", len(pages) > 6, pages)
for folder in languages:
    check("all pages are there, and no other", sorted(p.name for p in folder.glob("*.html")) == pages, folder)
    for name in pages:
        if (folder / name).exists():
            look_at(folder / name, GUIDE / "en" / name)
    commands = helped(folder)
    check("help has all commands", {c: p for c, (p, _) in commands.items()} ==
          {c: p for c, (p, _) in helped(GUIDE / "en").items()}, folder)
    for page, title in commands.values():
        check("a page has the title that help gives", f"<h1>{title}</h1>" in (folder / page).read_text(), (folder, page, title))
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not results or not all(results))
