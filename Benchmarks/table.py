"""The tables of docs/benchmarks.md that have peers, and what one more context costs, for this machine: one command.

Usage: table.py [options] PATH_TO_DMS

Prints tables in Markdown as they are done, each from the script that it names: dms beside llama.cpp (--llama, a folder
with llama-bench and llama-batched-bench), products and training beside PyTorch (where this Python has torch; training
needs --model and --corpus), the first token (--tokenizer), and what one more context costs. What is not there is left out
and said. Sides take turns; figures are medians with the smallest and the largest behind them, in training every run.
With all of it, some hours: most are the peers' prefills of 8192 tokens. Nothing else should run meanwhile. http-load.py
and `dms bench` itself measure more.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("--llama", help="a folder with llama-bench and llama-batched-bench")
    parser.add_argument("--model", help="a model to train, in the format of Hugging Face")
    parser.add_argument("--corpus", help="text to train it on")
    parser.add_argument("--tokenizer", help="a tokenizer.json, for the first token of a checkpoint of 2.5 GB")
    parser.add_argument("--rounds", type=int, default=3, help="of what takes minutes (default: 3)")
    parser.add_argument("--long-rounds", type=int, default=1, help="of 8192 tokens and 8 sequences (default: 1)")
    parser.add_argument("--weights", default="bf16,int8,int4", help="(default: bf16,int8,int4)")
    parser.add_argument("--flash", default="0,1", help="llama.cpp's flash attention: 0, 1 or both (default: 0,1)")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="for the peers' weights, up to 8 GB")
    return parser.parse_args()


def run(title, script, *words):
    command = [sys.executable, str(HERE / script), *map(str, words)]
    print(f"\n## {title}\n\n`{script} {' '.join(map(str, words))}`\n", flush=True)
    # A script that fails says why, and the others are worth having.
    if subprocess.run(command).returncode != 0:
        print(f"(not measured: {script} ended with an error)", flush=True)


def beside_llama(options):
    peer = [options.llama] if options.llama else []
    for weights in options.weights.split(","):
        common = [options.dms, *peer, "--weights", weights, "--flash", options.flash, "--folder", options.folder]
        run(f"{weights} weights, 512 tokens", "llama_cpp.py", *common, "--context", 512, "--rounds", options.rounds)
        run(f"{weights} weights, 8192 tokens and 8 sequences", "llama_cpp.py", *common, "--context", 8192,
            "--sequences", 8, "--rounds", options.long_rounds)


def growth(options):
    command = [options.dms, "bench", "--shape", "llama-3.2-1b", "--context", "1024,8192,65536", "--gate-evict", "0.875",
               "--sequences", "1", "--fill", "synthetic", "--generate", "16", "--repeat", str(options.rounds)]
    print(f"\n## What one more context costs\n\n`{' '.join(['dms', *command[1:]])}`\n", flush=True)
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"(not measured: {done.stderr.strip()[-500:]})", flush=True)
        return
    print("| context | cache | ms a step (10 %, 90 %) | attention | KV live |\n|---|---|---|---|---|")
    for batch in json.loads(done.stdout)["batches"]:
        for one in batch["runs"]:
            print(f"| {batch['context']} | {one['mode']} | {one['step_seconds_median'] * 1e3:.1f} "
                  f"({one['step_seconds_p10'] * 1e3:.1f}, {one['step_seconds_p90'] * 1e3:.1f}) "
                  f"| {one['shares']['attention'] * one['step_seconds_median'] * 1e3:.1f} ms "
                  f"| {one['kv_live_bytes'] / 2**20:.0f} MiB |")


def main():
    options = arguments()
    if not os.access(options.dms, os.X_OK):
        sys.exit(f"{options.dms}: not a program; build it with swift build -c release")
    if (options.model is None) != (options.corpus is None):
        sys.exit("--model and --corpus go together")
    if not options.llama:
        print("No --llama: dms is measured alone.")
    beside_llama(options)
    growth(options)
    if importlib.util.find_spec("torch"):
        run("Linear layers", "products.py", options.dms, "--precisions", "fp32,bf16,int8", "--rounds", options.rounds)
        if options.model:
            run("Training", "training.py", options.dms, options.model, options.corpus, "--bf16", "--rounds",
                options.rounds)
    else:
        print("\nNo PyTorch in this Python: products and training are left out.")
    if options.tokenizer:
        run("The first token", "start_up.py", options.dms, options.tokenizer, "--folder",
            os.path.join(options.folder, "random-llama-3.2-1b"))


if __name__ == "__main__":
    main()
