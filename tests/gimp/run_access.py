# SPDX-License-Identifier: GPL-3.0-or-later
"""Every dialog as a screen reader and a keyboard meet it, in every language: each control has a name; no letter is given
twice, the dialog's own buttons included; a control without a letter of its own stands beside one that has; Tab reaches all;
Help opens the page of the dialog.
usage: run_access.py PLUGIN MODELS CLI [LANGUAGE…]      all languages where bus.make_locales () has been called, else English"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

from bus import CACHE, LOCALES, Desktop, one_by_one, plain, speaking, subtree, translator
from host import QUIET, SYSTEM, Judge, Profile
from PIL import Image

# menu item, title of the window
DIALOGS = [("_Generate Image…", "Generate Image"), ("_Partially Denoise Selection…", "Partially Denoise Selection"),
           ("_Variations…", "Variations"), ("_Train Model on This Image…", "Train Model on This Image"),
           ("_Model Library…", "Model Library")]
CONTROLS = {"button", "push button", "toggle button", "check box", "radio button", "spin button", "combo box", "slider", "text",
            "list box", "icon"}
HELP = {"en": "^Help$", "de": "^Hilfe$", "zh_CN": r"^帮助\(H\)$"}      # GIMP's button
MUTE = {"icon", "list box"}      # need a name, but no letter


class Access:
    def __init__(self, desktop, judge, language, opened):
        self.desktop, self.judge, self.language, self.opened = desktop, judge, language, opened
        self.state = desktop.atspi.StateType

    def is_(self, node, *states):
        having = node.get_state_set()
        return all(having.contains(state) for state in states)

    def letter(self, node):
        action = node.get_action_iface()
        keys = [action.get_key_binding(i) for i in range(action.get_n_actions())] if action is not None else []
        found = re.search(r"<Alt>(.)", " ".join(k or "" for k in keys))
        return found[1].lower() if found else None

    def controls(self, window):
        return [node for node in subtree(window) if node.get_role_name() in CONTROLS and self.desktop.shows(node)]

    def slider_letter(self, title, node):
        """A slider does not tell its letter: the one that leads to it."""
        for letter in "nabdefgijkmpqtuvwxyz":
            self.desktop.press(title, f"alt+{letter}")
            if self.desktop.wait(lambda: self.is_(node, self.state.FOCUSED), 1):
                return letter
        return None

    def letters(self, title, controls):
        given, without = {}, []
        for node in controls:
            role = node.get_role_name()
            letter = self.slider_letter(title, node) if role == "slider" else self.letter(node)
            if letter is not None:
                given.setdefault(letter, []).append(self.desktop.name(node))
            elif role not in MUTE and not any(self.letter(other) for other in self.siblings(node)):
                without.append(self.desktop.name(node) or role)
        return {letter: names for letter, names in given.items() if len(names) > 1}, without

    def siblings(self, node):
        parent = node.get_parent()
        return [parent.get_child_at_index(i) for i in range(parent.get_child_count())]

    def focused(self, controls):
        return [c for c in controls if self.is_(c, self.state.FOCUSED)]

    def tab(self, title, controls):
        """Names of controls that Tab does not reach."""
        wanted = [c for c in controls if self.is_(c, self.state.FOCUSABLE, self.state.SENSITIVE)]
        for _ in range(2 * len(controls) + 8):
            before = self.focused(controls)
            wanted = [c for c in wanted if c not in before]
            if not wanted:
                break
            self.desktop.press(title, "Tab")
            self.desktop.wait(lambda: self.focused(controls) != before, 1)
        return [self.desktop.name(c) or c.get_role_name() for c in wanted]

    def look(self, what, title, window):
        controls = self.controls(window)
        nameless = [f"{c.get_role_name()} {c.get_description()}" for c in controls if not self.desktop.name(c)]
        twice, without = self.letters(title, controls)
        what = f"{self.language}: {what}"
        self.judge.check(f"{what}: {len(controls)} controls, each with a name", controls and not nameless, nameless or "")
        self.judge.check(f"{what}: no letter twice", not twice, twice or "")
        self.judge.check(f"{what}: no control without one", not without, without or "")
        missed = self.tab(title, controls)
        self.judge.check(f"{what}: Tab reaches all", not missed, missed or "")

    def help(self, name, window):
        """The manual's page of this dialog in its language, from the plug-in's own folder."""
        known = len(pages(self.opened))
        self.desktop.push(window, HELP[self.language])
        page = self.desktop.wait(lambda: pages(self.opened)[known:], 30) or [""]
        path = Path(page[0].removeprefix("file://").split("#")[0])
        title = re.search(r"<h1>(.*?)</h1>", path.read_text()) if path.is_file() else None
        self.judge.check(f"{self.language}: {name}: Help opens its page in the plug-in's folder", title and title[1] == name and
                         str(path).startswith(str(self.desktop.profile.folder)), page[0])

    def dialog(self, name, item, heading, details):
        title = plain(heading)
        window = self.desktop.window(title) if self.desktop.menu(item) else None
        if not self.judge.check(f"{self.language}: {name} opens from the menu", window):
            return
        expander = self.desktop.named(window, details, "toggle button")
        if expander is not None:
            expander.do_action(0)
            self.desktop.wait(lambda: self.desktop.named(window, details, "toggle button").get_state_set().contains(
                self.state.EXPANDED), 2)
        self.look(name, title, window)
        self.help(heading, window)
        self.desktop.press(title, "Escape")
        self.judge.check(f"{self.language}: {name}: Escape closes it", self.desktop.gone(title, 60))


def pages(opened):
    return opened.read_text().split() if opened.exists() else []


def install_browser(profile):
    """A browser that writes down what it is to open; and GIMP's own plug-ins that lead to it."""
    opened, browser = profile.folder / "opened", profile.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    applications = profile.folder / "data" / "applications"
    applications.mkdir(parents=True)
    (applications / "browser.desktop").write_text(f"[Desktop Entry]\nType=Application\nName=Browser\nExec={browser} %u\n"
                                                  "MimeType=text/html;application/xhtml+xml;\n")
    (applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n"
                                                "application/xhtml+xml=browser.desktop\n")
    for name in "help", "web-browser":
        shutil.copytree(Path(SYSTEM) / "plug-ins" / name, profile.folder / "plug-ins" / name)
    return opened


def look_at(language, plugin, models, picture, judge):
    say = translator(plugin, language)
    gimprc = f'{QUIET}(language "{language}")\n'
    with Profile(plugin, models, gimprc) as profile:
        opened = install_browser(profile)
        with Desktop(profile, picture, **speaking(language)) as desktop:
            use(Access(desktop, judge, language, opened), say)


def use(access, say):
    for item, title in DIALOGS:
        access.dialog(title, plain(say(item)), say(title), plain(say("Deta_ils")))


def main():
    plugin, models, _, *languages = sys.argv[1:]
    judge = Judge()
    languages = languages or ["en", *(LOCALES if (CACHE / "locpath").exists() else [])]
    if len(languages) > 1:
        one_by_one(judge, languages)
        judge.end()
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(picture)
        look_at(languages[0], plugin, models, picture, judge)
    judge.end()


main()
