#!/usr/bin/env python3
"""Texts that a model writes itself, to train on: more of what a base model knows than a small corpus holds.

Usage: sample-texts.py PATH_TO_DMS MODEL STARTS OUTPUT.jsonl [COUNT] [TOKENS]

Starts `dms serve` with MODEL and asks it, eight at a time, for COUNT continuations (default 1000) of up to TOKENS tokens
(default 1000) at temperature 1, each of the first words of a random line of the text file STARTS. Everything is seeded:
the same texts come again on the same kind of processor, in whatever order the lines of the output are. Lines are
{"text": …}, as `dms retrofit --corpus` reads them; the output appears when it is whole. Needs nothing but Python.
"""
import concurrent.futures
import json
import os
import random
import re
import subprocess
import sys
import urllib.request

SEED = 7
SHORTEST_LINE = 80  # characters: headings begin nothing
STREAMS = 8


def serve(dms, model):
    process = subprocess.Popen([dms, "serve", "--model", model, "--port", "0", "--kv-budget", "1GiB"],
                               stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        found = re.search(r"http://[0-9.]+:([0-9]+)", line)
        if found:
            # What comes later would fill the pipe.
            concurrent.futures.ThreadPoolExecutor(1).submit(process.stderr.read)
            return process, f"http://127.0.0.1:{found.group(1)}/v1"
    sys.exit(f"dms serve ended with status {process.wait()}")


def starts(path, count):
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file if len(line.strip()) > SHORTEST_LINE]
    if not lines:
        sys.exit(f"{path} has no line of more than {SHORTEST_LINE} characters")
    chosen = random.Random(SEED)
    return [" ".join(chosen.choice(lines).split()[:chosen.randint(3, 12)]) for _ in range(count)]


def main():
    if not 5 <= len(sys.argv) <= 7:
        sys.exit(__doc__)
    dms, model, text, output = sys.argv[1:5]
    count, tokens = (int(value) for value in (sys.argv[5:] + ["1000", "1000"][len(sys.argv) - 5:]))
    beginnings = starts(text, count)
    process, address = serve(dms, model)
    try:
        write(address, beginnings, tokens, output)
    finally:
        process.terminate()
        process.wait()


def write(address, beginnings, tokens, output):
    name = json.load(urllib.request.urlopen(address + "/models"))["data"][0]["id"]
    count = len(beginnings)

    def sample(index):
        body = {"model": name, "prompt": beginnings[index], "max_tokens": tokens, "temperature": 1,
                "seed": SEED * 100_000 + index}
        request = urllib.request.Request(address + "/completions", json.dumps(body).encode(),
                                         {"content-type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            answer = json.load(answer)
        return beginnings[index] + answer["choices"][0]["text"], answer["usage"]["completion_tokens"]

    written = 0
    with open(output + ".partial", "w", encoding="utf-8") as file:
        pool = concurrent.futures.ThreadPoolExecutor(STREAMS)
        try:
            for done, (text, sampled) in enumerate(pool.map(sample, range(count)), 1):
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
                written += sampled
                if sys.stderr.isatty():
                    print(f"\r{done} of {count} texts, {written} tokens", end="", file=sys.stderr)
        finally:
            # After a failure nothing else is asked for.
            pool.shutdown(cancel_futures=True)
        file.flush()
        os.fsync(file.fileno())
    os.rename(output + ".partial", output)
    print(f"{output}: {count} texts, {written} tokens")


if __name__ == "__main__":
    main()
