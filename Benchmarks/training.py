"""Compares training steps of `dms` with PyTorch's on the same model, in turn on the same machine.

Usage: training.py [options] PATH_TO_DMS MODEL CORPUS

Dense: a cross-entropy step of `dms pretrain` (from the model's configuration) against Transformers with its fused
attention (sdpa). Gated: a step of `dms retrofit` against the same step with full masks in eager attention, which is how
the published training script does it: one bias per key and query, softmax over a square of scores. Both sides run
forward, backward, clipping and AdamW; the gated ones a teacher's forward pass beside it. Rates are of the median step
after the first ones, peak memory is that of the process. Last, what gates cost: in one run of `dms retrofit` the steps of
its second phase, whose attention has gates, over those of its first, which are the same without.

Needs Python with torch and transformers; processes run one after another.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def measured(command):
    """Runs a command; its standard output and peak memory in MiB."""
    code = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True);"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024;"
        "print(peak); print(r.stdout); sys.exit(r.returncode)"
    )
    result = subprocess.run([sys.executable, "-c", code, *command], stdout=subprocess.PIPE, text=True, check=True)
    peak, _, output = result.stdout.partition("\n")
    return output, int(peak)


def run_dms(options, verb, precision, context, batch, dense_steps=1):
    """The steps of a run, but for the first two of each phase, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "output"
        common = ["--corpus", options.corpus, "--context-length", str(context), "--batch-size", str(batch)]
        common += ["--output", str(output), "--precision", precision, "--json"]
        if verb == "pretrain":
            model = pathlib.Path(options.model)
            arguments = ["--config", str(model / "config.json"), "--tokenizer", str(model / "tokenizer.json")]
            arguments += ["--steps", str(options.steps + 2)]
        else:
            arguments = ["--model", options.model, "--window", "64", "--target-ratio", str(options.steps + 3)]
            arguments += ["--zeroing-steps", str(dense_steps), "--steps-per-ratio", "1", "--gradient-accumulation", "1"]
        _, peak = measured([options.dms, verb, *arguments, *common])
        steps = [json.loads(line) for line in (output / "training" / "steps.jsonl").read_text().splitlines()]
        phases = sorted({step["phase"] for step in steps})
        return [[step for step in steps if step["phase"] == phase][2:] for phase in phases], peak


def dms(options, verb, precision, context, batch):
    phases, peak = run_dms(options, verb, precision, context, batch)
    return statistics.median(step["tokens"] / step["seconds"] for step in phases[-1]), peak


def cost_of_gates(options, precision, context, batch):
    """Seconds of a step without gates and with them, of one run."""
    phases, _ = run_dms(options, "retrofit", precision, context, batch, dense_steps=options.steps + 2)
    return [statistics.median(step["seconds"] for step in phase) for phase in phases]


def peer(options, kind, precision, context, batch):
    arguments = [sys.executable, __file__, "--peer", kind, "--precision", precision]
    arguments += ["--steps", str(options.steps), "--context", str(context), "--batch", str(batch)]
    output, peak = measured([*arguments, options.dms, options.model, options.corpus])
    return float(output.split()[-1]), peak


def gated_logits(model, tokens, window, temperature):
    """A student's logits and mean soft eviction rate; the gate is the last channel of a group's first query head."""
    import torch
    from torch.nn import functional
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    config = model.config
    batch, length = tokens.shape
    heads, kv_heads, width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    group = heads // kv_heads
    positions = torch.arange(length)
    distance = positions[:, None] - positions[None, :]
    hidden = model.model.embed_tokens(tokens)
    cosine, sine = model.model.rotary_emb(hidden, positions[None].expand(batch, length))
    rates = []
    for layer in model.model.layers:
        attention, inputs = layer.self_attn, layer.input_layernorm(hidden)
        query = attention.q_proj(inputs).view(batch, length, heads, width).transpose(1, 2)
        key = attention.k_proj(inputs).view(batch, length, kv_heads, width).transpose(1, 2)
        value = attention.v_proj(inputs).view(batch, length, kv_heads, width).transpose(1, 2)
        uniform = torch.rand(batch, kv_heads, length).clamp(1e-6, 1 - 1e-6)
        noisy = query[:, ::group, :, -1] * 100 - 5 + torch.log(uniform) - torch.log1p(-uniform)
        rates.append(torch.sigmoid(noisy / temperature).mean())
        keep = functional.logsigmoid(-noisy / temperature)
        query = query.clone()
        query[:, ::group, :, -1] = 0
        query, key = apply_rotary_pos_emb(query, key, cosine, sine)
        mask = torch.where(distance[None, None] > window, keep[:, :, None, :], torch.zeros(()))
        mask = mask.masked_fill(distance < 0, float("-inf")).repeat_interleave(group, 1)
        key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        weights = torch.softmax(query @ key.transpose(2, 3) * width**-0.5 + mask, -1)
        hidden = hidden + attention.o_proj((weights @ value).transpose(1, 2).reshape(batch, length, -1))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    return model.lm_head(model.model.norm(hidden)), torch.stack(rates).mean()


def run_peer(options):
    import torch
    from torch.nn import functional
    from transformers import LlamaForCausalLM

    def load():
        return LlamaForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation="sdpa")

    student, teacher = load().train(), load().eval() if options.peer == "gated" else None
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)
    seconds = []
    for _ in range(options.steps + 1):
        tokens = torch.randint(0, student.config.vocab_size, (options.batch, options.context))
        begin = time.time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bf16"):
            if teacher is None:
                loss = student(input_ids=tokens, labels=tokens).loss
            else:
                with torch.no_grad():
                    wanted = teacher(input_ids=tokens).logits
                logits, rate = gated_logits(student, tokens, window=64, temperature=0.5)
                found = functional.log_softmax(logits[:, :-1].float(), -1)
                wanted = functional.log_softmax(wanted[:, :-1].float(), -1)
                divergence = functional.kl_div(found, wanted, reduction="none", log_target=True).sum(-1).mean()
                loss = divergence + 0.3 * functional.relu(0.5 - rate)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.time() - begin)
    print(options.batch * options.context / statistics.median(seconds[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms")
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--steps", type=int, default=5, help="steps that count, of each run")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each side, in turn")
    parser.add_argument("--long", action="store_true", help="also gated steps of 2048 and 4096 tokens")
    parser.add_argument("--bf16", action="store_true", help="also BF16: products of dms, autocast of PyTorch")
    parser.add_argument("--peer", choices=["dense", "gated"], help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="fp32", help=argparse.SUPPRESS)
    parser.add_argument("--context", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        run_peer(options)
        return
    cases = [("dense", "pretrain", 1024, 4), ("gated", "retrofit", 1024, 2)]
    if options.long:
        cases += [("gated", "retrofit", 1024, 1), ("gated", "retrofit", 2048, 1), ("gated", "retrofit", 4096, 1)]
    print("step   tokens      dms        PyTorch    ratio   memory of dms, PyTorch")
    for kind, verb, context, batch in cases:
        for _ in range(options.rounds):
            for precision in ["fp32", "bf16"] if options.bf16 else ["fp32"]:
                rate, peak = dms(options, verb, precision, context, batch)
                other, other_peak = peer(options, kind, precision, context, batch)
                print(
                    f"{kind}  {batch} x {context:<5} {rate:7.0f}/s  {precision} {other:7.0f}/s  {rate / other:5.2f}x"
                    f"   {peak} MiB, {other_peak} MiB",
                    flush=True,
                )
    print("gates  tokens            without   with      ratio")
    for _ in range(options.rounds):
        for precision in ["fp32", "bf16"] if options.bf16 else ["fp32"]:
            dense, gated = cost_of_gates(options, precision, 1024, 4)
            print(f"       4 x 1024   {precision}  {dense:5.3f} s   {gated:5.3f} s   {gated / dense:4.2f}x", flush=True)


main()
