"""Loads a `dms serve` with streams of completions, and says how fast they come.

Usage: http-load.py [options] PATH_TO_DMS [-- options of dms serve …]
Without a model among the options of dms serve, the one that comes with dms is served.

First phase: --streams connections, each with --requests answers of --max-tokens tokens one after another. Second phase,
with --rate: answers are asked for at random moments (Poisson, seeded) whether or not earlier ones have come, with
prompts and answers of mixed lengths. Everything is seeded; prompts are random token ids, so that no two share a prefix.

Tokens are counted where answers end by their length, so they are what was asked for, whatever the text looked like. The
time to the first token counts from the moment at which the request was due. Several tokens that come in one read have
no time between them. Client and server share the machine: what both take of it is reported, in processors.

Needs nothing but Python and, for processor times, /proc.
"""
import argparse
import asyncio
import gc
import http.client
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

MAXIMUM_TAIL = 1024  # bytes at the end of an answer that are looked at


def lengths(text):
    values = [int(part) for part in text.split(",")]
    if any(value < 1 for value in values):
        raise argparse.ArgumentTypeError("required positive numbers, separated by commas")
    return values


def arguments():
    own, served = sys.argv[1:], []
    if "--" in own:
        own, served = own[:own.index("--")], own[own.index("--") + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dms", help="the executable")
    parser.add_argument("--streams", type=int, default=8, help="connections of the first phase (default: 8)")
    parser.add_argument("--requests", type=int, default=20, help="answers of each (default: 20; 0 skips the phase)")
    parser.add_argument("--prompt-tokens", type=int, default=64, help="of the first phase (default: 64)")
    parser.add_argument("--max-tokens", type=int, default=256, help="of the first phase's answers (default: 256)")
    parser.add_argument("--rate", type=float, help="answers asked for per second in the second phase")
    parser.add_argument("--arrivals", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--mixed-prompts", type=lengths, default=[16, 64, 256], metavar="TOKENS,…",
                        help="lengths of the second phase's prompts (default: 16,64,256)")
    parser.add_argument("--mixed-tokens", type=lengths, default=[32, 128, 256], metavar="TOKENS,…",
                        help="lengths of its answers (default: 32,128,256)")
    parser.add_argument("--temperature", type=float, default=1.0, help="(default: 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="of the client (default: 1)")
    parser.add_argument("--whole", action="store_true", help="ask for whole answers instead of streams")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(own)
    if options.streams < 1 or options.requests < 0 or options.processes < 1 or options.arrivals < 1:
        parser.error("counts must be positive")
    if options.rate is not None and options.rate <= 0:
        parser.error("--rate must be positive")
    return options, served


class Server:
    """A `dms serve` on a port of its own; its log goes to a file, so that nobody has to read along."""

    def __init__(self, dms, options):
        self.log = tempfile.NamedTemporaryFile(mode="r", suffix=".log")
        self.process = subprocess.Popen([dms, "serve", "--port", "0", *options], stderr=self.log.fileno())
        while True:
            self.log.seek(0)
            text = self.log.read()
            if found := re.search(r"on http://([^:\s]+):(\d+)", text):
                self.host, self.port = found[1], int(found[2])
                return
            if self.process.poll() is not None:
                raise SystemExit(text + "the server did not start")
            time.sleep(0.05)

    def get(self, path):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def model(self):
        return json.loads(self.get("/v1/models"))["data"][0]["id"]

    def metrics(self):
        return {m[1]: float(m[2]) for m in re.finditer(r"^(dms_\w+) (\S+)$", self.get("/metrics"), re.M)}

    def processor_seconds(self):
        try:
            with open(f"/proc/{self.process.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return float("nan")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


class Answer:
    """When the parts of one answer came."""

    def __init__(self, tokens, due):
        self.tokens = tokens  # that were asked for
        self.due = due  # seconds
        self.status = 0
        self.reads = []  # (seconds, events that ended in the read)
        self.tail = b""
        self.end = 0.0

    def is_complete(self):
        return self.status == 200 and b'"finish_reason":"length"' in self.tail


class Connection(asyncio.Protocol):
    """One connection, one answer at a time, and as little work per read as can be."""

    def connection_made(self, transport):
        self.transport = transport
        self.answer = None

    def connection_lost(self, error):
        if self.answer:
            self.finish()

    async def ask(self, request, tokens, due):
        self.answer, self.head, self.length, self.last = Answer(tokens, due), b"", None, 0
        self.done = asyncio.get_running_loop().create_future()
        if self.transport.is_closing():
            raise ConnectionError("the server closed the connection")
        self.transport.write(request)
        return await self.done

    def data_received(self, data):
        now = time.perf_counter()
        if not self.answer:
            return
        if self.head is not None:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data, self.head = self.head[:end], self.head[end + 4:], None
            self.answer.status = int(head[9:12])
            if found := re.search(rb"(?i)content-length: *(\d+)", head):
                self.length = int(found[1])
        if self.length is not None:
            self.length -= len(data)
            self.answer.tail = (self.answer.tail + data)[-MAXIMUM_TAIL:]
            if self.length <= 0:
                self.finish(now)
            return
        if not data:
            return
        # JSON has no line breaks of its own, so two of them end an event.
        count = data.count(b"\n\n") + (self.last == 10 and data[0] == 10)
        self.last = data[-1]
        self.answer.reads.append((now, count))
        if len(data) < MAXIMUM_TAIL:
            self.answer.tail = (self.answer.tail + data)[-MAXIMUM_TAIL:]
        else:
            self.answer.tail = data[-MAXIMUM_TAIL:]
        if self.answer.tail.endswith(b"\r\n0\r\n\r\n"):
            self.finish(now)

    def finish(self, now=None):
        answer, self.answer = self.answer, None
        answer.end = now or time.perf_counter()
        if not self.done.done():
            self.done.set_result(answer)


class Client:
    """What one process of the client asks for."""

    def __init__(self, options, server, model, index, count):
        self.options, self.model, self.index, self.count = options, model, index, count
        self.host, self.port = server.host, server.port

    def request(self, prompt_tokens, tokens, *seeds):
        # Ids that every vocabulary has; control tokens are seldom among them, and ignored where they end a text.
        choices = random.Random(hash((self.options.seed, *seeds)))
        body = json.dumps({
            "model": self.model, "prompt": [choices.randrange(10, 250) for _ in range(prompt_tokens)],
            "max_tokens": tokens, "stream": not self.options.whole, "temperature": self.options.temperature,
            "seed": choices.randrange(1 << 31), "ignore_eos": True}).encode()
        return (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body)) + body

    async def connect(self):
        return (await asyncio.get_running_loop().create_connection(Connection, self.host, self.port))[1]

    async def stream(self, number, ready):
        options = self.options
        requests = [self.request(options.prompt_tokens, options.max_tokens, 1, number, turn)
                    for turn in range(options.requests + 1)]
        connection = await self.connect()
        tokens = options.max_tokens
        await connection.ask(requests[0], tokens, 0)  # not counted: everything is used for the first time
        await ready()
        answers = [await connection.ask(request, tokens, time.perf_counter()) for request in requests[1:]]
        connection.transport.close()
        return answers

    async def streams(self, ready):
        mine = range(self.index, self.options.streams, self.count)
        return await gather_from_one_start(
            [lambda start, number=number: self.stream(number, start) for number in mine], ready)

    async def arrivals(self, ready):
        options, choices, due, plan = self.options, random.Random(self.options.seed), 0.0, []
        for number in range(options.arrivals):
            due += choices.expovariate(options.rate)
            prompt, tokens = choices.choice(options.mixed_prompts), choices.choice(options.mixed_tokens)
            if number % self.count == self.index:
                plan.append((due, tokens, self.request(prompt, tokens, 2, number)))
        idle = []

        async def one(request, tokens, due):
            connection = idle.pop() if idle else await self.connect()
            answer = await connection.ask(request, tokens, due)
            if not connection.transport.is_closing():
                idle.append(connection)
            return answer

        ready()
        start, tasks = time.perf_counter(), []
        for due, tokens, request in plan:
            await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(request, tokens, start + due)))
        return await asyncio.gather(*tasks)


async def gather_from_one_start(streams, ready):
    """Runs streams that begin to count when all of them are ready."""
    waiting, go = len(streams), asyncio.Event()

    async def start():
        nonlocal waiting
        waiting -= 1
        if waiting == 0:
            ready()
            go.set()
        await go.wait()

    return [answer for part in await asyncio.gather(*(stream(start) for stream in streams)) for answer in part]


def run_process(client, phase, barrier, results):
    gc.disable()
    usage = []

    def ready():
        barrier.wait()
        barrier.wait()
        usage.append(resource.getrusage(resource.RUSAGE_SELF))

    try:
        answers = asyncio.run(getattr(client, phase)(ready))
    except BaseException:
        barrier.abort()  # nobody waits for this one
        raise
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - usage[0].ru_utime - usage[0].ru_stime
    results.send((answers, seconds))
    results.close()


def run_phase(phase, options, server, model):
    context = multiprocessing.get_context("fork")
    count = min(options.processes, options.streams if phase == "streams" else options.arrivals)
    barrier, processes = context.Barrier(count + 1), []
    for index in range(count):
        receiver, sender = context.Pipe(duplex=False)
        client = Client(options, server, model, index, count)
        process = context.Process(target=run_process, args=(client, phase, barrier, sender), daemon=True)
        process.start()
        sender.close()
        processes.append((process, receiver))
    barrier.wait()  # all are ready,
    before = (server.processor_seconds(), server.metrics())
    barrier.wait()  # and go
    parts = [receiver.recv() for _, receiver in processes]
    after = (server.processor_seconds(), server.metrics())
    for process, _ in processes:
        process.join()
    answers = [answer for part, _ in parts for answer in part]
    return report(answers, sum(seconds for _, seconds in parts), before, after)


def quantiles(values, shares):
    values = sorted(values)
    return {f"p{share}": values[min(len(values) - 1, len(values) * share // 100)] if values else None
            for share in shares}


def report(answers, client_seconds, before, after):
    complete = [answer for answer in answers if answer.is_complete()]
    failures = {}
    for answer in answers:
        if not answer.is_complete():
            failures[str(answer.status)] = failures.get(str(answer.status), 0) + 1
    def engine(name):
        return after[1][f"dms_{name}_total"] - before[1][f"dms_{name}_total"]

    steps, step_seconds = engine("steps"), engine("step_seconds")
    gaps = []
    for answer in complete:
        times = [time for time, count in answer.reads for _ in range(count)]
        times = times[:-2]  # the event that says why, and [DONE]
        gaps += [(later - earlier) * 1e3 for earlier, later in zip(times, times[1:])]
    seconds = max((a.end for a in answers), default=0) - min((a.due for a in answers), default=0)
    tokens = sum(answer.tokens for answer in complete)
    reads = sum(1 for answer in complete for _, count in answer.reads if count)
    return {
        "answers": len(complete), "failures": failures, "seconds": seconds,
        "tokens": tokens, "tokens_per_second": tokens / seconds if seconds else None,
        "first_token_ms": quantiles([(a.reads[0][0] - a.due) * 1e3 for a in complete if a.reads], [50, 90, 99]),
        "between_tokens_ms": quantiles(gaps, [50, 90, 99]),
        "whole_answer_ms": quantiles([(a.end - a.due) * 1e3 for a in complete], [50, 90, 99]),
        "events_per_read": (len(gaps) + len(complete)) / reads if reads else None,
        "rows_per_step": engine("computed_tokens") / steps if steps else None,
        "model_share_of_step": engine("model_seconds") / step_seconds if step_seconds else None,
        "scheduler_share_of_step": engine("scheduler_seconds") / step_seconds if step_seconds else None,
        "step_share_of_time": step_seconds / seconds if seconds else None,
        "server_processors": (after[0] - before[0]) / seconds if seconds else None,
        "client_processors": client_seconds / seconds if seconds else None,
    }


def shown(name, value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(name, part)}" for key, part in value.items()) or "none"
    if value is None:
        return "-"
    if "share" in name:
        return f"{value * 100:.2f} %"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3f}"


def main():
    options, served = arguments()
    server = Server(options.dms, served)
    try:
        model = server.model()
        results = {"model": model, "streams": options.streams, "prompt_tokens": options.prompt_tokens,
                   "max_tokens": options.max_tokens, "rate": options.rate, "processes": options.processes,
                   "whole": options.whole, "phases": {}}
        phases = (["streams"] if options.requests else []) + (["arrivals"] if options.rate else [])
        for phase in phases:
            results["phases"][phase] = run_phase(phase, options, server, model)
    finally:
        status = server.stop()
    if options.json:
        print(json.dumps(results))
    else:
        for phase, values in results["phases"].items():
            what = (f"{options.streams} streams of {options.requests} answers, {options.prompt_tokens} + "
                    f"{options.max_tokens} tokens" if phase == "streams"
                    else f"{options.arrivals} arrivals, {options.rate} a second, prompts of {options.mixed_prompts} "
                         f"and answers of {options.mixed_tokens} tokens")
            print(f"{model}: {what}")
            for name, value in values.items():
                print(f"  {name.replace('_', ' '):<24} {shown(name, value)}")
    if status != 0 or any(values["failures"] for values in results["phases"].values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
