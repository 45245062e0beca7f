"""`dms bench` beside llama.cpp: the Llama-3.2-1B shape, random weights, the same threads, sides in turn.

Usage: llama_cpp.py [options] PATH_TO_DMS [FOLDER_OF_LLAMA_CPP_PROGRAMS]

FOLDER holds llama-bench, and llama-batched-bench for --sequences; without it dms is measured alone. Rows: prefill of
every --context; decode with nothing before it and at the longest context; with --sequences N, N sequences that decode
together at --batch-context, and the memory of their keys and values (of the peer what its log says). dms is measured
twice, keeping everything and with a gate that evicts 7 of 8 tokens (window 256); the peer keeps everything, with flash
attention off and on, and its better figure counts. Its weights are written to --folder first (2.3 GiB in BF16). Those of
dms lie in panels (--layout), as `dms pack` stores them. Weights of 8 and 4 bits are multiplied as integers on both sides:
activations are rounded to 8 bits, in groups of 64 here (`--precision int8`), of 32 there. Every figure is the median of
--rounds, with the smallest and the largest behind it.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import random_gguf

# What a format is called on either side.
FORMATS = {"bf16": "bf16", "int8": "q8_0", "int4": "q4_0"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("peer", nargs="?", help="a folder with llama-bench")
    parser.add_argument("--weights", choices=FORMATS, default="bf16")
    parser.add_argument("--head-weights", choices=["int8", "int4"],
                        help="the head of dms beside int8 and int4; the peer's is of --weights (default: that, too)")
    parser.add_argument("--layout", choices=["panels", "rows"], default="panels",
                        help="how the weights of dms lie; integers are in panels in any case (default: panels)")
    parser.add_argument("--kv", default="bf16", help="what dms stores keys and values as; the peer has F16 "
                        "(default: bf16)")
    parser.add_argument("--context", default="512,2048,8192", help="(default: 512,2048,8192)")
    parser.add_argument("--generate", type=int, default=16, help="tokens decoded for a figure (default: 16)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--flash", default="0,1", help="the peer's flash attention: 0, 1 or both (default: 0,1)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, help="also decode so many together")
    parser.add_argument("--batch-context", type=int, default=8192, help="tokens before each of them (default: 8192)")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="for the peer's weights")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.head_weights and options.weights == "bf16":
        parser.error("--head-weights is for --weights int8 and int4")
    return options


def outputs_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def output_of(command):
    return outputs_of(command)[0]


class Figures:
    """Tokens per second by row and side."""

    def __init__(self):
        self.rows = {}

    def add(self, row, side, value):
        self.rows.setdefault(row, {}).setdefault(side, []).append(value)


def run_dms(options, figures):
    common = [options.dms, "bench", "--shape", "llama-3.2-1b", "--gate-evict", "0.875", "--threads",
              str(options.threads), "--weights", options.weights, "--generate", str(options.generate), "--json",
              "--precision", "bf16" if options.weights == "bf16" else "int8", "--kv-dtype", options.kv,
              "--layout", options.layout]
    if options.weights != "bf16":
        common += ["--head-weights", options.head_weights or options.weights]
    contexts = [int(context) for context in options.context.split(",")]
    for context in [1] + contexts:
        report = json.loads(output_of(common + ["--context", str(context)]))
        for run in report["runs"]:
            side = "dms, evicting" if run["mode"] == "dms" else "dms"
            if context > 1:
                figures.add(f"prefill {context}", side, run["prefill_tokens_per_second"])
            if context in (1, max(contexts)):
                row = f"decode at {0 if context == 1 else context}"
                figures.add(row, side, run["decode_tokens_per_second"])
                figures.add(f"% of read bandwidth, {row}", side, 100 * run["decode_fraction_of_ceiling"])
    if options.sequences:
        batch = ["--context", str(options.batch_context), "--sequences", str(options.sequences), "--fill", "synthetic"]
        batches = json.loads(output_of(common + batch))["batches"]
        for run in [run for batch in batches for run in batch["runs"]]:
            side = "dms, evicting" if run["mode"] == "dms" else "dms"
            figures.add(f"{options.sequences} sequences at {options.batch_context}", side, run["tokens_per_second"])
            figures.add("MiB of their KV", side, run["kv_allocated_bytes"] / 2**20)


def run_peer(options, weights, figures):
    bench = [os.path.join(options.peer, "llama-bench"), "-m", weights, "-t", str(options.threads), "-r", "1", "-o",
             "json"]
    contexts = [int(context) for context in options.context.split(",")]
    generate = str(options.generate)
    for flash in options.flash.split(","):
        side = f"llama.cpp -fa {flash}"
        for run in json.loads(output_of(bench + ["-fa", flash, "-p", options.context, "-n", "0"])):
            figures.add(f"prefill {run['n_prompt']}", side, run["avg_ts"])
        for depth in (0, max(contexts)):
            command = bench + ["-fa", flash, "-p", "0", "-n", generate, "-d", str(depth)]
            figures.add(f"decode at {depth}", side, json.loads(output_of(command))[0]["avg_ts"])
        if options.sequences:
            size = options.sequences * (options.batch_context + 2 * options.generate)
            command = [os.path.join(options.peer, "llama-batched-bench"), "-m", weights, "-t", str(options.threads),
                       "-c", str(size), "-b", "2048", "-npp", str(options.batch_context), "-ntg", generate, "-npl",
                       str(options.sequences), "-fa", "on" if flash == "1" else "off", "--output-format", "jsonl",
                       "-lv", "4"]
            output, log = outputs_of(command)
            lines = [line for line in output.splitlines() if line.startswith("{")]
            figures.add(f"{options.sequences} sequences at {options.batch_context}", side,
                        json.loads(lines[-1])["speed_tg"])
            sizes = [float(size) for size in re.findall(r"KV buffer size = +([0-9.]+) MiB", log)]
            if sizes:
                figures.add("MiB of their KV", side, sum(sizes))


def shown(values):
    if not values:
        return "-"
    spread = f" ({min(values):.4g}-{max(values):.4g})" if len(values) > 1 else ""
    return f"{statistics.median(values):.4g}{spread}"


def weights_of_peer(options):
    kind = FORMATS[options.weights]
    path = os.path.join(options.folder, f"random-llama-3.2-1b-{kind}.gguf")
    if not os.path.exists(path):
        random_gguf.write(path + ".partial", kind, random_gguf.SHAPES["llama-3.2-1b"])
        os.rename(path + ".partial", path)
    return path


def ratio(row, own, peer):
    """How much better: more tokens a second, or fewer bytes."""
    if not own or not peer:
        return "-"
    own, peer = statistics.median(own), statistics.median(peer)
    return f"{peer / own if row.startswith('MiB') else own / peer:.2f}x"


def show(options, figures):
    there = f", {FORMATS[options.weights]} and f16 KV there" if options.peer else ""
    layout = " in rows" if options.layout == "rows" and options.weights == "bf16" else " in panels"
    print(f"tokens/s, {options.weights} weights{layout}, {options.kv} KV{there}, {options.threads} threads, "
          f"{options.rounds} rounds")
    print(f"| | dms | dms, evicting 7 of 8 | llama.cpp, the best of -fa {options.flash} | ratios |")
    print("|---|---|---|---|---|")
    for row, sides in figures.rows.items():
        best = min if row.startswith("MiB") else max
        peers = [sides[side] for side in sides if side.startswith("llama.cpp")]
        peer = best(peers, key=statistics.median, default=[])
        ratios = [ratio(row, sides.get(side), peer) for side in ("dms", "dms, evicting")]
        print(f"| {row} | {shown(sides.get('dms'))} | {shown(sides.get('dms, evicting'))} | {shown(peer)} "
              f"| {', '.join(ratios)} |")


def main():
    options = arguments()
    weights = weights_of_peer(options) if options.peer else None
    figures = Figures()
    for _ in range(options.rounds):
        run_dms(options, figures)
        if options.peer:
            run_peer(options, weights, figures)
    if options.json:
        print(json.dumps(figures.rows))
    else:
        show(options, figures)


if __name__ == "__main__":
    main()
