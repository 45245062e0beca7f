#!/usr/bin/env python3
"""Counts public declarations with and without documentation, and fails where a library has less than 90 %.

    swift build && python3 Scripts/check-documentation.py [--list]

Counts what somebody wrote: nothing that the compiler made, and no member that a protocol of the standard library asks for and
that means what it says there (`description`, `==`). --list names what has none.
"""
import json
import os
import subprocess
import sys
import tempfile

REQUIRED = 0.9
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Members of standard protocols, by their names.
STANDARD = {
    "description", "debugDescription", "==(_:_:)", "<(_:_:)", "hash(into:)", "allCases", "rawValue", "init(rawValue:)",
    "makeAsyncIterator()", "makeIterator()", "Element", "AsyncIterator", "Iterator", "startIndex", "endIndex",
    "init(arrayLiteral:)", "init(dictionaryLiteral:)", "init(stringLiteral:)", "init(integerLiteral:)", "encode(to:)",
    "init(from:)",
}


def declarations(path):
    """(name, whether it is documented) of what was written in the module's files."""
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    for symbol in graph["symbols"]:
        written = "location" in symbol and "::SYNTHESIZED::" not in symbol["identifier"]["precise"]
        if symbol["accessLevel"] not in ("public", "open") or not written:
            continue
        if symbol["pathComponents"][-1] in STANDARD:
            continue
        lines = symbol.get("docComment", {}).get("lines", [])
        yield ".".join(symbol["pathComponents"]), any(line["text"].strip() for line in lines)


def main():
    lists = sys.argv[1:] == ["--list"]
    if sys.argv[1:] and not lists:
        sys.exit(__doc__)
    short = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(ROOT, "Scripts/symbol-graphs.sh"), folder], check=True)
        for name in sorted(os.listdir(folder)):
            # Extensions of other modules' types are in files of their own: MODULE@OTHER.
            module = name.removesuffix(".symbols.json")
            found = sorted(set(declarations(os.path.join(folder, name))))
            if not found:
                continue
            missing = [symbol for symbol, documented in found if not documented]
            share = 1 - len(missing) / len(found)
            print(f"{module:32} {len(found) - len(missing):4} of {len(found):4}  {100 * share:5.1f} %")
            if lists:
                print("".join(f"    {symbol}\n" for symbol in missing), end="")
            if share < REQUIRED:
                short.append(module)
    if short:
        sys.exit(f"less than {100 * REQUIRED:.0f} % of the public declarations are documented: {', '.join(short)}")


main()
