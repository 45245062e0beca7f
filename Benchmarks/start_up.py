"""How long `dms generate` takes to its first token, beside the prefill alone: a checkpoint of 2.5 GB, mapped.

Usage: start_up.py [options] PATH_TO_DMS TOKENIZER

Writes a Llama-3.2-1B with random weights to --folder (once; TOKENIZER is the tokenizer.json of any model of that
vocabulary or a smaller one) and asks for one token, again and again. The first run may read the disk; the others find
the file in the system's memory. The aim is 300 ms beyond the prefill.
"""
import argparse
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

CONFIGURATION = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": 128256,
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
    "max_position_embeddings": 131072, "tie_word_embeddings": True, "bos_token_id": 128000, "eos_token_id": 128001,
}
PROMPT = "The history of the river begins in the mountains, where many small streams come together."
ROW = 1 << 20


def tensors():
    """Names and shapes."""
    yield "model.embed_tokens.weight", (128256, 2048)
    yield "model.norm.weight", (2048,)
    for layer in range(16):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (2048,)
        yield prefix + "post_attention_layernorm.weight", (2048,)
        for name, shape in (("q", (2048, 2048)), ("k", (512, 2048)), ("v", (512, 2048)), ("o", (2048, 2048))):
            yield f"{prefix}self_attn.{name}_proj.weight", shape
        for name, shape in (("gate", (8192, 2048)), ("up", (8192, 2048)), ("down", (2048, 8192))):
            yield f"{prefix}mlp.{name}_proj.weight", shape


def write_model(folder, tokenizer):
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(CONFIGURATION, file)
    shutil.copy(tokenizer, os.path.join(folder, "tokenizer.json"))
    header, offset = {}, 0
    for name, shape in tensors():
        size = 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # Of either sign, from 2^-7 to 2^-6: a high byte of 0x3c or 0xbc, and any low one but its top bit.
    block = bytearray(random.Random(0).randbytes(ROW))
    for index in range(0, ROW, 2):
        block[index] &= 0x7F
        block[index + 1] = block[index + 1] & 0x80 | 0x3C
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors():
            size = header[name]["data_offsets"][1] - header[name]["data_offsets"][0]
            if len(shape) == 1:
                file.write(b"\x80\x3f" * shape[0])
                continue
            while size > 0:
                file.write(block[:size])
                size -= ROW


def first_token(options, folder):
    """Seconds of the whole process and of its prefill."""
    begin = time.time()
    done = subprocess.run([options.dms, "generate", PROMPT, "--model", folder, "--max-tokens", "1", "--ignore-eos", "--json",
                           "--layout", "stored" if options.pack else "rows"],
                          capture_output=True, text=True)
    whole = time.time() - begin
    if done.returncode != 0:
        sys.exit(f"dms ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    report = json.loads(done.stdout.splitlines()[-1])
    return whole, report["prompt_tokens"] / report["timings"]["prefill_tokens_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("tokenizer")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "random-llama-3.2-1b"))
    parser.add_argument("--pack", action="store_true", help="with panels beside the weights, as 'dms pack' writes them")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if not os.path.exists(options.folder):
        write_model(options.folder + ".partial", options.tokenizer)
        os.rename(options.folder + ".partial", options.folder)
    if options.pack:
        subprocess.run([options.dms, "pack", "--model", options.folder], check=True)
    runs = [first_token(options, options.folder) for _ in range(options.runs + 1)]
    print(f"first run: {runs[0][0] * 1e3:.0f} ms to the end of the process, prefill {runs[0][1] * 1e3:.0f} ms")
    rest = [(whole - prefill) * 1e3 for whole, prefill in runs[1:]]
    print(f"{options.runs} more: beyond the prefill {statistics.median(rest):.0f} ms ({min(rest):.0f} to {max(rest):.0f})")


if __name__ == "__main__":
    main()
