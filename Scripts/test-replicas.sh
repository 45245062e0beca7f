#!/usr/bin/env bash
# Runs three replicas of `dms serve` behind nginx with deploy/nginx.conf, and looks at where requests go, also with one of
# them gone. Needs nginx, curl and python3. Usage: Scripts/test-replicas.sh PATH_TO_DMS
set -euo pipefail
cd "$(dirname "$0")/.."
dms=$(realpath "$1")
if ! command -v nginx >/dev/null; then
    echo "skipped: nginx is not installed"
    exit 0
fi
work=$(mktemp -d)
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

declare -A server
for port in 8081 8082 8083; do
    "$dms" serve --port "$port" --log-level error 2>"$work/$port" &
    server[$port]=$!
    processes+=("$!")
done
sed "s|/run/nginx.pid|$work/nginx.pid|" deploy/nginx.conf >"$work/nginx.conf"
cp deploy/affinity.conf "$work"
nginx -c "$work/nginx.conf" -g "daemon off;" &
processes+=("$!")
for port in 8081 8082 8083 8080; do
    for _ in $(seq 100); do
        ! curl --silent --fail --output /dev/null "http://127.0.0.1:$port/health" || break
        sleep 0.1
    done
done
model=$(curl --silent http://127.0.0.1:8081/v1/models | sed -E 's/.*"id": ?"([^"]*)".*/\1/')

# Which replica answers a prompt whose first 512 bytes name a conversation, and that goes on in another way each time.
replica() {
    local head
    head=$(printf 'conversation %d %.0s' $(yes "$1" | head -n 80))
    python3 - "$model" "$head" "$2" >"$work/body" <<'PYTHON'
import json, sys
model, head, turn = sys.argv[1:4]
print(json.dumps({"prompt": head + "turn " + turn, "model": model, "max_tokens": 2}))
PYTHON
    curl --silent --show-error --fail --output "$work/answer" --dump-header - --data-binary "@$work/body" \
        --header "Content-Type: application/json" http://127.0.0.1:8080/v1/completions |
        sed -nE 's/^x-replica: .*:([0-9]+).*/\1/Ip'
}

declare -A home count
for conversation in $(seq 24); do
    first=$(replica "$conversation" 1)
    home[$conversation]=$first
    count[$first]=$((${count[$first]:-0} + 1))
    for turn in 2 3; do
        other=$(replica "$conversation" "$turn")
        [ "$other" = "$first" ] || { echo "conversation $conversation went to $first and to $other"; exit 1; }
    done
done
echo "24 conversations of three turns, each on one replica: ${count[*]} on ${!count[*]}"
[ "${#count[@]}" = 3 ] || { echo "a replica got nothing"; exit 1; }

# One is gone: its conversations find another, the others stay.
kill -9 "${server[8082]}"
moved=0
for conversation in $(seq 24); do
    now=$(replica "$conversation" 4)
    [ -n "$now" ] && [ "$now" != 8082 ] || { echo "conversation $conversation was not answered"; exit 1; }
    if [ "${home[$conversation]}" != 8082 ]; then
        [ "$now" = "${home[$conversation]}" ] || { echo "conversation $conversation moved for nothing"; exit 1; }
    else
        moved=$((moved + 1))
    fi
done
echo "one replica killed: $moved conversations moved, no request was lost"
