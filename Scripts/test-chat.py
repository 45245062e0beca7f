#!/usr/bin/env python3
"""Talks with `dms chat` through a pseudo-terminal as a person would, and through pipes as a script would.

Usage: Scripts/test-chat.py PATH_TO_DMS
"""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


class Terminal:
    """A program at a pseudo-terminal of 80 columns."""

    def __init__(self, arguments):
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", COLUMNS="80")
            os.execv(arguments[0], arguments)
        self.output = ""
        self.seen = 0

    def wait(self, pattern, seconds=60):
        """Waits for something behind what was waited for before."""
        limit = time.monotonic() + seconds
        while True:
            found = re.compile(pattern, re.DOTALL).search(self.output, self.seen)
            if found:
                self.seen = found.end()
                return found.group()
            if time.monotonic() > limit:
                raise AssertionError(f"no {pattern!r} in {self.output[self.seen:]!r}")
            if select.select([self.file], [], [], 0.2)[0]:
                try:
                    self.output += os.read(self.file, 1 << 16).decode(errors="replace")
                except OSError:
                    limit = 0

    def type(self, text):
        os.write(self.file, text.encode())

    def end(self):
        """The exit status."""
        try:
            while os.read(self.file, 1 << 16):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def converses(dms, model, work):
    ready = r"\x1b\[\?2004h.*?> "
    summary = r"(\d+) tokens · [\d.]+ \w+ alive"
    terminal = Terminal([dms, "chat", "--model", model, "--max-tokens", "12"])
    terminal.wait(ready)
    # Written wrong, corrected in the middle, and sent.
    terminal.type("The passwort is pillow.\x1b[1;5D\x1b[1;5D\x1b[D\x7fd\x05\r")
    terminal.wait("The password is pillow")
    first = int(re.search(r"(\d+) tokens", terminal.wait(summary)).group(1))
    terminal.wait(ready)
    # From the history; the conversation grows and is not read again.
    terminal.type("\x1b[A\r")
    second = int(re.search(r"(\d+) tokens", terminal.wait(summary)).group(1))
    assert second > first, (first, second)
    terminal.wait(ready)
    terminal.type("/memory\r")
    terminal.wait(rf"tokens +{second}\b.*a dense cache.*alive now.*allocated")
    terminal.wait(ready)
    terminal.type(f"/save {work}/talk.session\r")
    terminal.wait(f"saved {second} tokens")
    terminal.wait(ready)
    terminal.type("/new\r")
    terminal.wait("begun anew")
    terminal.wait(ready)
    terminal.type(f"/load {work}/talk.session\r")
    terminal.wait(f"restored {second} tokens")
    terminal.wait(ready)
    terminal.type("/nonsense\r")
    terminal.wait("not a command")
    terminal.wait(ready)
    terminal.type(f"/load {work}/none\r")
    terminal.wait("No such file")
    terminal.wait(ready)
    terminal.type("/help\r")
    terminal.wait("/quit")
    terminal.wait(ready)
    # Ctrl-C gives a new line and Ctrl-D ends.
    terminal.type("half a line\x03")
    terminal.wait(ready)
    terminal.type("\x04")
    assert terminal.end() == 0


def ends_early(dms, model):
    """Ctrl-D before the first prompt, while the terminal still was as terminals are."""
    terminal = Terminal(["/bin/sh", "-c", 'sleep 1; exec "$0" chat --model "$1"', dms, model])
    terminal.type("\x04")
    assert terminal.end() == 0


def stops(dms, model):
    """Ctrl-C stops the answer and not the program."""
    ready = r"\x1b\[\?2004h.*?> "
    terminal = Terminal([dms, "chat", "--model", model, "--max-tokens", "100000", "--threads", "1"])
    terminal.wait(ready)
    terminal.type("Hello\r")
    # The terminal takes lines again once the answer is on its way; something of it has come by then.
    terminal.wait(r"\x1b\[\?2004l.*?\w")
    terminal.type("\x03")
    terminal.wait(r"\(stopped\)")
    terminal.wait(ready)
    terminal.type("/quit\r")
    assert terminal.end() == 0


def pipes(dms, model, work):
    def run(text, *arguments):
        return subprocess.run(
            [dms, "chat", "--model", model, "--max-tokens", "6", *arguments], input=text, capture_output=True, text=True,
            timeout=120)

    once = run("The password is pillow.\nWhat is it?\n")
    assert once.returncode == 0 and "\x1b" not in once.stdout + once.stderr, once
    first = run(f"The password is pillow.\n/save {work}/pipe.session\n")
    assert first.returncode == 0 and "saved" in first.stderr, first
    second = run("What is it?\n", "--load", f"{work}/pipe.session")
    assert second.returncode == 0 and first.stdout + second.stdout == once.stdout, (first, second, once)
    wrong = run("/nonsense\n")
    assert wrong.returncode == 1 and "not a command" in wrong.stderr, wrong
    plain = subprocess.run([dms, "chat"], input="", capture_output=True, text=True, timeout=120)
    assert plain.returncode == 1 and "dms generate" in plain.stderr, plain


def main():
    dms = os.path.realpath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        model = os.path.join(work, "recall-chat")
        subprocess.run([os.path.join(ROOT, "Scripts/make-chat-copy.sh"), model], check=True)
        pipes(dms, model, work)
        ends_early(dms, model)
        converses(dms, model, work)
        stops(dms, model)
    print("dms chat talks at a terminal and through pipes")


main()
