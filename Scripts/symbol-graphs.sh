#!/usr/bin/env bash
# Writes the symbol graphs of the libraries' public declarations, from a debug build that is there, into a folder.
#
#   Scripts/symbol-graphs.sh FOLDER
#
# Compiles nothing: the compiled modules have everything. Documentation and its coverage are made from these.
set -euo pipefail
cd "$(dirname "$0")/.."
output=${1:?"usage: Scripts/symbol-graphs.sh FOLDER"}

# Every Swift module of a library product.
libraries="DMSJSON DMSPolicy DMSTensor DMSTokenizer DMSGrammar DMSCheckpoint DMSModel DMSCache DMSEngine DMSEvaluation
DMSServer DMSTraining DMSMPI DMSHub DMSQuantization DMSPicture DMSDoctor"

if ! command -v swift-symbolgraph-extract >/dev/null; then
    echo "swift-symbolgraph-extract is not on the path: it comes with Swift's toolchain, beside swift itself" >&2
    exit 1
fi
binaries=$(swift build --show-bin-path)
if [ ! -f "$binaries/Modules/DMSEngine.swiftmodule" ]; then
    echo "$binaries has no modules: run 'swift build' first" >&2
    exit 1
fi
# C modules of the package and of its dependencies, which the Swift modules import.
maps=()
while IFS= read -r map; do maps+=(-Xcc "-fmodule-map-file=$map"); done < <(
    find "$binaries" -maxdepth 2 -name module.modulemap -path '*.build/*'
    find Sources .build/checkouts/*/Sources -path '*/include/module.modulemap')
mkdir -p "$output"
for module in $libraries; do
    swift-symbolgraph-extract -module-name "$module" -I "$binaries/Modules" "${maps[@]}" \
        -target "$(swift -print-target-info | sed -n 's/.*"triple": "\(.*\)".*/\1/p' | head -1)" \
        -minimum-access-level public -skip-synthesized-members -output-dir "$output"
done
