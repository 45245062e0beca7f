#!/usr/bin/env python3
"""Breaks a model in many ways and compares what 'dms inspect --verify' says of Transformers with what Transformers does.

    python3 Scripts/compare-verdicts.py PATH_TO_DMS

Needs torch and transformers. Each copy of the model that comes along is loaded with AutoModelForCausalLM and reads a few
tokens: it refuses, or it computes what the undamaged weights compute densely, or something else. `dms` is asked about a folder
without DMS metadata, in which 'loads' means just that; with metadata, Transformers always differs, as it evicts nothing.
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "Sources/dms/recall-8x")
NORM = "model.norm.weight"
QUERY = "model.layers.0.self_attn.q_proj.weight"
SHARD = "model-00001-of-00001.safetensors"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


class Folder:
    def __init__(self, path):
        self.path = path
        shutil.copytree(MODEL, path)
        subprocess.run(["chmod", "-R", "u+w", path], check=True)
        os.remove(self.file("dms_metadata.json"))
        self.config(lambda config: [config.pop(key) for key in list(config) if key.startswith("dms_")])

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as file:
            file.write(text)

    def json(self, name, change):
        with open(self.file(name), encoding="utf-8") as file:
            value = json.load(file)
        change(value)
        self.write(name, json.dumps(value))

    def config(self, change):
        self.json("config.json", change)

    def raw(self, change):
        with open(self.file("model.safetensors"), "rb") as file:
            data = file.read()
        with open(self.file("model.safetensors"), "wb") as file:
            file.write(change(data))

    def weights(self, change):
        """change(header, data) changes the header and returns the data."""
        def both(data):
            length = struct.unpack("<Q", data[:8])[0]
            header = json.loads(data[8:8 + length])
            body = change(header, bytearray(data[8 + length:]))
            text = json.dumps(header).encode()
            text += b" " * (-len(text) % 8)
            return struct.pack("<Q", len(text)) + text + bytes(body)
        self.raw(both)

    def shard(self, change=lambda index: None):
        os.rename(self.file("model.safetensors"), self.file(SHARD))
        with open(self.file(SHARD), "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(length))
        names = [name for name in header if name != "__metadata__"]
        total = max(header[name]["data_offsets"][1] for name in names)
        index = {"metadata": {"total_size": total}, "weight_map": {name: SHARD for name in names}}
        change(index)
        self.write("model.safetensors.index.json", json.dumps(index))


def gap(header, data):
    for name, entry in header.items():
        if name != "__metadata__":
            entry["data_offsets"] = [offset + 8 for offset in entry["data_offsets"]]
    return b"\0" * 8 + data


def rename(header, data):
    header["model.other.weight"] = header.pop(NORM)
    return data


def transpose(header, data):
    rows, columns = header[QUERY]["shape"]
    header[QUERY]["shape"] = [rows * 2, columns // 2]
    return data


def not_a_number(header, data):
    start = header[NORM]["data_offsets"][0]
    data[start:start + 2] = b"\xc0\x7f"
    return data


def frequencies(header, data):
    header["model.layers.0.self_attn.rotary_emb.inv_freq"] = {
        "dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    return data + b"\0" * 4


BREAKAGES = {
    "nothing": lambda f: None,
    "no architectures": lambda f: f.config(lambda c: c.pop("architectures")),
    "no model_type": lambda f: f.config(lambda c: c.pop("model_type")),
    "half a configuration": lambda f: f.write("config.json", "{"),
    "no configuration": lambda f: os.remove(f.file("config.json")),
    "a pointer for a configuration": lambda f: f.write("config.json", POINTER),
    "an unknown key": lambda f: f.config(lambda c: c.update(magic=1)),
    "a sliding window": lambda f: f.config(lambda c: c.update(sliding_window=16)),
    "an unknown scaling": lambda f: f.config(lambda c: c.update(rope_scaling={"rope_type": "bogus"})),
    "an unknown activation": lambda f: f.config(lambda c: c.update(hidden_act="bogus")),
    "a text for a size": lambda f: f.config(lambda c: c.update(hidden_size="x")),
    "an odd head": lambda f: f.config(lambda c: c.update(head_dim=31)),
    "another vocabulary": lambda f: f.config(lambda c: c.update(vocab_size=771)),
    "a layer too few in the weights": lambda f: f.config(lambda c: c.update(num_hidden_layers=5)),
    "a layer too many in the weights": lambda f: f.config(lambda c: c.update(num_hidden_layers=3)),
    "no head where none is tied": lambda f: f.config(lambda c: c.update(tie_word_embeddings=False)),
    "biases that are not there": lambda f: f.config(lambda c: c.update(attention_bias=True)),
    "half a generation_config": lambda f: f.write("generation_config.json", "{"),
    "no weights": lambda f: os.remove(f.file("model.safetensors")),
    "truncated weights": lambda f: f.raw(lambda data: data[:-10]),
    "bytes behind the end": lambda f: f.raw(lambda data: data + b"1234"),
    "a pointer for weights": lambda f: f.write("model.safetensors", POINTER),
    "a page for weights": lambda f: f.write("model.safetensors", "<!DOCTYPE html><html></html>"),
    "a gap": lambda f: f.weights(gap),
    "a renamed tensor": lambda f: f.weights(rename),
    "another shape": lambda f: f.weights(transpose),
    "no number": lambda f: f.weights(not_a_number),
    "frequencies of old writers": lambda f: f.weights(frequencies),
    "shards": lambda f: f.shard(),
    "a missing shard": lambda f: f.shard(lambda i: i["weight_map"].update({NORM: "model-00002-of-00002.safetensors"})),
    "an index that promises too much": lambda f: f.shard(lambda i: i["weight_map"].update(more=SHARD)),
    "an index without metadata": lambda f: f.shard(lambda i: i.pop("metadata")),
    "half an index": lambda f: (f.shard(), f.write("model.safetensors.index.json", "{")),
    "a broken file beside shards": lambda f: (f.shard(), f.write("model.safetensors", "x")),
    "integers without their library": lambda f: f.config(lambda c: c.update(quantization_config={
        "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {}})),
}


def behaviour(path, expected):
    """What Transformers does, and in a few words why."""
    import torch
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        torch.manual_seed(1)
        model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        with torch.no_grad():
            logits = model(torch.tensor([[0, 5, 6, 7]])).logits
    except Exception as error:  # whatever it says, it refuses
        return "refuses", f"{type(error).__name__}: {error}".split("\n")[0][:70], None
    same = expected is None or (logits.shape == expected.shape and bool(torch.equal(logits, expected)))
    finite = bool(torch.isfinite(logits).all())
    return "loads" if same else "differs", "" if finite else "not finite", logits


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.abspath(sys.argv[1])
    expected, wrong = None, []
    with tempfile.TemporaryDirectory() as parent:
        for number, (name, breakage) in enumerate(BREAKAGES.items()):
            folder = Folder(os.path.join(parent, str(number)))
            breakage(folder)
            answer = json.loads(subprocess.run(
                [binary, "inspect", "--verify", folder.path, "--json"], stdout=subprocess.PIPE).stdout)
            verdict = next(engine for engine in answer["engines"] if engine["engine"] == "transformers")
            does, why, logits = behaviour(folder.path, expected)
            if expected is None:
                expected = logits
            # Weights that are no numbers are computed with, as they say, and the verdict has a note.
            fits = verdict["outcome"] == does or (why == "not finite" and "not finite" in str(verdict["notes"]))
            # So are those of a smaller model than was broken: it loads what its configuration says.
            if name == "a layer too many in the weights":
                fits = verdict["outcome"] in ("loads", "differs") and does == "differs"
            print(f"{'ok ' if fits else 'BAD'} {name}: says {verdict['outcome']}, does {does} {why}".rstrip())
            if not fits:
                wrong.append(name)
    if wrong:
        sys.exit(f"{len(wrong)} verdicts are wrong: {', '.join(wrong)}")
    print(f"{len(BREAKAGES)} verdicts are what Transformers does")


main()
