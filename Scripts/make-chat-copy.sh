#!/usr/bin/env bash
# Copies the model that comes with dms into a new folder, with the special tokens of ChatML in place of its last two
# words, so that servers can be tested with chats. Needs python3. Usage: Scripts/make-chat-copy.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
cp -r Sources/dms/recall-8x "$1"
chmod -R u+w "$1"
python3 - "$1/tokenizer.json" <<'PYTHON'
import json, sys
path = sys.argv[1]
with open(path) as file:
    tokenizer = json.load(file)
vocabulary = tokenizer["model"]["vocab"]
for name, word in zip(["<|im_start|>", "<|im_end|>"], sorted(vocabulary, key=vocabulary.get)[-2:]):
    number = vocabulary.pop(word)
    vocabulary[name] = number
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": number, "content": name})
with open(path, "w") as file:
    json.dump(tokenizer, file)
PYTHON
