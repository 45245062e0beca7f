#!/usr/bin/env bash
# Runs `dms serve` and talks to it with OpenAI's Python client and with curl; then stops it while it works.
# Needs python3 with venv, pip's registry and curl. Usage: Scripts/test-server.sh PATH_TO_DMS
set -euo pipefail
cd "$(dirname "$0")/.."
dms=$(realpath "$1")
if ! python3 -c 'import venv, ensurepip' 2>/dev/null || ! command -v curl >/dev/null; then
    echo "skipped: python3 with venv, or curl, is not installed"
    exit 0
fi
work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet openai

Scripts/make-chat-copy.sh "$work/recall-chat"

echo "test-key" >"$work/keys"
"$dms" serve --model "$work/recall-chat" --port 0 --api-key-file "$work/keys" --grace-period 5 2>"$work/log" &
server=$!
address=""
for _ in $(seq 300); do
    address=$(sed -n 's|^dms: serving .* on \(http://.*\)$|\1|p' "$work/log")
    [ -z "$address" ] || break
    kill -0 "$server" || { cat "$work/log"; exit 1; }
    sleep 0.1
done
echo "serving on $address"

"$work/venv/bin/python" Scripts/test-openai-client.py "$address" test-key recall-chat

# As a person would look at it.
ask() {
    curl --silent --show-error --no-buffer --max-time 60 -H "Authorization: Bearer test-key" \
        -H "Content-Type: application/json" "$@"
}
stream=$(ask "$address/v1/completions" \
    -d '{"model": "recall-chat", "prompt": "The password is pillow. The password is", "temperature": 0, "stream": true}')
test "$(tail -n 1 <<<"$stream")" = "data: [DONE]"
test "$(ask "$address/tokenize" -d '{"content": "The password"}')" != ""
test "$(curl --silent --output /dev/null --write-out '%{http_code}' "$address/health")" = 200
test "$(curl --silent --output /dev/null --write-out '%{http_code}' "$address/v1/models")" = 401
test "$(curl --silent --output /dev/null --write-out '%{http_code}' -H 'Host: evil.example' "$address/health")" = 403
# No text of a client is in the log.
if grep -q pillow "$work/log"; then echo "the log has a prompt's text in it"; exit 1; fi

# Told to stop while a stream runs, it ends the stream and then itself, with status 0.
ask "$address/v1/completions" -d '{"model": "recall-chat", "prompt": "The", "max_tokens": 900, "ignore_eos": true,
    "stream": true}' >"$work/stream" &
client=$!
sleep 0.3
kill -TERM "$server"
wait "$server"
server=""
wait "$client"
grep -q 'data: \[DONE\]' "$work/stream"
echo "stopped in order"
