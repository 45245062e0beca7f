"""Writes the folder `adapter` beside this file: a tiny Llama whose gates are adapters, stated in the keys that NVIDIA's
trainer writes, and in FP64 what it computes: gate logits, the logits of the strict mask, and the training loss with its
gradients by the adapters.

The base is checked against Transformers before anything is written.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    python make_adapter_goldens.py
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

LAYERS, HIDDEN, HEADS, KV_HEADS, DIM, FEED_FORWARD, VOCABULARY = 3, 24, 6, 2, 4, 28, 41
EPSILON, THETA = 1e-5, 10000.0
WINDOW, SCALE, OFFSET = 3, 3.0, 0.5
LENGTH, SEQUENCES = 26, 2
TEMPERATURE, TARGET, PENALTY_WEIGHT = 0.7, 0.8, 0.9


def weights():
    """FP32 numbers, so that the file has them exactly; adapters that decide either way."""
    generator = torch.Generator().manual_seed(6)

    def matrix(rows, columns, scale=1.0):
        return torch.randn(rows, columns, generator=generator) * scale / columns**0.5

    def norm():
        return 1 + 0.2 * torch.randn(HIDDEN, generator=generator)

    tensors = {"model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN, 4.0), "model.norm.weight": norm()}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        tensors |= {
            f"{at}.input_layernorm.weight": norm(),
            f"{at}.self_attn.q_proj.weight": matrix(HEADS * DIM, HIDDEN, 2.0),
            f"{at}.self_attn.k_proj.weight": matrix(KV_HEADS * DIM, HIDDEN, 2.0),
            f"{at}.self_attn.v_proj.weight": matrix(KV_HEADS * DIM, HIDDEN),
            f"{at}.self_attn.o_proj.weight": matrix(HIDDEN, HEADS * DIM),
            f"{at}.post_attention_layernorm.weight": norm(),
            f"{at}.mlp.gate_proj.weight": matrix(FEED_FORWARD, HIDDEN),
            f"{at}.mlp.up_proj.weight": matrix(FEED_FORWARD, HIDDEN),
            f"{at}.mlp.down_proj.weight": matrix(HIDDEN, FEED_FORWARD),
            f"{at}.self_attn.dms_proj_alpha_norm.weight": norm(),
            f"{at}.self_attn.dms_proj_alpha.weight": matrix(KV_HEADS, HIDDEN, 0.6),
        }
    return tensors


def rms_norm(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x):
    """Rotary positions of `[length, heads, DIM]`, by pairs of channels half a head apart."""
    half = DIM // 2
    angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None] * THETA ** (
        -torch.arange(half, dtype=torch.float64) / half
    )
    cosine, sine = torch.cos(angle)[:, None], torch.sin(angle)[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)


def forward(w, tokens, key_bias):
    """Logits and gate logits of one sequence.

    `key_bias(gate_logits)`, `[KV_HEADS, length]`, is added to the scores of queries more than a window away.
    """
    x = w["model.embed_tokens.weight"][tokens]
    length = len(tokens)
    distance = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    gates = []
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        # The adapter reads what enters the layer, under a norm of its own.
        raw = rms_norm(x, w[f"{at}.self_attn.dms_proj_alpha_norm.weight"]) @ w[f"{at}.self_attn.dms_proj_alpha.weight"].T
        gates.append(raw * SCALE - OFFSET)
        y = rms_norm(x, w[f"{at}.input_layernorm.weight"])
        q = rotate((y @ w[f"{at}.self_attn.q_proj.weight"].T).view(length, HEADS, DIM))
        k = rotate((y @ w[f"{at}.self_attn.k_proj.weight"].T).view(length, KV_HEADS, DIM))
        v = (y @ w[f"{at}.self_attn.v_proj.weight"].T).view(length, KV_HEADS, DIM)
        group = HEADS // KV_HEADS
        scores = torch.einsum("ihd,jhd->hij", q, k.repeat_interleave(group, 1)) / DIM**0.5
        bias = key_bias(gates[-1]).repeat_interleave(group, 0)[:, None, :]
        scores = torch.where(distance > WINDOW, scores + bias, scores)
        scores = scores.masked_fill(distance < 0, float("-inf"))
        attended = torch.einsum("hij,jhd->ihd", scores.softmax(-1), v.repeat_interleave(group, 1))
        x = x + attended.reshape(length, -1) @ w[f"{at}.self_attn.o_proj.weight"].T
        y = rms_norm(x, w[f"{at}.post_attention_layernorm.weight"])
        inner = torch.nn.functional.silu(y @ w[f"{at}.mlp.gate_proj.weight"].T) * (y @ w[f"{at}.mlp.up_proj.weight"].T)
        x = x + inner @ w[f"{at}.mlp.down_proj.weight"].T
    return rms_norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T, torch.stack(gates)


def shifted(by_decider, last):
    """From what each token decides to what is decided about each: the next token decides, about the last nobody."""
    return torch.cat([by_decider[1:], torch.full_like(by_decider[:1], last)]).T


def keep(gate):
    return torch.zeros(KV_HEADS, gate.shape[0], dtype=gate.dtype)


def strict(gate):
    return shifted(torch.where(gate > 0, -torch.inf, 0.0).to(gate.dtype), 0.0)


def soft(gate):
    return shifted(torch.nn.functional.logsigmoid(-gate / TEMPERATURE), 0.0)


def check_base(w, tokens):
    config = LlamaConfig(
        hidden_size=HIDDEN, intermediate_size=FEED_FORWARD, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS, head_dim=DIM, vocab_size=VOCABULARY, rms_norm_eps=EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": THETA}, tie_word_embeddings=True, attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).double().eval()
    missing, unexpected = model.load_state_dict({k: v.double() for k, v in w.items()}, strict=False)
    assert missing in ([], ["lm_head.weight"]) and all("dms_proj_alpha" in name for name in unexpected)
    with torch.no_grad():
        wanted = model(tokens[None]).logits[0]
    found, _ = forward({k: v.double() for k, v in w.items()}, tokens, keep)
    # The library computes rotary angles in FP32.
    assert (wanted - found).abs().max() < 1e-4, (wanted - found).abs().max()


def main():
    folder = Path(__file__).parent / "adapter"
    folder.mkdir(exist_ok=True)
    stored = weights()
    tokens = torch.randint(VOCABULARY, (SEQUENCES, LENGTH), generator=torch.Generator().manual_seed(7))
    check_base(stored, tokens[0])

    w = {name: tensor.double() for name, tensor in stored.items()}
    learned = [name for name in w if "dms_proj_alpha" in name]
    for name in learned:
        w[name].requires_grad_()
    expected = {"tokens": tokens.to(torch.int32)}
    with torch.no_grad():
        logits, gates = zip(*[forward(w, sequence, strict) for sequence in tokens])
        expected["strict.logits"], expected["strict.gate_logits"] = torch.stack(logits), torch.stack(gates)
        teacher = torch.stack([forward(w, sequence, keep)[0] for sequence in tokens]).log_softmax(-1)

    logits, gates = zip(*[forward(w, sequence, soft) for sequence in tokens])
    student = torch.stack(logits).log_softmax(-1)
    divergence = (teacher.exp() * (teacher - student)).sum(-1)[:, :-1].mean()
    rate = torch.sigmoid(torch.stack(gates) / TEMPERATURE).mean()
    penalty = PENALTY_WEIGHT * torch.clamp(TARGET - rate, min=0)
    assert penalty > 0
    (divergence + penalty).backward()
    expected["soft.logits"] = torch.stack(logits).detach()
    expected["soft.losses"] = torch.stack([divergence, penalty, rate]).detach()
    for name in learned:
        expected["soft.gradient." + name] = w[name].grad
    share = (expected["strict.gate_logits"] > 0).double().mean().item()
    assert 0.2 < share < 0.8, share

    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": DIM, "vocab_size": VOCABULARY, "rms_norm_eps": EPSILON,
        "max_position_embeddings": 512, "rope_theta": THETA, "hidden_act": "silu", "tie_word_embeddings": True,
        "attention_bias": False, "mlp_bias": False, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "float32",
        "dms_alpha_scale": SCALE, "dms_initial_alpha_offset": OFFSET, "dms_window_size": WINDOW, "dms_cr": 8,
        "dms_separate_alpha": True, "dms_alpha_per": "head", "dms_tau": 0.1, "dms_disable_eviction": False,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, folder / "model.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
