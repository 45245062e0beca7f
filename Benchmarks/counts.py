#!/usr/bin/env python3
"""Counts that do not drift with the machine's mood, against committed limits.

    python3 Benchmarks/counts.py PATH_TO_DMS [--update] [--without-valgrind]

Under valgrind, with one thread: what decoding one more token of the model that comes along costs, with its own weights and with
a copy of integers; and what one more step of the engine costs that serves eight streams, greedy and sampled, and with a
thousand tokens before each, where attention is most of it. Instructions are counted in all, in Swift, and in the kernels that
KERNELS names; and allocations. Beside these, the bytes that a step of `dms bench --shape tiny` reads. Each is the difference of
two runs that differ in their number of tokens, so start-up does not count. Instructions depend on the compiler and on the
instruction set (valgrind offers AVX2 at most), so their limits leave room; the others are exact.

A count above its limit in counts.json ends with status 1, and so does a kernel that is not there. A count far below is said, so
that the limit can follow: --update writes the limits anew. Where valgrind or AVX2 cannot be had, --without-valgrind counts bytes
alone.
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
# How much more than the committed count is an error.
ROOM = {"instructions": 1.1, "allocations": 1.0, "bytes": 1.0}
STREAMS = 8

# Functions of CDMSKernels by the work that they are most of. One that has another name, or has become a part of another, is to
# be changed here.
KERNELS = {
    "BF16": ["dms_panel_split", "dms_linear_task"],
    "int8": ["multiply", "run_region", "quantize"],
    "attention": ["pack_block", "gemm", "dms_next_block", "attend"],
}
# The numbers of tokens or steps of two runs. Those of the engine lie between two pages of its cache (96 and 128 tokens, with 64
# before the first step) and two lengths at which lists double.
TOKENS = (20, 84)
STEPS = (34, 58)
FEW_STEPS = (4, 20)
SAMPLED = ["--temperature", "0.8", "--top-k", "40", "--top-p", "0.95"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def generate(model, *options):
    """The arguments of a run that decodes one sequence, as a function of its length."""
    return lambda tokens: ["generate", "The grass is green. The sky is", "--model", model, "--max-tokens", str(tokens),
                           "--ignore-eos", "--threads", "1", *options]


def serve(context, *options):
    """The same of one in which an engine serves several streams."""
    return lambda steps: ["bench", "--shape", "tiny", "--context", str(context), "--fill", "synthetic", "--sequences",
                          str(STREAMS), "--generate", str(steps), "--no-ceilings", "--threads", "1", *options]


class Program:
    """A copy without debug information, which valgrind cannot always read, but with its symbols."""

    def __init__(self, path, folder):
        self.path = os.path.join(folder, "dms")
        run(["strip", "--strip-debug", "-o", self.path, path])
        for resources in glob.glob(os.path.join(os.path.dirname(os.path.abspath(path)), "*.resources")):
            shutil.copytree(resources, os.path.join(folder, os.path.basename(resources)))
        self.folder = folder

    def valgrind(self, tool, arguments):
        """Runs under a tool of valgrind; returns what it wrote and what it said."""
        output = os.path.join(self.folder, "counted")
        done = run(["valgrind", f"--tool={tool}", f"--{tool}-out-file={output}", self.path, *arguments])
        return output, done.stderr

    def instructions(self, arguments, lengths):
        """Instructions of each function for one token or step more."""
        short, long = (instructions_by_function(self.valgrind("callgrind", arguments(length))[0]) for length in lengths)
        return {name: (long[name] - short[name]) / (lengths[1] - lengths[0]) for name in long if name}

    def allocations(self, arguments, lengths):
        """Blocks for one token or step more."""
        def blocks(length):
            said = self.valgrind("dhat", arguments(length))[1]
            return int(re.search(r"Total: .* in ([\d,]+) blocks", said).group(1).replace(",", ""))
        short, long = (blocks(length) for length in lengths)
        return (long - short) / (lengths[1] - lengths[0])


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


def in_swift(counts):
    """Functions of Swift and of its runtime have mangled names or a namespace; what is left is C."""
    return sum(count for name, count in counts.items() if re.match(r"\$s|swift|_?swift", name))


def in_kernels(counts, work, unit):
    missing = [name for name in KERNELS[work] if not counts.get(name)]
    if missing:
        largest = sorted(counts, key=counts.get, reverse=True)[:8]
        sys.exit(f"{work} runs no function {', '.join(missing)}; it is in {', '.join(largest)}. KERNELS wants to follow")
    return {f"instructions per {unit} in {name}": counts[name] for name in KERNELS[work]}


def instructions(program):
    integers = os.path.join(program.folder, "int8")
    run([program.path, "quantize", "--model", MODEL, "--output", integers, "--weights", "int8"])
    token = program.instructions(generate(MODEL), TOKENS)
    integer_token = program.instructions(generate(integers, "--precision", "int8"), TOKENS)
    step = program.instructions(serve(64), STEPS)
    long_step = program.instructions(serve(1000), FEW_STEPS)
    return {
        "instructions per token": sum(token.values()),
        "instructions per token in Swift and its runtime": in_swift(token),
    } | in_kernels(token, "BF16", "token") | {
        "instructions per int8 token": sum(integer_token.values()),
    } | in_kernels(integer_token, "int8", "int8 token") | {
        f"instructions per step of {STREAMS} streams in Swift and its runtime": in_swift(step),
    } | in_kernels(long_step, "attention", f"step of {STREAMS} streams of 1000 tokens")


def allocations(program):
    # Tables of pages grow now and then; a step of its own allocates nothing.
    counts = {"allocations per 64 tokens": 64 * program.allocations(generate(MODEL), TOKENS)}
    # What the report's figures take, which differ in length, is less than one for each step.
    for name, options in [("greedy", []), ("sampled", SAMPLED)]:
        found = program.allocations(serve(64, *options), STEPS)
        counts[f"allocations per step of {STREAMS} streams, {name}"] = int(found)
    return counts


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


def can_count():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return shutil.which("valgrind") is not None and " avx2 " in file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("--update", action="store_true", help="write the limits anew")
    parser.add_argument("--without-valgrind", action="store_true", help="count bytes alone")
    options = parser.parse_args()
    if options.update and options.without_valgrind:
        sys.exit("--update writes all limits, and --without-valgrind leaves most of them out")
    if not options.without_valgrind and not can_count():
        sys.exit("valgrind and AVX2 are needed to count instructions and allocations; --without-valgrind leaves them out")
    with tempfile.TemporaryDirectory() as folder:
        program = Program(options.dms, folder)
        counts = bytes_read(program)
        if not options.without_valgrind:
            counts |= instructions(program) | allocations(program)
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
        print(f"{name:70} {count:12,.0f} of at most {limit:12,.0f}  {verdict}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
