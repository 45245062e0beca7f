#!/usr/bin/env bash
# Runs the built binary as a user would, without a model: what it says and how it exits.
set -euo pipefail
dms=$1

# Without a model it says what it needs, and that is a usage error.
status=0
message=$("$dms" generate 2>&1 </dev/null) || status=$?
printf '%s\n' "$message"
test "$status" = 64
grep -q -- '--model DIR' <<<"$message"

# The main job on random weights of a small shape: keep everything against evicting 7 of 8.
"$dms" bench --shape tiny --context 512 --generate 8 --gate-evict 0.875 --window 64
"$dms" bench --shape tiny --context 256 --generate 4 --json | grep -q '"ceilings"'

status=0
"$dms" eval --model /nonexistent --corpus /nonexistent >/dev/null 2>&1 || status=$?
test "$status" = 1
echo "smoke: ok"
