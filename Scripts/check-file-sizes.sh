#!/usr/bin/env bash
# One concept per file: no source file is longer than 400 lines.
set -euo pipefail
cd "$(dirname "$0")/.."
long=$(find Sources Tests Fuzz Examples -name .build -prune -o \( -name '*.swift' -o -name '*.c' -o -name '*.h' \) -print |
    xargs wc -l | awk '$2 != "total" && $1 > 400 { print "  " $2 ": " $1 " lines" }')
if [ -n "$long" ]; then
    printf 'Files over 400 lines:\n%s\n' "$long"
    exit 1
fi
echo "no file over 400 lines"
