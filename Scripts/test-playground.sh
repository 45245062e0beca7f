#!/usr/bin/env bash
# Uses the page that `dms serve` serves at / in a real browser: sends, streams, stops, saves, restores, is refused.
# Needs python3 and Chromium (Debian's package `chromium`); says so and passes where it is not there.
# Usage: Scripts/test-playground.sh PATH_TO_DMS [FOLDER_FOR_PICTURES]
set -euo pipefail
cd "$(dirname "$0")/.."
dms=$(realpath "$1")
pictures=${2:-}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
    echo "skipped: chromium or python3 is not installed"
    exit 0
fi
work=$(mktemp -d)
servers=()
finish() {
    for server in "${servers[@]}"; do
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    # A browser's last process may still write there.
    rm -rf "$work" || true
}
trap finish EXIT

Scripts/make-chat-copy.sh "$work/recall-chat"

serve() {
    local name=$1
    shift
    : >"$work/log-$name"
    "$dms" serve "$@" --port 0 --sessions "$work/sessions-$name" 2>"$work/log-$name" &
    servers+=($!)
    for _ in $(seq 300); do
        if grep -q '^dms: the playground is at' "$work/log-$name"; then break; fi
        kill -0 "${servers[-1]}" || { cat "$work/log-$name" >&2; exit 1; }
        sleep 0.1
    done
    grep -q '^dms: the playground is at' "$work/log-$name" || { echo "no address in 30 s:" >&2; cat "$work/log-$name" >&2; exit 1; }
    sed -n 's|^dms: the playground is at \(http://.*\)$|\1|p' "$work/log-$name"
}

# Not in a subshell, which would not tell of the process.
# A page that is new does not know what became of tokens that the server had computed for another: none for pictures.
serve plain ${pictures:+--max-prefixes 0} >"$work/address"
address=$(cat "$work/address")
serve chat --model "$work/recall-chat" >"$work/address"
chat_address=$(cat "$work/address")
python3 -B Scripts/playground/test.py "$browser" "$address" "$chat_address" "$work" ${pictures:+"$pictures"}
