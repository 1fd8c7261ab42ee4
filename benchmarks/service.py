"""The service under load: throughput and latency of /v1/check, and what the framework costs.

    python benchmarks/service.py --workers 1 2 --clients 1 4 16 --seconds 15 --json service.json

One 1280×720 JPEG with a face is sent by `wrk` over loopback, each client as soon as it was answered. What
the framework costs is measured apart, in CPU time, which other work on the machine changes least: in one
process bare checks and requests to a server in a thread take turns; what the client spends in its own
thread is told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

PLACES = 17  # one check at work and sixteen waiting, as the settings have it

LUA = """
local file = io.open("{picture}", "rb")
local picture = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "multipart/form-data; boundary=frontier"
wrk.body = "--frontier\\r\\nContent-Disposition: form-data; name=\\"face_rgb\\"; filename=\\"a.jpg\\"\\r\\n"
  .. "Content-Type: image/jpeg\\r\\n\\r\\n" .. picture .. "\\r\\n--frontier--\\r\\n"
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %f %f %f\\n", summary.requests, summary.errors.status,
    summary.duration, latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""

COST = """
import http.client, pathlib, sys, tempfile, threading, time
import uvicorn
from antispoof.service.app import create_app
from antispoof.service.connections import server_options
from antispoof.service.settings import Settings
content = open(sys.argv[1], "rb").read()
folder = tempfile.TemporaryDirectory()
app = create_app(Settings(state=pathlib.Path(folder.name), requests_per_minute=10**9))
detector = app.state.core.checks.detector()
key = app.state.core.keys.add("benchmark")
server = uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[3]), **server_options(app.state.core.settings)))
thread = threading.Thread(target=server.run)
thread.start()
while not server.started:
    time.sleep(0.1)
client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[3]))
line = b"\\r\\n"
part = b'Content-Disposition: form-data; name="face_rgb"; filename="a.jpg"'
body = b"--x" + line + part + line + line + content + line + b"--x--" + line
headers = {"Authorization": "Bearer " + key, "Content-Type": "multipart/form-data; boundary=x"}
def request():
    client.request("POST", "/v1/check", body, headers)
    answer = client.getresponse()
    answer.read()
    assert answer.status == 200
def spent(work):
    start, own = time.process_time(), time.thread_time()
    for _ in range(5):
        work()
    return time.process_time() - start, time.thread_time() - own
bare = lambda: detector.check(face_rgb=content)
spent(bare), spent(request)
def round():
    (checked, _), (requested, client) = spent(bare), spent(request)
    return checked, requested - client, client
rounds = [round() for _ in range(int(sys.argv[2]) // 5)]
for column in zip(*rounds):
    print(1000 * sorted(column)[len(column) // 2] / 5)
server.should_exit = True
thread.join()
"""


@dataclass(frozen=True)
class Run:
    """One load on one service."""

    workers: int
    clients: int
    requests: int
    refused: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="none: no table")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--checks", type=int, default=100, help="and requests, to compare")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("this needs wrk (Debian: apt install wrk)")
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        picture = write_picture(Path(folder) / "picture.jpg")
        bare_ms, request_ms, client_ms = cost(picture, arguments.checks)
        runs = [
            run
            for workers in arguments.workers
            for run in measure(Path(folder), picture, workers, arguments.clients, arguments.seconds)
        ]
        beyond = overload(Path(folder), picture, arguments.seconds)
    report(runs, (bare_ms, request_ms, client_ms), beyond)
    if arguments.json:
        document = {
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
            "bare_cpu_ms": bare_ms,
            "request_cpu_ms": request_ms,
            "client_cpu_ms": client_ms,
            "overhead": request_ms / bare_ms - 1,
            "overload": asdict(beyond),
            "runs": [asdict(run) for run in runs],
        }
        arguments.json.write_text(json.dumps(document, indent=2))


def write_picture(path: Path) -> Path:
    """Write a 720p JPEG: a public-domain portrait on a plain wall."""
    from skimage.data import astronaut

    scene = np.full((720, 1280, 3), 150, np.uint8)
    scene[:, 280:1000] = cv2.resize(np.asarray(astronaut()), (720, 720), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), scene[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return path


def cost(picture: Path, checks: int) -> tuple[float, float, float]:
    """Return the CPU time of a bare check, of a request and of its client, ms, medians of rounds of five."""
    words = [sys.executable, "-c", COST, str(picture), str(checks), str(free_port())]
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    bare_ms, request_ms, client_ms = map(float, answer.stdout.split())
    return bare_ms, request_ms, client_ms


def measure(folder: Path, picture: Path, workers: int, clients: list[int], seconds: int) -> list[Run]:
    """Start a service, and load it with more and more clients."""
    port = free_port()
    settings = folder / f"service-{workers}.yaml"
    state = folder / f"state-{workers}"
    settings.write_text(f"state: {state}\nrequests_per_minute: 1000000\nqueue_length: 64\n")
    command = "from antispoof.cli import main; main()"
    words = ["serve", "--config", str(settings), "--port", str(port), "--workers", str(workers)]
    with (folder / f"log-{workers}").open("w+") as log:
        service = subprocess.Popen([sys.executable, "-c", command, *words], stdout=log, stderr=log)
        try:
            key = wait_for(port, Path(log.name))
            script = folder / "check.lua"
            script.write_text(LUA.format(picture=picture, key=key))
            load(port, script, max(4, workers), 3)  # every worker has its model now
            return [one_load(service.pid, port, script, workers, count, seconds) for count in clients]
        finally:
            service.terminate()
            service.wait(30)


def one_load(pid: int, port: int, script: Path, workers: int, clients: int, seconds: int) -> Run:
    """Load for some seconds, and read the CPU time of the processes before and after."""
    start = cpu_s(pid)
    requests, refused, _, p50, p95, p99 = load(port, script, clients, seconds)
    used = cpu_s(pid) - start
    return Run(
        workers,
        clients,
        int(requests),
        int(refused),
        (requests - refused) / seconds,
        p50 / 1000,
        p95 / 1000,
        p99 / 1000,
        1000 * used / max(requests, 1),
    )


def load(port: int, script: Path, clients: int, seconds: int) -> list[float]:
    """Run wrk; return its numbers, latencies in µs."""
    words = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script)]
    answer = subprocess.run(
        [*words, f"http://127.0.0.1:{port}/v1/check"], check=True, capture_output=True, text=True
    )
    found = re.search(r"RESULT (.*)", answer.stdout)
    if found is None:
        sys.exit(answer.stdout + answer.stderr)
    return [float(number) for number in found[1].split()]


@dataclass(frozen=True)
class Overload:
    """One worker asked for four times what it can do, and what became of it.

    Attributes:
        capacity_per_s: verdicts a second with as many clients as there are places.
        capacity_p95_ms: of those.
        asked_per_s: requests that began in a second, whatever became of the earlier ones.
        admitted_p95_ms: of those that were answered with 200.
        refused: share that was told to come again (503).
        lost: requests without an answer.
        before_p95_ms: one client's, from before.
        after_p95_ms: one client's, from 2 s after the overload on.
    """

    capacity_per_s: float
    capacity_p95_ms: float
    asked_per_s: float
    admitted_p95_ms: float
    refused: float
    lost: int
    before_p95_ms: float
    after_p95_ms: float


def overload(folder: Path, picture: Path, seconds: int) -> Overload:
    """Load one worker to its capacity, then with four times as many requests a second, then with few."""
    port = free_port()
    settings = folder / "overload.yaml"
    settings.write_text(
        f"state: {folder / 'overload'}\nrequests_per_minute: 1000000\nconnections_per_address: 4000\n"
    )
    command = "from antispoof.cli import main; main()"
    with (folder / "log-overload").open("w+") as log:
        words = [sys.executable, "-c", command, "serve", "--config", str(settings), "--port", str(port)]
        service = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            key = wait_for(port, Path(log.name))
            request = as_request(picture.read_bytes(), key)
            asyncio.run(closed_loop(port, request, 2, 2))
            before = asyncio.run(closed_loop(port, request, 1, 5))
            answered = asyncio.run(closed_loop(port, request, PLACES, seconds))
            at_capacity = [(status, ms) for status, ms in answered if status == 200]
            rate = len(at_capacity) / seconds
            asked = asyncio.run(open_loop(port, request, 4 * rate, seconds))
            time.sleep(2)
            after = asyncio.run(closed_loop(port, request, 1, 5))
        finally:
            service.terminate()
            service.wait(30)
    admitted = [ms for status, ms in asked if status == 200]
    return Overload(
        rate,
        float(np.percentile([ms for _, ms in at_capacity], 95)),
        4 * rate,
        float(np.percentile(admitted, 95)),
        sum(status == 503 for status, _ in asked) / len(asked),
        sum(status not in (200, 503) for status, _ in asked),
        float(np.percentile([ms for _, ms in before], 95)),
        float(np.percentile([ms for _, ms in after], 95)),
    )


def as_request(content: bytes, key: str) -> bytes:
    """Return the bytes of a check that ends its connection."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="face_rgb"; filename="a.jpg"\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )
    head = (
        f"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


async def one_request(port: int, request: bytes) -> tuple[int, float]:
    """Return status (0 without an answer) and milliseconds."""
    start = time.perf_counter()
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            line = await reader.readline()
            writer.close()
        return int(line.split()[1]), 1000 * (time.perf_counter() - start)
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0, 1000 * (time.perf_counter() - start)


async def closed_loop(port: int, request: bytes, clients: int, seconds: float) -> list[tuple[int, float]]:
    """Let clients ask again as soon as they are answered."""
    end, found = time.perf_counter() + seconds, []

    async def client() -> None:
        while time.perf_counter() < end:
            found.append(await one_request(port, request))
            if found[-1][0] != 200:
                await asyncio.sleep(0.2)  # as it was told to, but sooner

    await asyncio.gather(*(client() for _ in range(clients)))
    return found


async def open_loop(port: int, request: bytes, per_s: float, seconds: float) -> list[tuple[int, float]]:
    """Begin requests at a rate, whatever becomes of the earlier ones."""
    start, tasks = time.perf_counter(), []
    for number in range(round(per_s * seconds)):
        await asyncio.sleep(max(0.0, start + number / per_s - time.perf_counter()))
        tasks.append(asyncio.create_task(one_request(port, request)))
    return list(await asyncio.gather(*tasks))


def cpu_s(pid: int) -> float:
    """CPU time of a process and its children, in seconds."""
    ticks = 0
    for process in (pid, *children(pid)):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Every process below one."""
    below = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return below + [grandchild for child in below for grandchild in children(child)]


def wait_for(port: int, log: Path) -> str:
    """Wait until the service is ready; return the key it has shown."""
    for _ in range(600):
        time.sleep(0.2)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return str(re.findall(r"ask_\S+", log.read_text())[0])
        except OSError:
            continue
    sys.exit(f"the service did not start:\n{log.read_text()}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def report(runs: list[Run], cpu_ms: tuple[float, float, float], beyond: Overload) -> None:
    bare_ms, request_ms, client_ms = cpu_ms
    table = Table(title="POST /v1/check, one 1280×720 JPEG", title_justify="left")
    for name in ("workers", "clients", "per s", "p50 ms", "p95 ms", "p99 ms", "refused", "CPU ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            str(run.workers),
            str(run.clients),
            f"{run.per_second:.1f}",
            f"{run.p50_ms:.0f}",
            f"{run.p95_ms:.0f}",
            f"{run.p99_ms:.0f}",
            str(run.refused),
            f"{run.cpu_ms:.1f}",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"CPU time: {bare_ms:.1f} ms a bare check, {request_ms:.1f} ms a request: framework overhead "
        f"{100 * (request_ms / bare_ms - 1):+.0f} %; its client {client_ms:.1f} ms more\n"
        f"overload, one worker: {beyond.capacity_per_s:.1f} checks a second with p95 "
        f"{beyond.capacity_p95_ms:.0f} ms at capacity; asked for {beyond.asked_per_s:.0f} a second, "
        f"p95 of what is admitted "
        f"{beyond.admitted_p95_ms:.0f} ms ({beyond.admitted_p95_ms / beyond.capacity_p95_ms:.2f} x), "
        f"{100 * beyond.refused:.0f} % refused, {beyond.lost} without an answer; p95 of one client "
        f"{beyond.before_p95_ms:.0f} ms before, {beyond.after_p95_ms:.0f} ms 2 s after\n"
        f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f} at the end"
    )


if __name__ == "__main__":
    main()
