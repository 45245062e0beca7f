"""Linear layers of `dms` beside PyTorch's, whose products on a CPU are oneDNN's: the same shapes, in turn.

Usage: products.py [options] PATH_TO_DMS

The matrices are those of a Llama-3.2-1B, sixteen of each kind and each in its own memory, as in `dms bench --rows`, which
is the side of dms. BF16 is BF16 on both sides. INT8 is `--precision int8` with int8 weights in groups of 64 here, and
there a dynamically quantised Linear of the engine onednn: one scale for an output and one for all inputs, which is less
work than a scale for each group of 64. FP32 is what PyTorch does with floats (oneDNN or MKL). Rounds alternate; the
figure of a kind is its median over rounds, the table's is that of all kinds but the head, weighted by their work.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# Outputs and inputs of the calls that dms makes in a layer.
SHAPES = [(3072, 2048), (2048, 2048), (16384, 2048), (2048, 8192)]
WEIGHTS = {"fp32": "fp32", "bf16": "bf16", "int8": "int8"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("--rows", default="8,64,512", help="(default: 8,64,512)")
    parser.add_argument("--precisions", default="bf16,int8", help="of fp32, bf16 and int8 (default: bf16,int8)")
    parser.add_argument("--layout", choices=["panels", "rows"], default="panels",
                        help="how BF16 weights of dms lie; integers are in panels in any case (default: panels)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.precisions.split(",")) - set(WEIGHTS)
    if unknown:
        parser.error(f"--precisions: found {', '.join(sorted(unknown))}, required {', '.join(WEIGHTS)}")
    return options


def speed(seconds, rows):
    """Operations per second of calls that took so long, by shape."""
    operations = sum(2 * rows * outputs * inputs for outputs, inputs in SHAPES)
    return operations / sum(seconds[shape] for shape in SHAPES)


def run_dms(options, precision):
    """Operations per second by rows, and the ceiling."""
    command = [options.dms, "bench", "--shape", "llama-3.2-1b", "--weights", WEIGHTS[precision], "--precision", precision,
               "--rows", options.rows, "--repeat", "3", "--threads", str(options.threads), "--layout", options.layout,
               "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    by_rows = {}
    for one in report["products"]:
        by_rows.setdefault(one["rows"], {})[(one["outputs"], one["inputs"])] = one["seconds"]
    ceiling = report["ceilings"]["int8_gop_s" if precision == "int8" else f"{precision}_gflop_s"] * 1e9
    return {rows: speed(seconds, rows) for rows, seconds in by_rows.items()}, ceiling


def run_peer(options, precision):
    command = [sys.executable, __file__, "--peer", precision, "--rows", options.rows, "--threads", str(options.threads),
               options.dms]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"PyTorch ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return {int(rows): value for rows, value in json.loads(done.stdout.splitlines()[-1]).items()}


def peer(options):
    import torch

    torch.set_num_threads(options.threads)
    precision = options.peer
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    layers = {shape: [] for shape in SHAPES}
    for outputs, inputs in SHAPES:
        for _ in range(16):
            layer = torch.nn.Linear(inputs, outputs, bias=False).to(kind)
            if precision == "int8":
                torch.backends.quantized.engine = "onednn"
                layer = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.Linear}, torch.qint8)
            layers[(outputs, inputs)].append(layer)
    results = {}
    with torch.no_grad():
        for rows in (int(rows) for rows in options.rows.split(",")):
            seconds = {}
            for shape in SHAPES:
                x = torch.rand(rows, shape[1], dtype=kind) - 0.5
                times = []
                for turn in range(4):
                    for layer in layers[shape]:
                        begin = time.perf_counter()
                        layer(x)
                        if turn > 0:
                            times.append(time.perf_counter() - begin)
                seconds[shape] = statistics.median(times)
            results[rows] = speed(seconds, rows)
    print(json.dumps(results))


def main():
    options = arguments()
    if options.peer:
        peer(options)
        return
    figures, ceilings = {}, {}
    for _ in range(options.rounds):
        for precision in options.precisions.split(","):
            ours, ceiling = run_dms(options, precision)
            theirs = run_peer(options, precision)
            ceilings.setdefault(precision, []).append(ceiling)
            for rows in ours:
                figures.setdefault((precision, rows), []).append((ours[rows], theirs[rows]))
    print(f"Gop/s, {options.threads} threads, {options.rounds} rounds; smallest and largest behind the median")
    print("| precision | rows | dms | of ceiling | PyTorch | ratio |")
    print("|---|---|---|---|---|---|")
    for (precision, rows), pairs in figures.items():
        sides = [[pair[side] for pair in pairs] for side in (0, 1)]
        shown = [f"{statistics.median(side) / 1e9:.0f} ({min(side) / 1e9:.0f}-{max(side) / 1e9:.0f})" for side in sides]
        ratio = statistics.median(ours / theirs for ours, theirs in pairs)
        fraction = statistics.median(sides[0]) / statistics.median(ceilings[precision])
        print(f"| {precision} | {rows} | {shown[0]} | {fraction:.0%} | {shown[1]} | {ratio:.2f}x |")


if __name__ == "__main__":
    main()
