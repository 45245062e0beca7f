#!/usr/bin/env bash
# Kills a training run with SIGKILL at random moments, takes it up again each time, and compares the finished weights
# with those of a run left alone. Usage: Scripts/test-kill.sh DMS [KILLS [SEED]]
set -euo pipefail
dms=$1
kills=${2:-20}
RANDOM=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$dms" corpus recall --output "$work/data" --chunks 48 --length 128 >/dev/null
options=(pretrain --config "$work/data/config.json" --tokenizer "$work/data/tokenizer.json"
    --corpus "$work/data/corpus.jsonl" --context-length 128 --batch-size 2 --steps 60 --save-every 1 --threads 1 --resume)

start=$(date +%s%N)
"$dms" "${options[@]}" --output "$work/alone" >/dev/null
nanoseconds=$(($(date +%s%N) - start))

killed=0
while [ "$killed" -lt "$kills" ] && [ ! -f "$work/killed/config.json" ]; do
    "$dms" "${options[@]}" --output "$work/killed" >/dev/null &
    # Up to three shares of the whole, so that reading, stepping, saving and packaging are all hit.
    sleep "$(awk "BEGIN { print 3e-9 * $nanoseconds * $RANDOM / 32768 / $kills }")"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    killed=$((killed + 1))
done
if [ ! -f "$work/killed/config.json" ]; then
    echo "killed $killed times, $(wc -l <"$work/killed/training/steps.jsonl") steps done; now to the end"
    "$dms" "${options[@]}" --output "$work/killed" >/dev/null
fi
cmp "$work/alone/model.safetensors" "$work/killed/model.safetensors"
echo "killed $killed times: the same weights"
