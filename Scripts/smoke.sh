#!/usr/bin/env bash
# Runs the built binary as a user would: what it says and how it exits.
set -euo pipefail
dms=$1

# The README's first command: the model that comes with the binary answers, and the memory is said.
message=$("$dms" generate </dev/null)
printf '%s\n' "$message"
grep -q 'That is right' <<<"$message"
grep -q 'this one holds' <<<"$message"

# Somewhere else, without the model beside it, it says what is missing.
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
cp "$dms" "$elsewhere/dms"
status=0
message=$("$elsewhere/dms" generate 2>&1 </dev/null) || status=$?
test "$status" = 1
grep -q -- '--model' <<<"$message"

# The main job on random weights of a small shape: keep everything against evicting 7 of 8.
"$dms" bench --shape tiny --context 512 --generate 8 --gate-evict 0.875 --window 64
"$dms" bench --shape tiny --context 256 --generate 4 --json | grep -q '"ceilings"'

status=0
"$dms" eval --model /nonexistent --corpus /nonexistent >/dev/null 2>&1 || status=$?
test "$status" = 1
echo "smoke: ok"
