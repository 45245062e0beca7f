#!/bin/bash
# Cross-compiles the kernels for AArch64 and compares the NEON versions with the portable ones under emulation.
# Needs aarch64-linux-gnu-gcc (with a static C library) and qemu-aarch64; without them it says so and succeeds.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=aarch64-linux-gnu-gcc
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if ! command -v "$compiler" >/dev/null; then
    echo "skipped: $compiler is not installed"
    exit 0
fi
if [ -z "$emulator" ]; then
    echo "skipped: qemu-aarch64 is not installed"
    exit 0
fi

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# Every *_test.c is a program of its own; the other files belong to neon_test.c.
objects=()
parts=()
for source in Sources/CDMSKernels/*.c Sources/CDMSDigest/*.c Tests/NEON/*.c; do
    object=$build/$(basename "$source").o
    case $source in
    Sources/*) objects+=("$object") ;;
    *_test.c) ;;
    *) parts+=("$object") ;;
    esac
    "$compiler" -std=c11 -O2 -ffp-contract=off -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
        -ISources/CDMSKernels/include -ISources/CDMSDigest/include -c "$source" -o "$object" &
done
failed=0
for job in $(jobs -p); do wait "$job" || failed=1; done
if [ "$failed" -ne 0 ]; then
    echo "error: the kernels do not compile for AArch64" >&2
    exit 1
fi
for source in Tests/NEON/*_test.c; do
    test=$build/$(basename "$source" .c)
    own=()
    if [ "$(basename "$source")" = neon_test.c ]; then own=("${parts[@]}"); fi
    "$compiler" -static "$build/$(basename "$source").o" "${own[@]}" "${objects[@]}" -lm -lpthread -o "$test"
    "$emulator" "$test"
done
