#!/usr/bin/env bash
# Builds the packages in Examples, as packages of their own that depend on this one, and runs them.
#
#   Scripts/build-examples.sh [SCRATCH]
#
# All are built in one scratch folder, by default that of this package: a debug build that is there is not made again, so
# what is compiled are the examples themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=${1:-.build}
model=$PWD/Sources/dms/recall-8x
port=$((20000 + RANDOM % 20000))
question="The password is pillow. The grass is green. The sky is blue. The password is"
folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT

for package in Examples/*/; do
    # The same versions of dependencies as here, or their modules would be compiled anew.
    [ ! -f Package.resolved ] || cp Package.resolved "$package"
    swift build --package-path "$package" --scratch-path "$scratch" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
    printf '%s: %s modules compiled\n' "$package" "$(grep -c 'Emitting module' "$folder/log" || true)"
    if grep -E "warning:.*Examples/|Examples/.*warning:" "$folder/log"; then echo "warnings are errors here"; exit 1; fi
done
binaries=$(swift build --show-bin-path --scratch-path "$scratch")

# expect TEXT FILE : the text stands in the file.
expect() { grep -qF -- "$1" "$2" || { echo "expected \"$1\", found:"; cat "$2"; exit 1; }; }

"$binaries/complete" "$model" "$question" 3 >"$folder/answer" 2>&1
expect " pillow." "$folder/answer"

printf '%s\n\n' "$question" | "$binaries/ask" "$model" >"$folder/answer" 2>&1
expect " pillow" "$folder/answer"
expect " bytes alive, " "$folder/answer"
expect "> " "$folder/answer"

mkdir "$folder/texts"
for word in pillow lantern; do echo "The password is $word. The grass is green." >"$folder/texts/$word.txt"; done
"$binaries/batch-summarise" "$model" "$folder/texts" --template "{text} The password is" --stop . --max-tokens 3 \
    >"$folder/answer" 2>&1
expect "pillow.txt: " "$folder/answer"
expect "pillow" "$folder/texts/pillow.summary.txt"
test -f "$folder/texts/lantern.summary.txt"

"$binaries/retrofit" "$model" "$folder/trained" >"$folder/answer" 2>&1
grep -qE 'evicted [1-9][0-9]* of [1-9]' "$folder/answer" || { cat "$folder/answer"; exit 1; }
test -f "$folder/trained/evicting/dms_metadata.json"

"$binaries/app" "$model" "$port" >"$folder/server" 2>&1 &
server=$!
for _ in $(seq 50); do
    sleep 0.2
    curl -sN -d "$question" http://127.0.0.1:"$port"/complete >"$folder/answer" 2>/dev/null && break
done
expect " pillow." "$folder/answer"
echo "examples: ok"
