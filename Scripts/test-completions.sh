#!/usr/bin/env bash
# The completions that dms makes for shells: they parse, and bash offers verbs and options.
#
#   Scripts/test-completions.sh PATH_TO_DMS
set -euo pipefail
dms=${1:?"usage: Scripts/test-completions.sh PATH_TO_DMS"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for shell in bash zsh fish; do "$dms" --generate-completion-script "$shell" >"$folder/$shell"; done
bash -n "$folder/bash"
if command -v zsh >/dev/null; then zsh -n "$folder/zsh"; fi
if command -v fish >/dev/null; then fish --no-execute "$folder/fish"; fi

# offered WORD… : what bash would offer for the last word.
offered() {
    bash -c '
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
        function=$(complete -p dms | sed "s/.*-F \([^ ]*\).*/\1/")
        "$function" dms "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$folder/bash" "$@"
}
offered dms gen | grep -qx ' *generate *'
offered dms generate --max | grep -q -- '--max-tokens'
for shell in zsh fish; do grep -q retrofit "$folder/$shell"; done
echo "completions: ok"
