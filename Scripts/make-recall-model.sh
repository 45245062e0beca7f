#!/usr/bin/env bash
# Makes the model that comes with this package, from nothing: texts, a base model, and its retrofit.
# Usage: Scripts/make-recall-model.sh DMS FOLDER
# FOLDER/recall-8x is what lies in Sources/dms/recall-8x, and FOLDER/base the dense model it was made from. A run that
# was cut off goes on where it was; other processors round otherwise, so the bits may differ.
set -euo pipefail
dms=$1
work=$2
mkdir -p "$work"

texts() { [ -d "$work/$1" ] || "$dms" corpus recall --output "$work/$1" "${@:2}"; }
made() { [ -f "$work/$1/config.json" ]; }

# To look something up is learnt sooner in short texts.
texts short --chunks 16384 --length 128 --seed 1
texts long --chunks 4096 --length 1024 --seed 2
pretrain=("$dms" pretrain --config "$work/long/config.json" --tokenizer "$work/long/tokenizer.json" --resume)
made base-short || "${pretrain[@]}" --corpus "$work/short/corpus.jsonl" --context-length 128 --batch-size 32 \
    --steps 300 --learning-rate 3e-3 --warmup-steps 50 --schedule constant --output "$work/base-short"
made base || "${pretrain[@]}" --corpus "$work/long/corpus.jsonl" --context-length 1024 --batch-size 4 --steps 700 \
    --initial "$work/base-short" --learning-rate 2e-3 --warmup-steps 20 --schedule cosine --output "$work/base"
made recall-8x || "$dms" retrofit --model "$work/base" --corpus "$work/long/corpus.jsonl" --context-length 1024 \
    --batch-size 4 --gradient-accumulation 1 --window 32 --zeroing-steps 15 --steps-per-ratio 20 --hold-steps 200 \
    --learning-rate 1e-3 --gate-learning-rate 3 --schedule cosine --compression-weight 0.3 --resume \
    --output "$work/recall-8x"

"$dms" eval --model "$work/recall-8x" --base "$work/base" --task recall --lengths 256,512,1024 \
    --depths 0,10,25,50,75,90,100 --samples 20 --controls --plot "$work/recall.svg" --text-plot "$work/recall-text.svg"
