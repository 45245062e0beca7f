#!/usr/bin/env python3
"""Writes the list of model families in README.md from what the program says.

    python3 Scripts/make-families-table.py PATH_TO_DMS            after a change of families
    python3 Scripts/make-families-table.py PATH_TO_DMS --check    whether the list is that one
"""
import json
import os
import re
import subprocess
import sys

README = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "README.md")
BEGIN, END = "<!-- families: written by Scripts/make-families-table.py -->\n", "<!-- end of families -->\n"


def table(binary):
    said = subprocess.run([binary, "inspect", "--families", "--json"], check=True, stdout=subprocess.PIPE, text=True)
    lines = ["| family | `model_type` | architecture | what of it |", "|---|---|---|---|"]
    for family in json.loads(said.stdout)["families"]:
        lines.append("| {name} | `{model_type}` | `{architecture}` | {scope} |".format(**family))
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    with open(README, encoding="utf-8") as file:
        old = file.read()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(old):
        sys.exit(f"README.md: found no place for the list of families, required {BEGIN.strip()} and {END.strip()}")
    new = pattern.sub(lambda _: BEGIN + "\n" + table(sys.argv[1]) + "\n" + END, old)
    if sys.argv[2:] == []:
        with open(README, "w", encoding="utf-8") as file:
            file.write(new)
    elif new != old:
        sys.exit("README.md has another list of families than the program: python3 Scripts/make-families-table.py PATH_TO_DMS")
    else:
        print("README.md's list of families is current")


main()
