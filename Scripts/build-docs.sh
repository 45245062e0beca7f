#!/usr/bin/env bash
# Builds the documentation of the libraries with the toolchain's own docc, warnings as errors; links must resolve.
#
#   swift build && Scripts/build-docs.sh [FOLDER]     default: .build/documentation
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:-.build/documentation}

if ! command -v docc >/dev/null; then
    echo "docc is not on the path: it comes with Swift's toolchains from swift.org, beside swift itself" >&2
    exit 1
fi
graphs=$(mktemp -d)
trap 'rm -rf "$graphs"' EXIT
Scripts/symbol-graphs.sh "$graphs"
mkdir -p "$output"
for catalog in Sources/*/*.docc; do
    module=$(basename "$catalog" .docc)
    mkdir "$graphs/$module"
    # A module's own graph, and its extensions of other modules' types.
    mv "$graphs/$module".symbols.json "$graphs/$module/"
    find "$graphs" -maxdepth 1 -name "$module@*.symbols.json" -exec mv {} "$graphs/$module/" \;
    docc convert "$catalog" --fallback-display-name "$module" --fallback-bundle-identifier "swift-dms.$module" \
        --additional-symbol-graph-dir "$graphs/$module" --warnings-as-errors \
        --disable-parameters-and-returns-validation --output-path "$output/$module.doccarchive"
    echo "$output/$module.doccarchive"
done
