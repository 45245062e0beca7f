"""Counts what `dms generate --speculate` saves: guesses, those that were right, and forward passes.

Usage: measure-speculation.py PATH_TO_DMS [options of dms generate …]
Without --model the model that comes with dms continues texts of its own task. Every run is compared with one without
guesses, token by token. Nothing is timed. Needs nothing but Python.
"""
import json
import os
import subprocess
import sys
import tempfile

if len(sys.argv) < 2:
    sys.exit(__doc__)
DMS = sys.argv[1]
OPTIONS = sys.argv[2:]
TOKENS = 200
DRAFTS = [1, 2, 4, 8]
GIVEN = {
    "prose": "The river rises in the hills above the town and turns south before it meets the sea. ",
    "quotation": "Notes: the meeting moved to Tuesday; the budget is 400; the room is the small one.\n"
    "Copy of the notes: the meeting moved to Tuesday; the budget",
    "code": "def area(width, height):\n    return width * height\n\n\ndef volume(width, height, depth):\n"
    "    return area(width, height) * depth\n\n\ndef area(width, height):\n",
}


def own_texts():
    """Texts of the task that the shipped model was trained on, cut in the middle."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "recall")
        subprocess.run([DMS, "corpus", "recall", "--output", path, "--chunks", "16", "--seed", "7"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(path, "corpus.jsonl")) as file:
            texts = [json.loads(line)["text"] for line in file]
    texts = [text for text in texts if len(text) > 2000][:4]
    return {f"recall {index + 1}": text[:1500] for index, text in enumerate(texts)}


def generate(prompt, draft, sampling):
    command = [DMS, "generate", prompt, "--json", "--ignore-eos", "--max-tokens", str(TOKENS), "--speculate",
               str(draft)] + sampling + OPTIONS
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(run.stderr)
    return json.loads(run.stdout)


texts = GIVEN if "--model" in OPTIONS else own_texts()
failures = 0
print(f"{TOKENS} tokens each; a pass without guesses gives one token")
print(f"{'text':12} {'sampling':16} {'draft':>5} {'guessed':>8} {'right':>6} {'passes':>7} {'tokens/pass':>12} same")
for name, prompt in texts.items():
    for label, sampling in [("greedy", ["--temperature", "0"]), ("temperature 0.8", ["--temperature", "0.8"])]:
        plain = generate(prompt, 0, sampling)["token_ids"]
        for draft in DRAFTS:
            found = generate(prompt, draft, sampling)
            counts = found["speculation"]
            same = found["token_ids"] == plain
            failures += not same
            passes = counts["decode_passes"]
            print(f"{name:12} {label:16} {draft:5} {counts['proposed_tokens']:8} {counts['accepted_tokens']:6} "
                  f"{passes:7} {(len(plain) - 1) / max(1, passes):12.2f} {'yes' if same else 'NO'}")
sys.exit(1 if failures else 0)
