#!/usr/bin/env python3
"""Kills `dms serve` while clients save conversations, again and again: what was saved is there, whole, and goes on.

A conversation that a client was told to be saved must be there after every kill, as it was then or as a later turn left
it; one that was being saved is there as before or as after. Usage: Scripts/test-sessions.py PATH_TO_DMS [ROUNDS]
"""
import atexit
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

PROMPT = "The password is pillow. The lamp is in the garden. The password is"
CLIENTS = 4


class Server:
    def __init__(self, dms, folder):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [dms, "serve", "--port", "0", "--sessions", folder, "--no-playground"], stderr=self.log)
        # Whatever else goes wrong, it does not outlive this script.
        atexit.register(self.process.kill)
        self.address = None
        for _ in range(600):
            self.log.seek(0)
            for line in self.log:
                if line.startswith("dms: serving"):
                    self.address = line.split()[-1]
            if self.address:
                return
            assert self.process.poll() is None, "the server ended at once"
            time.sleep(0.05)
        raise SystemExit("the server did not start")

    def ask(self, path, body=None, method=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait()


def turn(server, name, prompt, goes_on):
    session = {"save": name}
    if goes_on:
        session["continue"] = name
    answer = server.ask("/v1/completions", {
        "model": "recall-8x", "prompt": prompt, "max_tokens": 5, "temperature": 0, "ignore_eos": True,
        "session": session})
    return answer["choices"][0]["text"]


class Conversation:
    """What a client knows of its conversation: what it was told is saved, and what it asked for since."""

    def __init__(self, name):
        self.name = name
        self.saved = None
        self.asked = None
        self.failure = None

    def take_turn(self, server):
        self.asked = "anew" if self.saved is None or len(self.saved) > 600 else "on"
        if self.asked == "anew":
            self.saved = PROMPT + turn(server, self.name, PROMPT, False)
        else:
            self.saved += turn(server, self.name, "", True)
        self.asked = None

    def run(self, server):
        try:
            while True:
                self.take_turn(server)
        except urllib.error.HTTPError as error:
            self.failure = error.read()
        except (OSError, ValueError, http.client.HTTPException):
            # The server was killed.
            return
        except Exception as error:
            self.failure = error

    def check(self, server, listed, fresh):
        """What was saved is there: as it was, or as the turn that was cut off left it."""
        if self.saved is None and self.name not in listed:
            return
        assert self.name in listed, f"{self.name} was saved and is lost"
        assert listed[self.name]["usable"], listed[self.name]
        found = server.ask("/v1/sessions/" + self.name)["text"]
        whole = (
            found == self.saved or (self.asked == "anew" and found == fresh)
            or (self.asked == "on" and found.startswith(self.saved)))
        assert whole, (self.asked, self.saved, found)
        self.saved = found
        # For this its checksum is compared.
        self.take_turn(server)


def main():
    dms = os.path.realpath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    generator = random.Random(5)
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "sessions")
        conversations = [Conversation(f"talk-{index}") for index in range(CLIENTS)]
        fresh = None
        for _ in range(rounds):
            server = Server(dms, folder)
            listed = {session["id"]: session for session in server.ask("/v1/sessions")["data"]}
            # What every new beginning says: the model is greedy.
            fresh = fresh or PROMPT + turn(server, "fresh", PROMPT, False)
            for conversation in conversations:
                conversation.check(server, listed, fresh)
            threads = [threading.Thread(target=one.run, args=(server,), daemon=True) for one in conversations]
            for thread in threads:
                thread.start()
            time.sleep(generator.uniform(0.05, 0.6))
            server.end(signal.SIGKILL)
            for thread, conversation in zip(threads, conversations):
                thread.join()
                assert conversation.failure is None, conversation.failure
        server = Server(dms, folder)
        # A second server has no business there while one runs.
        second = subprocess.run(
            [dms, "serve", "--port", "0", "--sessions", folder], capture_output=True, text=True, timeout=120)
        assert second.returncode == 1 and "another process" in second.stderr, second
        names = [name for name in os.listdir(folder) if "partial" in name]
        assert not names, f"left half-written: {names}"
        for session in server.ask("/v1/sessions")["data"]:
            assert server.ask("/v1/sessions/" + session["id"], method="DELETE")["deleted"]
        assert server.end(signal.SIGTERM) == 0
        assert [name for name in os.listdir(folder) if not name.startswith(".")] == []
    print(f"{rounds} kills, {CLIENTS} conversations, none lost")


main()
