#!/usr/bin/env python3
"""Writes Tests/Goldens/families: a tiny random checkpoint of every supported family, and what Transformers computes with it.

    pip install torch transformers==5.24.0 tokenizers==0.23.3
    python3 Scripts/make-family-fixtures.py

Weights are stored in BF16 and computed in FP32. Nothing here was computed by this project. The same seeds give the same
files with the same versions of torch and the libraries.
"""
import json
import random
import shutil
from pathlib import Path

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parent.parent / "Tests/Goldens/families"
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 256, "hidden_act": "silu", "initializer_range": 0.02,
         "attention_dropout": 0.0, "use_cache": True}
CHUNK, CHUNKS, NEW_TOKENS = 64, 4, 24
WINDOW, SCALE, OFFSET = 6, 100.0, 5.0
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|NUMBER| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
PROMPTS = ["The river kept", "In 1984, 27 cafe\u0301s\n", "def f(x):\n    return"]


def text():
    """Made-up prose in a fixed order."""
    words = ("the river keeps what it was given and lets the rest go slowly down to a sea that nobody named in 1984 "
             "cafe\u0301s na\u00efve stones \u6c34 \u5ddd remember 27 names").split(" ")
    chooser = random.Random(4)
    return " ".join(chooser.choice(words) + chooser.choice(["", "", "", ",", ".\n"]) for _ in range(700)) + "\n"


def tokenizer(style, specials):
    """A byte-level BPE in the structure of a family's real file."""
    empty = {"continuing_subword_prefix": "", "end_of_word_suffix": ""} if style == "qwen" else {}
    result = Tokenizer(models.BPE(ignore_merges=style == "llama3", **empty))
    if style == "smollm":
        steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    else:
        number = r"\p{N}" if style == "qwen" else r"\p{N}{1,3}"
        steps = [pre_tokenizers.Split(Regex(PATTERN.replace("NUMBER", number)), "isolated"),
                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    result.pre_tokenizer = pre_tokenizers.Sequence(steps)
    if style == "qwen":
        result.normalizer = normalizers.NFC()
        result.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
        result.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    else:
        result.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    result.train_from_iterator([text()], trainer)
    result.add_special_tokens(specials)
    if style == "llama3":
        result.post_processor = processors.TemplateProcessing(
            single=f"{specials[0]} $A", special_tokens=[(specials[0], result.token_to_id(specials[0]))])
    return result


CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Published files have the classic keys; Transformers 5 writes `rope_parameters`.
QWEN3 = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 32, "attention_bias": False,
         "rms_norm_eps": 1e-06}
FIXTURES = {
    "qwen3-tied": ("qwen", CHATML, QWEN3 | {
        "tie_word_embeddings": True, "rope_theta": 1000000, "rope_scaling": None, "sliding_window": None,
        "use_sliding_window": False, "max_window_layers": 28, "torch_dtype": "bfloat16"}),
    "qwen3": ("qwen", CHATML, QWEN3 | {
        "tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000},
        "layer_types": ["full_attention"] * 2, "use_sliding_window": False, "max_window_layers": 2,
        "sliding_window": 32, "dtype": "bfloat16"}),
    "mistral": ("llama3", ["<s>", "</s>"], {
        "model_type": "mistral", "architectures": ["MistralForCausalLM"], "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
        "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}),
    "smollm": ("smollm", CHATML, {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "attention_bias": False, "mlp_bias": False,
        "is_llama_config": True, "rope_interleaved": False, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0, "rope_scaling": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16"}),
    "llama-head-dim": ("llama3", ["<|begin_of_text|>", "<|end_of_text|>"], {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "head_dim": 20, "attention_bias": False,
        "mlp_bias": False, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": False,
        "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                         "original_max_position_embeddings": 64, "rope_type": "llama3"}, "torch_dtype": "bfloat16"}),
}


def shake(model):
    """Weights that a trained model could have: no norm is 1, and logits are told apart."""
    generator = torch.Generator().manual_seed(12)
    for name, parameter in sorted(model.named_parameters()):
        draws = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = 1 + 0.3 * draws
        else:
            # A tied embedding makes the logits, too.
            parameter.data = draws * (0.35 if "embed" in name else 1.3 / parameter.shape[1] ** 0.5)
    return model


@torch.no_grad()
def greedy(model, ids):
    """The likeliest continuation, and how near the second came."""
    ids, margin = list(ids), float("inf")
    for _ in range(NEW_TOKENS):
        best = model(torch.tensor([ids])).logits[0, -1].topk(2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        ids.append(int(best.indices[0]))
    return ids[-NEW_TOKENS:], margin


@torch.no_grad()
def losses(model, chunks):
    """Of every token but the first of each chunk, in nats."""
    result = []
    for chunk in chunks:
        scores = model(torch.tensor([chunk])).logits[0, :-1].double().log_softmax(-1)
        result += [-float(scores[i, token]) for i, token in enumerate(chunk[1:])]
    return result


class Eviction:
    """Dynamic Memory Sparsification on a model of Transformers, by hooks: a gate in the last channel of the first query
    head of each group, read before RoPE and behind `q_norm`, and set to 0 there; the mask as the rule has it."""

    def __init__(self, model):
        self.config, self.decisions, self.nearest = model.config, [], float("inf")
        self.model, self.handles = model, []

    def __enter__(self):
        for layer in self.model.model.layers:
            attention = layer.self_attn
            self.handles.append(attention.register_forward_pre_hook(self.mask, with_kwargs=True))
            self.handles.append(attention.q_norm.register_forward_hook(self.silence))
        return self

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()

    def silence(self, _module, _input, output):
        output = output.clone()
        output[:, :, ::self.config.num_attention_heads // self.config.num_key_value_heads, -1] = 0
        return output

    def mask(self, module, args, kwargs):
        hidden = kwargs["hidden_states"]
        length, heads = hidden.shape[1], self.config.num_attention_heads
        queries = module.q_proj(hidden).view(1, length, heads, -1)
        variance = queries.pow(2).mean(-1, keepdim=True) + self.config.rms_norm_eps
        normed = queries * variance.rsqrt() * module.q_norm.weight
        group = heads // self.config.num_key_value_heads
        logits = normed[0, :, ::group, -1] * SCALE - OFFSET
        self.nearest = min(self.nearest, float(logits.abs().min()))
        evicts = logits > 0
        self.decisions.append(evicts)
        query, key = torch.arange(length)[:, None], torch.arange(length)[None]
        alive = ~evicts.T[:, None, :] | (query - key <= WINDOW)
        visible = (alive & (key <= query)).repeat_interleave(group, 0)
        mask = torch.zeros(visible.shape).masked_fill(~visible, float("-inf"))
        return args, kwargs | {"attention_mask": mask[None]}


def make(name, style, specials, entries):
    folder = ROOT / name
    folder.mkdir(parents=True)
    words = tokenizer(style, specials)
    words.save(str(folder / "tokenizer.json"))
    # Qwen's models have more rows than their tokenizers have tokens.
    size = words.get_vocab_size() + (17 if style == "qwen" else 0)
    config = SIZES | entries | {"vocab_size": size, "bos_token_id": words.token_to_id(specials[0]),
                                "eos_token_id": words.token_to_id(specials[-1])}
    config = dict(sorted(config.items()))
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    loaded = transformers.AutoConfig.from_pretrained(folder)
    shake(AutoModelForCausalLM.from_config(loaded)).to(torch.bfloat16).save_pretrained(folder / "saved")
    shutil.move(folder / "saved/model.safetensors", folder / "model.safetensors")
    shutil.rmtree(folder / "saved")
    # From the folder as it is committed.
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    stream = words.encode(text()).ids
    chunks = [stream[i * CHUNK:(i + 1) * CHUNK] for i in range(CHUNKS)]
    assert len(chunks[-1]) == CHUNK, len(stream)
    golden = {"generator": f"transformers {transformers.__version__}", "first_chunk": chunks[0], "prompts": []}
    for prompt in PROMPTS:
        ids = words.encode(prompt).ids
        new, margin = greedy(model, ids)
        assert margin > 5e-4, (name, prompt, margin)
        golden["prompts"].append({"text": prompt, "ids": ids, "new_ids": new})
    nats = losses(model, chunks)
    golden["perplexity"] = float(torch.tensor(nats, dtype=torch.float64).mean().exp())
    golden["first_losses"] = nats[:CHUNK - 1]
    if "q_norm" in " ".join(name for name, _ in model.named_modules()):
        with Eviction(model) as eviction:
            nats = losses(model, chunks)
        assert eviction.nearest > 2e-3, eviction.nearest
        golden["dms"] = {
            "window": WINDOW, "alpha_scale": SCALE, "alpha_offset": OFFSET,
            "perplexity": float(torch.tensor(nats, dtype=torch.float64).mean().exp()),
            "eviction_rate": float(torch.stack(eviction.decisions).double().mean()), "first_losses": nats[:CHUNK - 1]}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(name, words.get_vocab_size(), golden["perplexity"], golden.get("dms", {}).get("perplexity"),
          golden.get("dms", {}).get("eviction_rate"))


def main():
    if ROOT.exists():
        shutil.rmtree(ROOT)
    ROOT.mkdir(parents=True)
    (ROOT / "corpus.txt").write_text(text())
    for name, (style, specials, entries) in FIXTURES.items():
        make(name, style, specials, entries)


main()
