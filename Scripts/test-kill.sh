#!/usr/bin/env bash
# Kills training runs with SIGKILL at random moments, takes them up again each time, and compares the finished weights with
# those of a run left alone: half of the kills while a base model is made, half while it is retrofitted.
# Usage: Scripts/test-kill.sh DMS [KILLS [SEED]]
set -euo pipefail
dms=$1
kills=${2:-20}
RANDOM=${3:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a command alone and killed; both leave a model in their folder: survives NAME KILLS COMMAND…
survives() {
    local name=$1 kills=$2 killed=0 start nanoseconds
    shift 2
    start=$(date +%s%N)
    "$@" --output "$work/$name" >/dev/null
    nanoseconds=$(($(date +%s%N) - start))
    while [ "$killed" -lt "$kills" ] && [ ! -f "$work/$name-killed/config.json" ]; do
        "$@" --output "$work/$name-killed" >/dev/null &
        # Up to two shares of the whole, so that all moments are hit, and the run seldom ends before the last kill.
        sleep "$(awk "BEGIN { print 2e-9 * $nanoseconds * $RANDOM / 32768 / $kills }")"
        kill -9 $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        killed=$((killed + 1))
    done
    if [ ! -f "$work/$name-killed/config.json" ]; then
        echo "$name: killed $killed times, $(wc -l <"$work/$name-killed/training/steps.jsonl") steps done; now to the end"
        "$@" --output "$work/$name-killed" >/dev/null
    fi
    cmp "$work/$name/model.safetensors" "$work/$name-killed/model.safetensors"
    echo "$name: killed $killed times, the same weights"
}

"$dms" corpus recall --output "$work/data" --chunks 48 --length 128 >/dev/null
options=(--corpus "$work/data/corpus.jsonl" --context-length 128 --batch-size 2 --save-every 1 --threads 1 --resume)
survives base $((kills / 2)) "$dms" pretrain --config "$work/data/config.json" \
    --tokenizer "$work/data/tokenizer.json" --steps 60 "${options[@]}"
survives retrofitted $((kills - kills / 2)) "$dms" retrofit --model "$work/base" --zeroing-steps 8 --steps-per-ratio 4 \
    --hold-steps 4 --gradient-accumulation 1 --window 16 --learning-rate 1e-3 "${options[@]}"
