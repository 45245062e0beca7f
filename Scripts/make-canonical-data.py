#!/usr/bin/env python3
"""Writes the table of canonical forms that the tokenizer's NFC goes by.

    pip install tokenizers==0.23.3
    python3 Scripts/make-canonical-data.py > Sources/DMSTokenizer/Normalization/CanonicalData.swift

Values are those of Python's Unicode database, as far as the reference library knows them: its own are of Unicode 9, and the
ids of a text have to be the ones that a model was trained on.
"""
import sys
import textwrap
import unicodedata

from tokenizers import normalizers

NFC = normalizers.NFC().normalize_str
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000 and not 0xAC00 <= code < 0xD7A4]
# A starter that takes part in nothing, and marks of a low and of the highest class.
BASE, LOW, HIGH = "\U0001F600", "\u0334", "\u0345"


def mapping(code):
    text = unicodedata.decomposition(chr(code))
    return [int(part, 16) for part in text.split()] if text and not text.startswith("<") else []


def is_known_mark(code):
    """Whether the reference moves the mark in front of one of a higher class, or one of a lower class in front of it."""
    return any(NFC(BASE + mark + chr(code)) == BASE + chr(code) + mark for mark in (HIGH, "\u0301", "\u0316")) or any(
        NFC(BASE + chr(code) + mark) == BASE + mark + chr(code) for mark in (LOW, "\u0316"))


def main():
    forms, classes = [], []
    for code in SCALARS:
        parts = mapping(code)
        if len(parts) == 1 and NFC(chr(code)) != chr(code):
            forms.append(f"{code:X}-{parts[0]:X}")
        elif len(parts) == 2:
            text = "".join(map(chr, parts))
            if NFC(text) == chr(code):
                forms.append(f"{code:X}={parts[0]:X}+{parts[1]:X}")
            elif NFC(chr(code)) != chr(code):
                forms.append(f"{code:X}-{parts[0]:X}+{parts[1]:X}")
        value = unicodedata.combining(chr(code))
        if value and (parts or is_known_mark(code)):
            if classes and classes[-1][1] == code - 1 and classes[-1][2] == value:
                classes[-1][1] = code
            else:
                classes.append([code, code, value])
    runs = [f"{first:X}-{last:X}={value}" if last > first else f"{first:X}={value}" for first, last, value in classes]
    sys.stdout.write(f'''// Written by Scripts/make-canonical-data.py.

/// Unicode's canonical mappings and combining classes, of the version that the reference library has.
enum CanonicalData {{
    /// `C=A+B`: A and B compose to C, and C decomposes to them; `C-A` and `C-A+B`: C decomposes, and nothing composes to
    /// it.
    static let mappings = """
{block(forms)}
        """

    /// Runs of scalars and their combining class, where it is not 0.
    static let classes = """
{block(runs)}
        """
}}
''')


def block(words):
    return "\n".join("        " + line for line in textwrap.wrap(" ".join(words), 108, break_on_hyphens=False))


main()
