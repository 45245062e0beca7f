"""Writes tokenizer_cases.json beside this file: a small made-up tokenizer in several variants, and what Hugging Face's
`tokenizers` makes of awkward texts with it.

    pip install tokenizers==0.23.3
    python make_tokenizer_goldens.py
"""

import json
import random
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers


def alphabet():
    """The character that stands for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = {byte: chr(byte) for byte in printable}
    characters.update({byte: chr(0x100 + index) for index, byte in enumerate(others)})
    return characters


SPELLING = alphabet()


def spelled(data):
    return "".join(SPELLING[byte] for byte in (data.encode() if isinstance(data, str) else data))


# In order of rank. Some results can be reached in two ways, and some merges never apply because an earlier one does.
MERGES = [
    ("t", "h"), ("h", "e"), ("th", "e"), (" ", "the"), ("a", "a"), ("aa", "aa"), ("a", "aaa"), ("aa", "a"),
    (" ", " "), ("  ", "  "), ("    ", "  "), ("\n", "\n"), ("\r", "\n"), ("1", "2"), ("12", "3"), ("2", "3"),
    ("1", "23"), ("'", "s"), (" ", "t"), (" t", "he"), ("e", "r"), ("_", "_"), ("__", "__"), ("!", "!"),
    (b"\xc3", b"\xa9"), (b"\xf0", b"\x9f"), (b"\xf0\x9f", b"\x98"), (b"\xf0\x9f\x98", b"\x80"), (b"\xe6", b"\xbc"),
    (b"\xe6\xbc", b"\xa2"), (b"\xc5", b"\xbf"), ("l", "l"), ("'", "ll"), ("n", "'"), ("d", "o"), ("do", "n"),
]

TEXTS = [
    "", " ", "a", "the", "the the  the   the", "then there, she", "aaa", "aaaa", "aaaaa" * 7, "whole", " whole wholes",
    "don't DON'T don\u2019t", "I'll we'Ve they'RE x'm 'd ''s 's'", "'\u017f '\u017ft \u017f", "'l 'v 'r 'lL 'K '\u212a",
    "1 12 123 1234 12345678", "\u0663\u0664\u0665\u0666 \u00b2\u00b3 \u2167 \u00bd", "3.14 1,000", "   a", "   \n  a",
    " \n \n ", "\r\n\r\n", "a\r\nb\n\nc\n", "!!\n\n x", " !!", "  !!", "\t\t!a", "\ta", "\n a", "\u00a0a\u3000\u3000b",
    "\u2028\u2029\u0085 \u200b\u180e\ufeff", "\u00e9 e\u0301 \u0301\u0301", "\U0001f600\U0001f600 \U0001f469\u200d\U0001f467",
    "\u6f22\u5b57\u3068\u304b\u306a", "\ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22 \u0645\u0631\u062d\u0628\u0627",
    "\x00\x01\x1c\x1f\x7f", "____ __init__ _", "http://a.b/c?d=e&f#g", "\U0010ffff\ue000\ufffd",
    # Letters and numbers of Unicode 16, and some of Unicode 17, which are neither to the reference.
    "a\ua7cbb1\U00010d401", "a\u088fb a\ua7ceb a\U00016ea0b 1\U00011de01",
    "<|begin|>", "a<|end|>b", "<|end|><|end|>", "<|end", "<|en<|end|>d|>", " <|end|> ", "<|<|begin|>|>",
    "[left] [left]", "a \n\u3000[left]b", "[right]  a[right]\n\nb[right]", " [both]  [both] \t[left] ", "[norm]a[nor]",
    "<|end|>tail", "<|end|>tai", "[special norm] x", "q<|end|>[norm]<|end|>tail", "[right] !", "\u00e9x e\u0301x",
    "[right] ~ x", "[right]  sp", "a ~ ~  ~ b", " ~\n\n ~sp sp", "[right] ~", "[right] \tx", "a \t \t b",
]

# Texts that are not normalized, or nearly so.
MARKED = [
    "cafe\u0301 caf\u00e9 e\u0301\u0301 e\u0323\u0301 e\u0301\u0323", "\u1e9b\u0323 \u212b \u2126 \u00c5 A\u030a",
    "\uac00 \u1100\u1161 \u1100\u1161\u11a8 \uac00\u11a8 \u1100\u11a8 \u1161", "\u0301e <|end|>\u0301 a<|end|>\u030ab",
    "e\u0301x[norm]\u0301 \u00e9x", "\u0958 \u0915\u093c \u0f43 \u0344 \u0340", "\uf900 \ufa6c \u2f800 \ufb1d",
    "1\u0338 <\u0338 =\u0338 \u226e", "\u3046\u3099 \u3094 \u30ab\u3099\u30ad\u309a", "q\u0307\u0323 q\u0323\u0307",
    "o\u0302\u0301 \u00f4\u0301 \u1ed1", "\U00011935\U00011930 \U0001611e\U0001611e \U00016d67\U00016d67",
    "x 1 22  333 \n4444 \u0663\u0664  \u2167a5 don't1's", "1", "  1", "a  1  b", " 1a 2 \t3\t4",
]
# Added where text is normalized: their own spelling is, too.
ADDED_NORMALIZED = [("e\u0301x[norm]", {"normalized": True}), ("\u212b", {"normalized": True}), ("\u00e9x", {})]

ADDED = [
    ("<|end|>tail", {}),
    ("[left]", {"lstrip": True, "special": True}),
    ("[right]", {"rstrip": True}),
    ("[both]", {"lstrip": True, "rstrip": True, "normalized": True}),
    ("[norm]", {"normalized": True}),
    ("[norm]<|", {"normalized": True}),
    ("[special norm]", {"normalized": True, "special": True}),
    ("[right] !", {"special": True}),
    ("\u00e9x", {}),
    ("e\u0301x", {}),
    (" ~", {"lstrip": True, "rstrip": True}),
    (" sp", {}),
    (" \t", {"lstrip": True, "rstrip": True}),
]


def words_pattern(number):
    return (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + number
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


def added(id, content, **flags):
    entry = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
    return entry | flags


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def split(number):
    pattern = {"type": "Split", "pattern": {"Regex": words_pattern(number)}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [pattern, byte_level(False)]}


def special(name, ids, tokens):
    return {name: {"id": name, "ids": ids, "tokens": tokens}}


def base():
    join = lambda a, b: (a.encode() if isinstance(a, str) else a) + (b.encode() if isinstance(b, str) else b)
    vocabulary = {SPELLING[byte]: byte for byte in range(256)}
    for left, right in MERGES:
        vocabulary.setdefault(spelled(join(left, right)), len(vocabulary))
    vocabulary[spelled("whole")] = len(vocabulary)
    first = len(vocabulary)
    begin = {"SpecialToken": {"id": "<|begin|>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    template = {
        "type": "TemplateProcessing", "single": [begin, text], "pair": [begin, text, text | {}],
        "special_tokens": special("<|begin|>", [first], ["<|begin|>"]),
    }
    template["pair"][2] = {"Sequence": {"id": "B", "type_id": 0}}
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
        "vocab": vocabulary, "merges": [spelled(left) + " " + spelled(right) for left, right in MERGES],
    }
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(first, "<|begin|>", special=True), added(first + 1, "<|end|>", special=True)],
        "normalizer": None, "pre_tokenizer": split(r"\p{N}{1,3}"),
        "post_processor": {"type": "Sequence", "processors": [byte_level(True), template]},
        "decoder": byte_level(True), "model": model,
    }


def variants():
    """Sections of the base file to replace, by variant."""
    file = base()
    first = file["added_tokens"][0]["id"]
    more = [added(first + 2 + index, content, **flags) for index, (content, flags) in enumerate(ADDED)]
    around = {
        "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "ends", "type_id": 0}}],
        "special_tokens": special("ends", [first + 1, first], ["<|end|>", "<|begin|>"]),
    }
    around["pair"].append({"Sequence": {"id": "B", "type_id": 0}})
    merges = [pair.split(" ") for pair in file["model"]["merges"]]
    return {
        "llama3": {},
        "qwen2": {"pre_tokenizer": split(r"\p{N}"), "model": file["model"] | {"ignore_merges": False, "merges": merges}},
        "gpt2": {"pre_tokenizer": byte_level(True), "post_processor": around},
        "added": {"added_tokens": file["added_tokens"] + more},
        "qwen3": {
            "normalizer": {"type": "NFC"}, "pre_tokenizer": split(r"\p{N}"), "post_processor": byte_level(False),
            "model": file["model"] | {"ignore_merges": False, "merges": merges, "continuing_subword_prefix": "",
                                      "end_of_word_suffix": ""},
            "added_tokens": file["added_tokens"] + [
                added(first + 2 + index, content, **flags) for index, (content, flags) in enumerate(ADDED_NORMALIZED)],
        },
        "smollm": {
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": True}, byte_level(True)]},
            "post_processor": None,
        },
    }


def encode_cases(tokenizer):
    for text in TEXTS + MARKED:
        tokenizer.encode_special_tokens = True
        unparsed = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text).ids
        yield {"text": text, "ids": ids, "unparsed": unparsed, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
               "skipped": tokenizer.decode(ids)}


def decode_cases(tokenizer, random):
    """Ids of random tokens, mostly of bytes that begin or continue a character."""
    for _ in range(150):
        ids = [random.choice([random.randrange(0x80, 0x100), random.randrange(tokenizer.get_vocab_size())])
               for _ in range(random.randrange(1, 9))]
        yield {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids)}


def normalized_cases(random):
    """Random rows of scalars that take part in normalization, and their form C."""
    normalizer = normalizers.NFC()
    marks = [code for code in range(0x10000) if unicodedata.combining(chr(code))]
    composites = [code for code in range(0x30000) if unicodedata.decomposition(chr(code)) and not unicodedata.decomposition(
        chr(code)).startswith("<")]
    hangul = [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3), 0xAC00, 0xAC01, 0xD788]
    for number in range(300):
        pool = random.choice([marks, composites, hangul, [ord(c) for c in "aeox \u05d0\u0915"]])
        codes = [random.choice(random.choice([pool, pool, marks, composites, hangul])) for _ in range(random.randrange(1, 9))]
        text = "".join(map(chr, codes))
        if number % 2:
            text = unicodedata.normalize("NFD", text)
        yield [text, normalizer.normalize_str(text)]


def classes():
    """Runs of scalars of each class, as alternating first and one-past-last scalars."""
    scalars = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    result = {}
    for name, pattern in [("letter", r"\p{L}"), ("number", r"\p{N}"), ("space", r"\s")]:
        splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        members = {ord(c) for c, _ in splitter.pre_tokenize_str("".join(map(chr, scalars)))}
        result[name] = [code for code in range(0x110001) if (code in members) != (code - 1 in members)]
    return result


def main():
    golden = {"generator": f"tokenizers {tokenizers.__version__}", "file": base(), "variants": {}, "classes": classes(),
              "normalized": list(normalized_cases(random.Random(5)))}
    for name, sections in variants().items():
        tokenizer = Tokenizer.from_str(json.dumps(base() | sections))
        golden["variants"][name] = {
            "sections": sections, "cases": list(encode_cases(tokenizer)),
        }
        if name in ("llama3", "added"):
            golden["variants"][name]["decode_cases"] = list(decode_cases(tokenizer, random.Random(7)))
    text = json.dumps(golden, separators=(",", ":")).replace('},{"', '},\n{"')
    Path(__file__).with_name("tokenizer_cases.json").write_text(text + "\n")


main()
