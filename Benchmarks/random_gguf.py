"""Writes the Llama-3.2-1B shape with random weights as GGUF, so that a peer multiplies what `dms bench` multiplies.

Usage: random_gguf.py OUTPUT.gguf bf16|q8_0|q4_0 [tiny]

The values are not those of `dms bench`, which makes its own: speed depends on shapes and types alone.
"""
import math
import random
import struct
import sys

ALIGNMENT = 32
TYPES = {"f32": 0, "q4_0": 2, "q8_0": 8, "bf16": 30}
QUANTISED_GROUP = 32  # weights of a block, which begins with its scale in half precision
BLOCK_BYTES = {"q8_0": 34, "q4_0": 18}
CHUNK = 1 << 22  # weights written at once

SHAPES = {
    "llama-3.2-1b": dict(hidden=2048, inner=8192, layers=16, heads=32, kv_heads=8, head=64, vocabulary=128256),
    "tiny": dict(hidden=256, inner=512, layers=2, heads=8, kv_heads=2, head=32, vocabulary=1024),
}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    return text(key) + struct.pack("<II", 4, value)


def metadata(shape):
    return [
        ("general.architecture", "llama"), ("general.alignment", ALIGNMENT),
        ("llama.context_length", 131072), ("llama.embedding_length", shape["hidden"]),
        ("llama.block_count", shape["layers"]), ("llama.feed_forward_length", shape["inner"]),
        ("llama.attention.head_count", shape["heads"]), ("llama.attention.head_count_kv", shape["kv_heads"]),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5), ("llama.rope.freq_base", 500000.0),
        ("llama.rope.dimension_count", shape["head"]), ("llama.vocab_size", shape["vocabulary"]),
        ("tokenizer.ggml.model", "none"),
    ]


def tensors(shape):
    hidden, inner, head = shape["hidden"], shape["inner"], shape["head"]
    yield "token_embd.weight", (shape["vocabulary"], hidden)
    yield "output_norm.weight", (hidden,)
    for layer in range(shape["layers"]):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", (hidden,)
        yield prefix + "ffn_norm.weight", (hidden,)
        yield prefix + "attn_q.weight", (shape["heads"] * head, hidden)
        yield prefix + "attn_k.weight", (shape["kv_heads"] * head, hidden)
        yield prefix + "attn_v.weight", (shape["kv_heads"] * head, hidden)
        yield prefix + "attn_output.weight", (hidden, shape["heads"] * head)
        yield prefix + "ffn_gate.weight", (inner, hidden)
        yield prefix + "ffn_up.weight", (inner, hidden)
        yield prefix + "ffn_down.weight", (hidden, inner)


def byte_count(size, kind):
    if kind in BLOCK_BYTES:
        return size // QUANTISED_GROUP * BLOCK_BYTES[kind]
    return size * (4 if kind == "f32" else 2)


# From a random byte to the two of a BF16 value: its lowest bits to the mantissa, its highest to the sign.
BF16_LOW = bytes(0x80 | byte & 0x7F for byte in range(256))
BF16_HIGH = bytes(0x3C | byte & 0x80 for byte in range(256))


def values(size, kind, source):
    """Magnitudes of about 1/64 to 1/32, either sign."""
    if kind == "f32":
        return struct.pack("<f", 1.0) * size
    if kind == "bf16":
        noise = source.randbytes(size)
        data = bytearray(2 * size)
        data[0::2] = noise.translate(BF16_LOW)
        data[1::2] = noise.translate(BF16_HIGH)
        return data
    blocks = size // QUANTISED_GROUP
    data = bytearray(source.randbytes(blocks * BLOCK_BYTES[kind]))
    scale = struct.pack("<e", 1 / 4096 if kind == "q8_0" else 1 / 256)
    data[0::BLOCK_BYTES[kind]] = scale[:1] * blocks
    data[1::BLOCK_BYTES[kind]] = scale[1:] * blocks
    return data


def padding(size):
    return bytes(-size % ALIGNMENT)


def write(path, kind, shape):
    source = random.Random(1)
    listed = [(name, sizes, "f32" if len(sizes) == 1 else kind) for name, sizes in tensors(shape)]
    entries = metadata(shape)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(entries))
    header += b"".join(entry(key, value) for key, value in entries)
    offset = 0
    for name, sizes, tensor_kind in listed:
        header += text(name) + struct.pack("<I", len(sizes))
        header += b"".join(struct.pack("<Q", size) for size in reversed(sizes))
        header += struct.pack("<IQ", TYPES[tensor_kind], offset)
        size = byte_count(math.prod(sizes), tensor_kind)
        offset += size + len(padding(size))
    with open(path, "wb") as file:
        file.write(header + padding(len(header)))
        for _, sizes, tensor_kind in listed:
            size = math.prod(sizes)
            for start in range(0, size, CHUNK):
                file.write(values(min(CHUNK, size - start), tensor_kind, source))
            file.write(padding(byte_count(size, tensor_kind)))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in TYPES or sys.argv[2] == "f32":
        sys.exit(__doc__)
    write(sys.argv[1], sys.argv[2], SHAPES["tiny" if sys.argv[3:] == ["tiny"] else "llama-3.2-1b"])
