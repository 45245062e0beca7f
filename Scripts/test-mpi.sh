#!/usr/bin/env bash
# Trains over two processes and compares with one process that accumulates twice as much. Needs Open MPI with its headers;
# without them it says so and succeeds. Usage: Scripts/test-mpi.sh [PATH_TO_DMS]
#
# Without a dms that was built with the trait MPI it builds one.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v mpirun >/dev/null || ! pkg-config --exists ompi-c; then
    echo "skipped: Open MPI (libopenmpi-dev, openmpi-bin, pkg-config) is not installed"
    exit 0
fi
if [ $# -gt 0 ]; then
    dms=$(realpath "$1")
else
    swift build -c release --traits MPI --product dms
    # A copy, for the folder's own is rebuilt without the trait by whoever builds next.
    mkdir -p .build/mpi
    cp -r .build/release/dms .build/release/*.resources .build/mpi/
    dms=$PWD/.build/mpi/dms
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { mpirun --allow-run-as-root --oversubscribe -np "$@"; }

"$dms" corpus recall --output "$work/data" --chunks 96 --length 128 >/dev/null
pretrain=("$dms" pretrain --config "$work/data/config.json" --tokenizer "$work/data/tokenizer.json"
    --corpus "$work/data/corpus.jsonl" --context-length 128 --batch-size 2 --threads 1 --steps 12 --warmup-steps 4)
retrofit=("$dms" retrofit --corpus "$work/data/corpus.jsonl" --context-length 128 --batch-size 2 --threads 1 --window 16
    --zeroing-steps 3 --steps-per-ratio 2 --target-ratio 4 --learning-rate 1e-3)

# Both sums of the same gradients, in another order; and a third run whose batch is half as large, which must differ.
"${pretrain[@]}" --gradient-accumulation 2 --output "$work/one" >/dev/null
run 2 "${pretrain[@]}" --output "$work/two" >/dev/null
"${pretrain[@]}" --output "$work/half" >/dev/null
"${retrofit[@]}" --model "$work/one" --gradient-accumulation 2 --output "$work/one-dms" >/dev/null
run 2 "${retrofit[@]}" --model "$work/one" --gradient-accumulation 1 --output "$work/two-dms" >/dev/null

# The largest divergence per token between two models, in nats.
divergence() {
    "$dms" eval --model "$1" --base "$2" --corpus "$work/data/corpus.jsonl" --chunk-length 128 --chunks 8 --no-evict \
        --precision fp32 --json | sed -E 's/.*"max_kld": ?([^,}]+).*/\1/'
}
check() {
    awk -v value="$2" -v limit="$4" -v name="$1" -v test="$3" 'BEGIN {
        ok = test == "below" ? value + 0 < limit + 0 : value + 0 > limit + 0
        printf "%s: %s nats, required %s %s\n", name, value, test, limit
        exit !ok
    }'
}
check "pretrained by two processes and by one" "$(divergence "$work/two" "$work/one")" below 1e-4
check "retrofitted by two processes and by one" "$(divergence "$work/two-dms" "$work/one-dms")" below 1e-4
check "pretrained on half as much" "$(divergence "$work/half" "$work/one")" above 1e-3

# Killed, and taken up again by two processes, of which only the first reads the state.
run 2 "${pretrain[@]}" --output "$work/cut" --save-every 1 >/dev/null &
launcher=$!
while [ ! -f "$work/cut/training/state.safetensors" ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.05; done
kill -9 "$launcher" 2>/dev/null || true
wait "$launcher" 2>/dev/null || true
pkill -9 -f "$work/cut" 2>/dev/null || true
if [ ! -f "$work/cut/config.json" ]; then run 2 "${pretrain[@]}" --output "$work/cut" --save-every 1 --resume >/dev/null; fi
cmp "$work/cut/model.safetensors" "$work/two/model.safetensors"

# An error of one process ends them all: a folder in the way, and options that differ.
status=0
run 2 "${pretrain[@]}" --output "$work/two" >"$work/log" 2>&1 || status=$?
test "$status" != 0
grep -q "a finished model" "$work/log"
status=0
run 1 "${pretrain[@]}" --output "$work/other" : -np 1 "${pretrain[@]}" --output "$work/other" --seed 2 >"$work/log" 2>&1 ||
    status=$?
test "$status" != 0
grep -q "process 1 of 2: options" "$work/log"
echo "MPI: ok"
