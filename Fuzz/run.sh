#!/bin/sh
# Fuzzes the readers of checkpoint headers, shard indexes, configurations and tokenizers.
#
#   Fuzz/run.sh [SECONDS]     60 seconds unless told otherwise
#
# Exits non-zero when an input crashes a reader, breaks a promise it makes, takes longer than 5 seconds or more than
# 1 GiB of memory; the input is then in Fuzz/.findings. New inputs that reach new code are kept in
# Fuzz/.corpus and serve as seeds of the next run.
set -eu
cd "$(dirname "$0")"
seconds="${1:-60}"
case "$seconds" in
    '' | *[!0-9]*) echo "usage: run.sh [SECONDS]" >&2; exit 64 ;;
esac

# libFuzzer comes with the Swift toolchain on Linux; where it is missing there is nothing to run.
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")
if ! ls "$toolchain"/lib/clang/*/lib/*/libclang_rt.fuzzer*.a >/dev/null 2>&1; then
    echo "fuzz: skipped: this toolchain has no libFuzzer"
    exit 0
fi

mkdir -p .corpus .findings
log=.build/fuzz.log
status=0
# Two lists of sanitizers, because the first tells the package manager to leave `main` to the fuzzer, and the last counts
# for the compiler. Swift's own backtraces are off: they and the address sanitizer trip over each other.
options="-c release --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address"
swift build $options --product CheckpointFuzz
SWIFT_BACKTRACE=enable=no "$(swift build $options --show-bin-path)/CheckpointFuzz" \
    -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -dict=dictionary.txt \
    -print_final_stats=1 -artifact_prefix=.findings/ .corpus Seeds >"$log" 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    cat "$log"
    echo "fuzz: FAILED with status $status; the input is in Fuzz/.findings" >&2
    exit 1
fi
if grep -q "Is the code instrumented" "$log" || ! grep -q "cov:" "$log"; then
    cat "$log"
    echo "fuzz: FAILED: the readers are not instrumented, so nothing was searched" >&2
    exit 1
fi
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
if [ "${executions:-0}" -eq 0 ]; then
    cat "$log"
    echo "fuzz: FAILED: nothing was executed" >&2
    exit 1
fi
echo "fuzz: $executions executions in $seconds s, no findings"
