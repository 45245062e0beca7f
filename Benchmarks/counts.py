#!/usr/bin/env python3
"""Counts that do not drift with the machine's mood, against committed limits.

    python3 Benchmarks/counts.py PATH_TO_DMS [--update]

What decoding one more token of the model that comes along costs, one thread, under valgrind: instructions, in the kernels
and outside of them, and allocations; and the bytes that a step of `dms bench --shape tiny` reads. Each is the difference
of two runs that differ in their number of tokens, so start-up does not count. Instructions depend on the compiler and on
the instruction set (valgrind offers AVX2 at most), so their limits leave room; the others are exact.

A count above its limit in counts.json ends with status 1. One far below is said, so that the limit can follow:
--update writes the limits anew. Without valgrind, or without AVX2, it says so and passes.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "Sources/dms/recall-8x")
LIMITS = os.path.join(ROOT, "Benchmarks/counts.json")
SHORT, LONG = 20, 84
# How much more than the committed count is an error.
ROOM = {"instructions": 1.1, "allocations": 1.0, "bytes": 1.0}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done


class Program:
    """A copy without debug information, which valgrind cannot always read, but with its symbols."""

    def __init__(self, path, folder):
        self.path = os.path.join(folder, "dms")
        run(["strip", "--strip-debug", "-o", self.path, path])
        for resources in glob.glob(os.path.join(os.path.dirname(os.path.abspath(path)), "*.resources")):
            shutil.copytree(resources, os.path.join(folder, os.path.basename(resources)))
        self.folder = folder

    def generate(self, tool, tokens):
        """Runs under a tool of valgrind; returns what it wrote and what it said."""
        output = os.path.join(self.folder, f"{tool}.{tokens}")
        done = run(["valgrind", f"--tool={tool}", f"--{tool}-out-file={output}", self.path, "generate",
                    "The grass is green. The sky is", "--model", MODEL, "--max-tokens", str(tokens), "--ignore-eos",
                    "--threads", "1"])
        return output, done.stderr


def instructions_by_function(path):
    """A function's own instructions, from a file of callgrind."""
    names, counts = {}, collections.Counter()
    function, is_call = None, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            named = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line)
            if named:
                kind, number, name = named.groups()
                if name:
                    names[number] = name
                if kind == "fn":
                    function = names[number]
            elif line.startswith("calls="):
                # The next line has what the callee took.
                is_call = True
            elif re.match(r"[\d+*-]", line):
                if not is_call:
                    counts[function] += int(line.split()[-1])
                is_call = False
    return counts


def instructions(program):
    short, long = (instructions_by_function(program.generate("callgrind", tokens)[0]) for tokens in (SHORT, LONG))
    per_token = {name: (long[name] - short[name]) / (LONG - SHORT) for name in long if name}
    # Functions of Swift and of its runtime have mangled names or a namespace; what is left is C.
    kernels = {name for name in per_token if name.startswith("dms_")}
    total = sum(per_token.values())
    swift = sum(count for name, count in per_token.items() if re.match(r"\$s|swift|_?swift", name))
    return {
        "instructions per token": total,
        "instructions per token in Swift and its runtime": swift,
    } | {f"instructions per token in {name}": per_token[name]
         for name in sorted(kernels, key=per_token.get, reverse=True)[:2]}


def allocations(program):
    def blocks(tokens):
        said = program.generate("dhat", tokens)[1]
        return int(re.search(r"Total: .* in ([\d,]+) blocks", said).group(1).replace(",", ""))
    # Tables of pages grow now and then; a step of its own allocates nothing.
    return {"allocations per 64 tokens": (blocks(LONG) - blocks(SHORT)) * 64 / (LONG - SHORT)}


def bytes_read(program):
    command = [program.path, "bench", "--shape", "tiny", "--context", "256", "--generate", "4", "--gate-evict", "0.875",
               "--window", "64", "--json"]
    report = json.loads(run(command).stdout)
    counts = {"bytes of weights per step": report["weight_bytes_per_step"]}
    for one in report["runs"]:
        name = "evicting" if one["mode"] == "dms" else "keeping everything"
        counts[f"bytes of live KV after 260 tokens, {name}"] = one["kv_live_bytes"]
        counts[f"bytes of allocated KV after 260 tokens, {name}"] = one["kv_allocated_bytes"]
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("--update", action="store_true", help="write the limits anew")
    options = parser.parse_args()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        has_avx2 = " avx2 " in file.read()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.dms, folder)
        counts = bytes_read(program)
        if shutil.which("valgrind") and has_avx2:
            counts |= instructions(program) | allocations(program)
        elif options.update:
            sys.exit("--update writes all limits: valgrind and AVX2 are needed")
        else:
            print("instructions and allocations are not counted: valgrind and AVX2 are needed")
    if options.update:
        with open(LIMITS, "w", encoding="utf-8") as file:
            json.dump({name: round(count) for name, count in counts.items()}, file, indent=2)
            file.write("\n")
    with open(LIMITS, encoding="utf-8") as file:
        limits = json.load(file)
    failed = False
    for name, count in counts.items():
        limit = limits[name] * ROOM[name.split()[0]]
        verdict = "TOO MANY" if count > limit else "fewer: --update" if count < 0.8 * limits[name] else "ok"
        failed = failed or count > limit
        print(f"{name:60} {count:12,.0f} of at most {limit:12,.0f}  {verdict}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
