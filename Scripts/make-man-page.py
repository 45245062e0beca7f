#!/usr/bin/env python3
"""Writes the manual page of dms from what the program says about itself.

    python3 Scripts/make-man-page.py PATH_TO_DMS > docs/dms.1      after a change of options
    python3 Scripts/make-man-page.py PATH_TO_DMS --check           whether docs/dms.1 is that page
"""
import json
import os
import subprocess
import sys

PAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs/dms.1")


def escaped(text):
    """Text as roff shows it: no escapes, no requests, and hyphens that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def paragraphs(text):
    """A discussion: its paragraphs, and its indented lines as they are."""
    lines, verbatim = [], False
    for line in text.split("\n"):
        indented = line.startswith("  ")
        if indented != verbatim:
            lines.append(".nf" if indented else ".fi")
            verbatim = indented
        if line.strip():
            lines.append(escaped(line))
        elif lines and lines[-1] != ".PP" and not verbatim:
            lines.append(".PP")
    if verbatim:
        lines.append(".fi")
    while lines and lines[-1] == ".PP":
        lines.pop()
    return lines


def shown(argument):
    """How an argument is written: `--model <dir>`."""
    value = escaped(argument.get("valueName", "value"))
    if argument["kind"] == "positional":
        return f"\\fI{value}\\fR"
    names = ", ".join(
        "\\fB" + escaped({"short": "-"}.get(name["kind"], "--") + name["name"]) + "\\fR" for name in argument["names"])
    return names if argument["kind"] == "flag" else f"{names} \\fI{value}\\fR"


def verb(command, names):
    """One verb, and those under it."""
    path = names + [command["commandName"]]
    lines = [f".SH {escaped(' '.join(path)).upper()}", escaped(command.get("abstract", ""))]
    if command.get("discussion"):
        lines += [".PP"] + paragraphs(command["discussion"])
    for argument in command.get("arguments", []):
        if not argument.get("shouldDisplay", True) or argument.get("valueName") in ("version", "help"):
            continue
        text = argument.get("abstract", "")
        default = argument.get("defaultValue")
        if default is not None and "(default:" not in text:
            text += f" (default: {default})"
        lines += [".TP", shown(argument), escaped(text) or "\\&"]
    for other in command.get("subcommands", []):
        if other["commandName"] != "help":
            lines += verb(other, path)
    return lines


def page(binary):
    described = subprocess.run([binary, "--experimental-dump-help"], check=True, stdout=subprocess.PIPE, text=True)
    root = json.loads(described.stdout)["command"]
    lines = [
        '.\\" Made by Scripts/make-man-page.py; change the options, not this file.', '.TH DMS 1', ".SH NAME",
        f"dms \\- {escaped(root['abstract'])}", ".SH SYNOPSIS", "\\fBdms\\fR \\fIverb\\fR [options]", ".SH DESCRIPTION",
    ]
    lines += paragraphs(root["discussion"])
    for command in root["subcommands"]:
        if command["commandName"] != "help":
            lines += verb(command, [])
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) == 2:
        print(page(sys.argv[1]), end="")
    elif len(sys.argv) == 3 and sys.argv[2] == "--check":
        with open(PAGE, encoding="utf-8") as file:
            if file.read() != page(sys.argv[1]):
                sys.exit(
                    "docs/dms.1 is not what the program says about itself: "
                    "python3 Scripts/make-man-page.py PATH_TO_DMS > docs/dms.1")
        print("docs/dms.1 is current")
    else:
        sys.exit(__doc__)


main()
