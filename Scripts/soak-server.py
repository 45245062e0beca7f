"""Keeps a `dms serve` busy with clients that behave badly, and says whether it stays as it was.

Usage: soak-server.py PATH_TO_DMS [SECONDS] [CLIENTS] [options of dms serve …]
Without a model among the options the one that comes with dms is served. Needs nothing but Python and /proc.
"""
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

DMS = sys.argv[1]
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 900
CLIENTS = int(sys.argv[3]) if len(sys.argv) > 3 else 16
OPTIONS = sys.argv[4:]
MAX_BODY = 1 << 16
PATIENCE = 60
HEAD = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WORDS = "the password is falcon and river of a stone near old green paths".split()

counts = {}
problems = []
lock = threading.Lock()
ending = threading.Event()
stopping = threading.Event()  # the server was told to


def note(kind, problem=None):
    with lock:
        counts[kind] = counts.get(kind, 0) + 1
        if problem and not stopping.is_set():
            problems.append(f"{kind}: {problem}")


class Server:
    def __init__(self):
        # Less memory than all clients' longest requests want, so that preemption and waiting take part.
        self.process = subprocess.Popen(
            [DMS, "serve", "--port", "0", "--max-body", str(MAX_BODY), "--write-timeout", "5", "--body-timeout", "3",
             "--grace-period", "5", "--max-queue", "64", "--log-level", "error", *OPTIONS],
            stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"on http://([^:\s]+):(\d+)", line):
                self.host, self.port = found[1], int(found[2])
                break
        else:
            raise SystemExit("".join(self.lines) + "the server did not start")
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()

    def metrics(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {m[1]: float(m[2]) for m in re.finditer(r"^(dms_\w+) (\S+)$", text, re.M)}

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) << 10

    def model(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        connection.request("GET", "/v1/models")
        return json.loads(connection.getresponse().read())["data"][0]["id"]


def body(random, stream=True):
    prompt = " ".join(random.choice(WORDS) for _ in range(random.choice([3, 20, 100, 200])))
    return json.dumps({
        "model": MODEL, "prompt": prompt, "max_tokens": random.choice([1, 20, 100, 300]), "stream": stream,
        "temperature": random.choice([0, 1]), "ignore_eos": True, "n": random.choice([1, 1, 1, 3])}).encode()


def open_stream(random):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    connection.request("POST", "/v1/completions", body(random), {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def expect(kind, response, allowed):
    data = response.read()
    if response.status not in allowed:
        note(kind, f"status {response.status}: {data[:200]!r}")
    return data


def whole_stream(random):
    connection, response = open_stream(random)
    data = expect("stream", response, (200, 429))
    if response.status == 200 and not data.rstrip().endswith(b"data: [DONE]"):
        note("stream", f"ended with {data[-80:]!r}")
    connection.close()


def whole_answer(random):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    connection.request("POST", "/v1/completions", body(random, stream=False), {"Content-Type": "application/json"})
    expect("answer", connection.getresponse(), (200, 429))
    connection.close()


def cancel(random):
    connection, response = open_stream(random)
    response.read(random.choice([1, 200, 2000]))
    connection.sock.close() if connection.sock else None
    response.close()
    connection.close()


def stall(random):
    connection, response = open_stream(random)
    response.read(100)
    time.sleep(random.uniform(0.5, 8))
    try:
        response.read()
    except (OSError, http.client.HTTPException):
        pass  # the server may have lost patience, which is its right
    connection.close()


def raw(data, linger=0.0):
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        time.sleep(linger)
        try:
            return connection.recv(1 << 16)
        except (ConnectionError, socket.timeout):
            return b""


def garbage(random):
    answer = raw(random.randbytes(random.choice([1, 100, 5000])) + b"\r\n\r\n", 0.05)
    if answer and not answer.startswith(b"HTTP/1.1 4"):
        note("garbage", f"answered {answer[:80]!r}")


def broken_json(random):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    connection.request(
        "POST", "/v1/completions", body(random)[:-random.randint(1, 30)], {"Content-Type": "application/json"})
    expect("broken_json", connection.getresponse(), (400,))
    connection.close()


def oversized(random):
    head = HEAD + f"Content-Length: {MAX_BODY * 100}\r\n\r\n"
    try:
        answer = raw(head.encode() + b" " * (MAX_BODY + 1))
    except ConnectionError:
        return
    if answer and b" 413 " not in answer[:40]:
        note("oversized", f"answered {answer[:80]!r}")


def half_a_request(random):
    with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
        connection.sendall((HEAD + 'Content-Length: 100\r\n\r\n{"mo').encode())
        time.sleep(random.uniform(0, 4))


BEHAVIOURS = [whole_stream] * 6 + [whole_answer] * 2 + [cancel] * 4 + [
    stall, garbage, broken_json, oversized, half_a_request]


def client(seed):
    choices = random.Random(seed)
    while not ending.is_set():
        behaviour = choices.choice(BEHAVIOURS)
        try:
            behaviour(choices)
            note(behaviour.__name__)
        except (OSError, http.client.HTTPException) as error:
            if not stopping.is_set():
                note(behaviour.__name__, f"{type(error).__name__}: {error}")


server = Server()
MODEL = server.model()
threads = [threading.Thread(target=client, args=(seed,), daemon=True) for seed in range(CLIENTS)]
for thread in threads:
    thread.start()
start, samples = time.time(), []
while time.time() - start < SECONDS and server.process.poll() is None:
    time.sleep(min(5, SECONDS / 20))
    values = server.metrics()
    samples.append(server.resident())
    if sys.stderr.isatty():
        print(f"\r{time.time() - start:.0f} s, {sum(counts.values())} requests, {samples[-1] >> 20} MiB resident, "
              f"{values['dms_kv_pages']:.0f} pages ", end="", file=sys.stderr, flush=True)
if server.process.poll() is not None:
    problems.append(f"the server ended with {server.process.returncode}: {''.join(server.lines[-5:])}")
else:
    # The clients finish what they do; then nothing may be left over.
    ending.set()
    for thread in threads:
        thread.join(PATIENCE + 10)
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        problems.append(f"{stuck} clients are stuck")
    deadline = time.time() + 20
    while True:
        values = server.metrics()
        if values["dms_generations_running"] + values["dms_generations_waiting"] == 0 or time.time() > deadline:
            break
        time.sleep(0.2)
    for name in ["dms_generations_running", "dms_generations_waiting", "dms_generations_paused"]:
        if values[name] != 0:
            problems.append(f"{name} is {values[name]:.0f} when nobody asks for anything")
    # Stored prefixes have pages of their own: --max-prefixes 0 for this check.
    if values["dms_prefixes_stored"] == 0 and values["dms_kv_pages"] != 0:
        problems.append(f"{values['dms_kv_pages']:.0f} pages belong to nobody")
    if values["dms_kv_allocated_peak_bytes"] > values.get("dms_kv_budget_bytes", float("inf")):
        problems.append("the budget was exceeded")
    quarter = max(1, len(samples) // 4)
    early, late = statistics.median(samples[quarter:2 * quarter]), statistics.median(samples[-quarter:])
    print(f"\n{SECONDS:.0f} s, {CLIENTS} clients: {counts}")
    print(f"{values['dms_generated_tokens_total']:.0f} tokens, {values['dms_preemptions_total']:.0f} preemptions; "
          f"resident {early / 2**20:.1f} MiB in the second quarter, {late / 2**20:.1f} MiB in the last")
    if late > early * 1.05 + (8 << 20):
        problems.append("resident memory grows")

    # Told to stop under load, it ends in order.
    ending.clear()
    threads = [threading.Thread(target=client, args=(1000 + seed,), daemon=True) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    stopping.set()
    ending.set()
    before = time.time()
    server.process.send_signal(signal.SIGTERM)
    try:
        status = server.process.wait(30)
        print(f"SIGTERM under load: status {status} after {time.time() - before:.1f} s")
        if status != 0:
            problems.append(f"SIGTERM under load: status {status}")
    except subprocess.TimeoutExpired:
        server.process.kill()
        problems.append("SIGTERM under load: still there after 30 s")
for problem in problems[:20]:
    print("problem:", problem)
print("no problems" if not problems else f"{len(problems)} problems")
os._exit(1 if problems else 0)
