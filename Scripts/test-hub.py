#!/usr/bin/env python3
"""Fetches the model that comes with dms from a stub of a hub: first run, second run without a network, kills, errors.

Where the package huggingface_hub is installed for this Python, it and dms are also shown each other's caches.
Usage: Scripts/test-hub.py PATH_TO_DMS [KILLS] [MODEL_FOLDER]
"""
import hashlib
import http.server
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

COMMIT = "5e" * 20
NAME = "that/name"
PROMPT = "The password is pillow. The lamp is in the garden. The password is"
CHUNK = 1 << 14


class Repository:
    def __init__(self, folder):
        self.files = {}
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as file:
                self.files[name] = file.read()
        # Never to be fetched.
        self.files["pytorch_model.bin"] = b"a pickle"
        self.files["original/consolidated.00.pth"] = b"a pickle"

    def etag(self, name):
        data = self.files[name]
        if name.endswith(".safetensors"):
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    def entry(self, name):
        size, etag = len(self.files[name]), self.etag(name)
        entry = {"size": size, "blobId": etag}
        if len(etag) == 64:
            entry = {"size": size, "blobId": "0" * 40, "lfs": {"sha256": etag, "size": size, "pointerSize": 130}}
        return entry

    def description(self):
        siblings = [{"rfilename": name, **self.entry(name)} for name in self.files]
        return {"id": NAME, "modelId": NAME, "sha": COMMIT, "private": False, "tags": [], "downloads": 0, "likes": 0,
                "siblings": siblings}

    def tree(self):
        entries = []
        for name in self.files:
            size, etag = len(self.files[name]), self.etag(name)
            entry = {"type": "file", "path": name, "size": size, "oid": etag}
            if len(etag) == 64:
                entry.update(oid="0" * 40, lfs={"oid": etag, "size": size, "pointerSize": 130})
            entries.append(entry)
        return entries


class Hub(http.server.ThreadingHTTPServer):
    """The stub; what it does wrong is set from outside."""
    daemon_threads = True

    def __init__(self, repository, **wrong):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repository = repository
        self.wrong = wrong
        self.lock = threading.Lock()
        self.asked = []
        self.sent = 0
        self.kill_at = None
        self.victim = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, address):
        pass  # Clients that were killed.

    def count(self, count):
        """Counts bytes that go out, and kills the client when its time has come."""
        with self.lock:
            self.sent += count
            if self.kill_at is not None and self.sent >= self.kill_at and self.victim:
                self.victim.kill()
                self.kill_at = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.respond(False)

    def do_GET(self):
        self.respond(True)

    def respond(self, has_body):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        with self.server.lock:
            self.server.asked.append((path, dict(self.headers)))
        wrong, repository = self.server.wrong, self.server.repository
        if "status" in wrong:
            return self.send(wrong["status"], b"", wrong.get("headers", {}), has_body)
        if path.startswith(f"/api/models/{NAME}/tree/"):
            return self.send(200, json.dumps(repository.tree()).encode(), {}, has_body)
        if path.startswith(f"/api/models/{NAME}"):
            return self.send(200, json.dumps(repository.description()).encode(), {}, has_body)
        marker = "/resolve/"
        if path.startswith("/" + NAME + marker):
            name = path.split(marker, 1)[1].split("/", 1)[1]
            if name not in repository.files:
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"}, has_body)
            return self.file(name, has_body)
        self.send(404, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, has_body)

    def file(self, name, has_body):
        wrong, data = self.server.wrong, self.server.repository.files[name]
        etag = self.server.repository.etag(name)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if len(etag) == 64:
            headers.update({"X-Linked-ETag": f'"{etag}"', "X-Linked-Size": str(len(data))})
            if "storage" in wrong:
                return self.send(302, b"", {**headers, "Location": wrong["storage"] + self.path}, has_body)
            if wrong.get("corrupt"):
                data = data[:-1] + bytes([data[-1] ^ 1])
        start = self.headers.get("Range")
        if start and not wrong.get("ignores_range"):
            start = int(start[len("bytes="):].split("-")[0])
            if wrong.get("refuses_range") or start >= len(data):
                return self.send(416, b"", {}, has_body)
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.send(206, data[start:], headers, has_body)
        self.send(200, data, headers, has_body)

    def send(self, status, body, headers, has_body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not has_body:
            return
        limit = self.server.wrong.get("truncates")
        for place in range(0, len(body), CHUNK):
            part = body[place:place + CHUNK]
            self.wfile.write(part)
            if self.server.kill_at is not None:
                # So that the client has what was sent, and its end comes in the middle.
                time.sleep(0.003)
            self.server.count(len(part))
            if limit and place >= limit:
                self.close_connection = True
                return


class Client:
    """dms with a cache of its own."""

    def __init__(self, dms, hub):
        self.dms, self.hub = dms, hub
        self.folder = tempfile.TemporaryDirectory()
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))}
        self.environment.update(HF_HOME=self.folder.name, HF_ENDPOINT=hub.url)

    def start(self, *arguments):
        return subprocess.Popen(
            [self.dms, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def run(self, *arguments):
        process = self.start(*arguments)
        output, error = process.communicate(timeout=300)
        return process.returncode, output, error

    def generate(self, *arguments):
        return self.run("generate", PROMPT, "--max-tokens", "5", "--temperature", "0", *arguments)


def succeed(result):
    status, output, error = result
    assert status == 0, (status, output, error)
    return output


def fail(result, *words):
    status, output, error = result
    assert status == 1, (status, output, error)
    assert error.splitlines()[-1].startswith("dms: error: "), error
    for word in words:
        assert word in error, (word, error)
    return error


def test_first_and_second_run(dms, repository, expected):
    hub = Hub(repository)
    client = Client(dms, hub)
    fail(client.generate("--model", NAME, "--offline"), "--offline", "dms pull")
    assert not hub.asked, "the network was used although --offline forbids it"
    status, output, error = client.generate("--model", NAME)
    assert (status, output) == (0, expected), (status, output, error)
    assert "fetching that/name" in error, error
    paths = [path for path, _ in hub.asked]
    assert not [path for path in paths if path.endswith((".bin", ".pth"))], "a pickle was fetched"
    asked = len(hub.asked)
    for arguments in [("--offline",), ()]:
        status, output, error = client.generate("--model", NAME, *arguments)
        assert (status, output, error) == (0, expected, ""), (status, output, error)
    assert succeed(client.generate("--model", f"{NAME}@{COMMIT}", "--offline")) == expected
    assert len(hub.asked) == asked, "the second run used the network"
    inspected = json.loads(succeed(client.run("inspect", "--model", NAME, "--offline", "--json")))
    assert inspected, inspected
    report = json.loads(succeed(client.run("pull", NAME, "--json")))
    assert report["received_bytes"] == 0 and report["commit"] == COMMIT, report
    plain = os.path.join(client.folder.name, "plain")
    assert succeed(client.run("pull", NAME, "--output", plain)) == plain + "\n"
    assert succeed(client.generate("--model", plain)) == expected
    hub.shutdown()


def test_kills(dms, repository, expected, kills):
    names = [name for name in repository.files if not name.endswith((".bin", ".pth"))]
    total = sum(len(repository.files[name]) for name in names)
    resumed = 0
    for number in range(kills):
        hub = Hub(repository)
        client = Client(dms, hub)
        # Again and again at a random byte of what is left, the description of the repository included.
        for _ in range(random.randint(1, 3)):
            hub.victim = None
            hub.kill_at = hub.sent + random.randint(1, total // 2)
            process = client.start("generate", PROMPT, "--max-tokens", "5", "--temperature", "0", "--model", NAME)
            hub.victim = process
            process.communicate(timeout=300)
            hub.kill_at = None
        before = hub.sent
        result = client.generate("--model", NAME)
        assert succeed(result) == expected
        again = hub.sent - before
        resumed += again < total - 100_000
        assert succeed(client.generate("--model", NAME, "--offline")) == expected
        blobs = os.path.join(client.folder.name, "hub/models--that--name/blobs")
        assert not [name for name in os.listdir(blobs) if name.endswith(".incomplete")], os.listdir(blobs)
        print(f"kill {number + 1} of {kills}: {before} bytes before the last, {again} of {total} in the last")
        hub.shutdown()
    assert resumed > 0 or kills < 3, "nothing was gone on with"


def test_errors(dms, repository, expected):
    fail(Client(dms, Hub(repository, status=401)).run("pull", NAME), "status 401", "HF_TOKEN")
    fail(Client(dms, Hub(repository, status=403)).run("pull", NAME), "status 403", "token")
    fail(Client(dms, Hub(repository)).run("pull", "that/other"), "status 404", "that/other")
    fail(Client(dms, Hub(repository)).generate("--model", "that/other"), "status 404", "no folder that/other")
    busy = Hub(repository, status=429, headers={"Retry-After": "3600"})
    fail(Client(dms, busy).run("pull", NAME), "status 429", "3600 s")
    corrupt = Client(dms, Hub(repository, corrupt=True))
    error = fail(corrupt.run("pull", NAME), "SHA-256", "were deleted", repository.etag("model.safetensors"))
    fail(corrupt.generate("--model", NAME, "--offline"), "--offline")
    assert hashlib.sha256(repository.files["model.safetensors"]).hexdigest() in error
    # What is fetched goes on where it broke, also where ranges are ignored or refused.
    truncating = Client(dms, Hub(repository, truncates=100_000))
    status, _, error = truncating.run("pull", NAME)
    assert "trying again" in error, error
    truncating.hub.wrong.clear()
    assert succeed(truncating.generate("--model", NAME)) == expected
    for wrong in ["ignores_range", "refuses_range"]:
        client = Client(dms, Hub(repository))
        client.hub.kill_at = 80_000
        client.hub.victim = client.start("pull", NAME)
        client.hub.victim.communicate(timeout=300)
        client.hub.wrong[wrong] = True
        assert succeed(client.generate("--model", NAME)) == expected
    # A token is for the hub, not for the storage that it redirects to.
    storage = Hub(repository)
    client = Client(dms, Hub(repository, storage=storage.url))
    client.environment["HF_TOKEN"] = "hf_secret"
    assert succeed(client.generate("--model", NAME)) == expected
    assert all("Authorization" not in headers for _, headers in storage.asked), "the storage learnt the token"
    assert all(headers.get("Authorization") == "Bearer hf_secret" for _, headers in client.hub.asked)
    assert storage.asked


def test_two_at_once(dms, repository, expected):
    client = Client(dms, Hub(repository))
    processes = [client.start("pull", NAME) for _ in range(3)]
    results = [process.communicate(timeout=300) for process in processes]
    assert all(process.returncode == 0 for process in processes), results
    assert succeed(client.generate("--model", NAME, "--offline")) == expected
    weights = [path for path, _ in client.hub.asked if path.endswith("model.safetensors")]
    assert len(weights) == 1, weights


def python(client, code, **variables):
    environment = {**client.environment, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", **variables}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_with_huggingface_hub(dms, repository, expected):
    """Each uses what the other fetched, without a network."""
    if importlib.util.find_spec("huggingface_hub") is None:
        print("huggingface_hub is not installed for this Python: its cache is not compared")
        return
    theirs = Client(dms, Hub(repository))
    path = python(theirs, f"import huggingface_hub as h; print(h.snapshot_download('{NAME}'))")
    asked = len(theirs.hub.asked)
    assert succeed(theirs.generate("--model", NAME, "--offline")) == expected
    assert len(theirs.hub.asked) == asked
    report = json.loads(succeed(theirs.run("pull", NAME, "--json")))
    assert report["received_bytes"] == 0, "what the other tool had fetched was fetched again"
    assert os.path.realpath(report["path"]) == os.path.realpath(path), (report["path"], path)

    ours = Client(dms, Hub(repository))
    own = succeed(ours.run("pull", NAME)).strip()
    asked = len(ours.hub.asked)
    path = python(
        ours, f"import huggingface_hub as h; print(h.snapshot_download('{NAME}', local_files_only=True))",
        HF_HUB_OFFLINE="1")
    assert os.path.realpath(path) == os.path.realpath(own), (path, own)
    weights = python(
        ours, f"import huggingface_hub as h; print(h.hf_hub_download('{NAME}', 'model.safetensors', local_files_only=True))")
    assert os.path.realpath(weights) == os.path.realpath(own + "/model.safetensors")
    absent = python(
        ours, f"import huggingface_hub as h; print(h.try_to_load_from_cache('{NAME}', 'generation_config.json'))")
    assert ("generation_config.json" in repository.files) or absent != "None", "an absence was not understood"
    assert len(ours.hub.asked) == asked
    print(python(ours, "import huggingface_hub as h; c = h.scan_cache_dir(); print(h.__version__, len(c.repos), "
                       "'model,', len(c.warnings), 'warnings')"))
    warnings = python(ours, "import huggingface_hub as h; print(len(h.scan_cache_dir().warnings))")
    assert warnings == "0", warnings


def main():
    dms = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    folder = sys.argv[3] if len(sys.argv) > 3 else None
    for name in ["swift-dms_dms.resources", "swift-dms_dms.bundle", "swift-dms_dms.bundle/Contents/Resources"]:
        candidate = os.path.join(os.path.dirname(os.path.realpath(dms)), name, "recall-8x")
        if folder is None and os.path.isdir(candidate):
            folder = candidate
    assert folder, "found no model beside the binary"
    repository = Repository(folder)
    local = Client(dms, Hub(repository))
    expected = succeed(local.generate("--model", os.path.abspath(folder)))
    test_first_and_second_run(dms, repository, expected)
    test_kills(dms, repository, expected, kills)
    test_errors(dms, repository, expected)
    test_two_at_once(dms, repository, expected)
    test_with_huggingface_hub(dms, repository, expected)
    print("hub: ok")


if __name__ == "__main__":
    main()
