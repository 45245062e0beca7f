#!/usr/bin/env python3
"""Runs the commands that README.md and docs/*.md show.

    python3 Scripts/test-doc-commands.py PATH_TO_DMS

Commands stand in fenced blocks without a language, or with sh or console. Every one is either run here, and has to end with
status 0, or its block says in a comment before it why not:

    <!-- needs: a base model -->
    ```
    dms retrofit --model BASE …
    ```

They run one after another in an empty folder, block after block of a file, in which `DIR` is the model that comes along and
`text.txt` a text. `dms` and `swift run -c release dms` are the binary given. Commands of others are not run, so they need a
comment too.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "Sources/dms/recall-8x")
TEXT = "The grass is green. The sky is blue. The sun is yellow. The password is pillow. " * 60
LONGEST = 60  # seconds
SHELL = {"", "sh", "bash", "console"}
# The first word of a line that is a command and not what one printed.
COMMAND = re.compile(
    r"^(dms|swift|docc|python3?|bash|sh|curl|git|apt|apt-get|brew|mpirun|docker|sed|echo|printf|cat|cp|mkdir|make|nginx|"
    r"source|export|man|sudo|cd|uv|pip|pip3|\.{1,2}/\S+|\.build/\S+|Scripts/\S+|Fuzz/\S+|Benchmarks/\S+)(\s|$)")
NEEDS = re.compile(r"^<!-- needs: (.+) -->$")


def blocks(path):
    """(line, why it is not run, lines) of every fenced block that may hold commands."""
    fence, needs, body, start = None, None, [], 0
    for number, line in enumerate(open(path, encoding="utf-8").read().split("\n"), 1):
        text = line.strip()
        if fence is not None:
            if text == "```":
                if fence in SHELL:
                    yield start, needs, body
                fence, needs, body = None, None, []
            else:
                body.append(line)
        elif text.startswith("```"):
            fence, start = text[3:].strip(), number + 1
        elif text:
            found = NEEDS.match(text)
            needs = found.group(1) if found else None


def commands(body, start):
    """(line, command) of every command of a block; none where it begins with something else."""
    first = next((line for line in body if line.strip()), "")
    if not COMMAND.match(first.removeprefix("$ ")):
        return
    pending, line_number = "", start
    for offset, line in enumerate(body):
        line = line.removeprefix("$ ")
        if not pending:
            line_number = start + offset
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
        elif pending.strip():
            yield line_number, pending
            pending = ""


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    failures, ran, excused = [], 0, 0
    for path in [os.path.join(ROOT, "README.md")] + sorted(glob.glob(os.path.join(ROOT, "docs/*.md"))):
        name = os.path.relpath(path, ROOT)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(MODEL, os.path.join(folder, "DIR"))
            with open(os.path.join(folder, "text.txt"), "w", encoding="utf-8") as file:
                file.write(TEXT)
            for start, needs, body in blocks(path):
                for line, command in commands(body, start):
                    if needs:
                        excused += 1
                        continue
                    own = re.sub(r"^(swift run (-c release )?dms|\.build/release/dms|dms)(?=\s|$)", '"$DMS"', command)
                    if own == command:
                        failures.append(f"{name}:{line}: {command}\n  is no command of dms: say in a comment what it needs")
                        continue
                    try:
                        result = subprocess.run(
                            ["bash", "-c", own], cwd=folder, env={**os.environ, "DMS": binary}, timeout=LONGEST,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                        ran += 1
                        if result.returncode != 0:
                            failures.append(f"{name}:{line}: {command}\n  status {result.returncode}: {result.stdout[-500:]}")
                    except subprocess.TimeoutExpired:
                        failures.append(f"{name}:{line}: {command}\n  takes more than {LONGEST} s")
    print(f"commands in the documents: {ran} run, {excused} that need more than is here")
    if failures:
        sys.exit("\n".join(failures))


main()
