#!/usr/bin/env bash
# Writes reports of the model that comes along, looks at them in a real browser (no error, nothing wider than the page,
# keys and pointer move the chosen token), and makes pictures of them, light, dark and as wide as a phone.
# Needs python3 and Chromium (Debian's package `chromium`); says so and passes where it is not there.
# Usage: Scripts/make-report-pictures.sh PATH_TO_DMS FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
dms=$(realpath "$1")
pictures=$(realpath "$2")
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
    echo "skipped: chromium or python3 is not installed"
    exit 0
fi
work=$(mktemp -d)
# A browser's last process may still write there.
trap 'rm -rf "$work" || true' EXIT

"$dms" corpus recall --output "$work/recall" --chunks 16 --length 1024 --seed 11
python3 -c '
import json, sys
print(" ".join(json.loads(line)["text"] for line in open(sys.argv[1])), end="")
' "$work/recall/corpus.jsonl" >"$work/recall.txt"
"$dms" inspect --output "$work/text.html" --seed 1 --measure recall
"$dms" inspect --corpus "$work/recall.txt" --context-length 1024 --chunks 8 --measure perplexity --output "$work/cost.html"
python3 -B Scripts/report/look.py "$browser" "$work" "$pictures"
