"""The service under faults: run by hand (`make faults`), some minutes, against a server of its own.

    python tests/faults/run.py [SCENARIO ...]

Each scenario starts `antispoof serve` with a miniature model, breaks something, and counts what must not be:
samples that were accepted and lost, sessions judged twice, attacks let through, answers that do not come.
Exit code 1 when anything was counted. Needs Linux; PostgreSQL and full disks need root.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import astronaut

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "service")]
from databases import Server, postgresql  # noqa: E402
from miniature import metadata, network  # noqa: E402

from antispoof.runtime.bundle import seal  # noqa: E402

Answer = tuple[int, Any]
KILLS = 12
HEALTH_S = 1.0
FROZEN_S = 6.0


def frame(red: float, blue: float, number: int) -> bytes:
    """A portrait, tinted: red is bona fide for the miniature model, blue an attack."""
    picture = (astronaut() * np.array([red, 0.8, blue])).clip(0, 250 - number % 200).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80)
    return file.getvalue()


class Service:
    """A server in a process of its own, with an API key."""

    def __init__(self, folder: Path, database: str = "", **settings: Any) -> None:
        self.folder = folder
        bundle = folder / "miniature.onnx"
        bundle.write_bytes(seal(network(), metadata()))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        values = {
            "state": str(folder / "state"),
            "bundles": [str(bundle)],
            "database": database,
            "requests_per_minute": 100_000,
            "device_failures_per_hour": 100_000,
            "judging_timeout_s": 2,
            **settings,
        }
        self.config = folder / "service.yaml"
        self.config.write_text(json.dumps(values))
        self.process: subprocess.Popen[bytes] | None = None
        self.key = ""

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "antispoof",
            "serve",
            "--config",
            self.config,
            "--port",
            str(self.port),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(b"API key    ask_"):
                self.key = line.split()[2].decode()
            if line.startswith(b"API key"):
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        end = time.monotonic() + 60
        while self.ask("GET", "/healthz")[0] != 200:
            if time.monotonic() > end:
                raise TimeoutError("the server did not start")
            time.sleep(0.05)

    def kill(self, how: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)

    def memory_mb(self) -> float:
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1024

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, patience: float = 30.0
    ) -> Answer:
        """Answer: status and document; status 0 where no answer came."""
        headers = {"Authorization": f"Bearer {token or self.key}"}
        data: bytes | None = None
        if isinstance(body, tuple):
            headers["Content-Type"], data = body
        elif body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
        except (OSError, ValueError):
            return 0, None

    def healthy_s(self) -> float:
        """How long /healthz takes; infinity where it does not answer."""
        started = time.monotonic()
        status, _ = self.ask("GET", "/healthz", patience=10)
        return time.monotonic() - started if status == 200 else float("inf")

    def capture(self, session: dict[str, Any], seq: int, content: bytes) -> Answer:
        boundary = uuid.uuid4().hex
        fields = {"modality": "face_rgb", "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.jpg"\r\n\r\n'
        body = b"".join(parts) + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        path = f"/v1/sessions/{session['id']}/captures"
        return self.ask("POST", path, (kind, body), session["client_token"])


@contextlib.contextmanager
def running(database: str = "", folder: Path | None = None, **settings: Any) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as made:
        service = Service(folder or Path(made), database, **settings)
        service.start()
        try:
            yield service
        finally:
            assert service.process is not None
            if service.process.poll() is None:
                service.kill(signal.SIGTERM)


def killed() -> dict[str, Any]:
    """SIGKILL again and again while sessions run: what was accepted is there, and is judged once."""
    lost = twice = through = 0
    sessions: list[dict[str, Any]] = []
    with running() as service:
        stop = threading.Event()

        def work(worker: int) -> None:
            number = worker * 10_000
            while not stop.is_set():
                number += 1
                status, session = service.ask("POST", "/v1/sessions", {})
                if status != 201:
                    time.sleep(0.05)
                    continue
                genuine = number % 2 == 0
                session |= {"genuine": genuine, "accepted": 0}
                content = frame(*((1.0, 0.4) if genuine else (0.4, 1.0)), number)
                session["accepted"] = int(service.capture(session, 0, content)[0] in (200, 201))
                if session["accepted"]:
                    path = f"/v1/sessions/{session['id']}/complete"
                    service.ask("POST", path, token=session["client_token"])
                    sessions.append(session)

        workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for one in workers:
            one.start()
        for _ in range(KILLS):
            time.sleep(1.5)
            service.kill()
            service.start()
        stop.set()
        for one in workers:
            one.join()
        time.sleep(2.5)  # a judgement that was cut short may be taken up again now
        for session in sessions:
            service.ask("POST", f"/v1/sessions/{session['id']}/complete")
            status, view = service.ask("GET", f"/v1/sessions/{session['id']}")
            _, audit = service.ask("GET", f"/v1/sessions/{session['id']}/audit")
            lost += status != 200 or view["captures"] < 1
            twice += sum(event["event"] == "judged" for event in audit["events"]) > 1
            _, result = service.ask("GET", f"/v1/sessions/{session['id']}/result")
            through += not session["genuine"] and result.get("outcome") == "bona_fide"
    return {
        "kills": KILLS,
        "sessions": len(sessions),
        "lost": lost,
        "judged twice": twice,
        "let through": through,
    }


def full_disk() -> dict[str, Any]:
    """The disk of the state runs full: refused in words, and all is well when there is room again."""
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", made], check=True)
        try:
            with running(folder=Path(made)) as service:
                _, session = service.ask("POST", "/v1/sessions", {})
                before = service.capture(session, 0, frame(1.0, 0.4, 1))[0]
                ballast = Path(made) / "ballast"
                with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
                answers = [service.ask("POST", "/v1/sessions", {})[0] for _ in range(40)]
                ready = service.ask("GET", "/readyz")[0]
                rotated = subprocess.run(
                    [sys.executable, "-m", "antispoof", "keys", "rotate", "--config", service.config],
                    capture_output=True,
                    text=True,
                )
                ballast.unlink()
                after = service.ask("POST", "/v1/sessions", {})[0]
                kept = service.ask("GET", f"/v1/sessions/{session['id']}")[1]["captures"]
        finally:
            subprocess.run(["umount", "-l", made], check=True)
    return {
        "answers when full": sorted(set(answers)),
        "readyz when full": ready,
        "unexpected answers": sum(answer not in (201, 503) for answer in answers) + (ready != 503),
        "tracebacks of keys rotate": int("Traceback" in rotated.stderr),
        "lost": int(before != 201 or kept != 1),
        "not back": int(after != 201),
    }


def database_gone() -> dict[str, Any]:
    """PostgreSQL is stopped, then frozen: 503 in time, and all is well when it is back."""

    def timed(service: Service) -> tuple[int, float]:
        started = time.monotonic()
        status, _ = service.ask("POST", "/v1/sessions", {})
        return status, time.monotonic() - started

    with postgresql() as (url, server), running(database=url) as service:
        assert timed(service)[0] == 201
        server.stop()
        stopped = [timed(service) for _ in range(5)]
        server.start()
        time.sleep(1.5)
        back = timed(service)[0]
        pids = _processes_of(server)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            frozen = [timed(service) for _ in range(3)]
            health = max(service.healthy_s() for _ in range(5))
            ready = service.ask("GET", "/readyz")[0]
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        time.sleep(1.5)
        thawed = timed(service)[0]
    late = [seconds for _, seconds in (*stopped, *frozen) if seconds > FROZEN_S]
    wrong = [status for status, _ in (*stopped, *frozen) if status != 503]
    return {
        "slowest answer, s": round(max(seconds for _, seconds in (*stopped, *frozen)), 1),
        "slowest healthz, s": round(health, 2),
        "late": len(late) + (health > HEALTH_S),
        "unexpected answers": len(wrong) + (ready != 503),
        "not back": int(back != 201) + int(thawed != 201),
    }


def _processes_of(server: Server) -> list[int]:
    """The postmaster and everything it has started."""
    first = int((server._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True)
    return [first, *map(int, children.stdout.split())]


def strangers() -> dict[str, Any]:
    """Who has no key asks for much: huge uploads, endless headers, sockets that say nothing."""
    slow: dict[str, float] = {}
    with running() as service:
        address = ("127.0.0.1", service.port)
        before = service.memory_mb()

        def upload() -> None:
            head = (
                b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            )
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as client:
                client.sendall(head)
                for _ in range(600):
                    client.sendall(bytes(1_000_000))

        def header() -> None:
            with contextlib.suppress(OSError), socket.create_connection(address, timeout=5) as client:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
                for _ in range(2000):
                    client.sendall(b"a" * 1000)

        for name, attack in (("uploads", upload), ("headers", header)):
            threads = [threading.Thread(target=attack) for _ in range(8)]
            for one in threads:
                one.start()
            slow[name] = max(service.healthy_s() for _ in range(20))
            for one in threads:
                one.join()
        grown = service.memory_mb() - before
        _, session = service.ask("POST", "/v1/sessions", {})
        with contextlib.ExitStack() as held:
            for _ in range(16):
                client = held.enter_context(socket.create_connection(address))
                client.sendall(_upgrade(session["id"]))
            for _ in range(40):
                held.enter_context(socket.create_connection(address))
            slow["silent sockets"] = max(service.healthy_s() for _ in range(20))
            with socket.create_connection(address, timeout=10) as mine:
                mine.sendall(_upgrade(session["id"]))
                admitted = mine.recv(4096).startswith(b"HTTP/1.1 101")
    return {
        **{f"slowest healthz, s: {name}": round(seconds, 2) for name, seconds in slow.items()},
        "memory grown, MB": round(grown),
        "late": sum(seconds > HEALTH_S for seconds in slow.values()),
        "memory over 50 MB": int(grown > 50),
        "streams not admitted": int(not admitted),
    }


def _upgrade(session: str) -> bytes:
    return (
        f"GET /v1/sessions/{session}/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


SCENARIOS: dict[str, tuple[Callable[[], dict[str, Any]], tuple[str, ...]]] = {
    "killed": (killed, ("lost", "judged twice", "let through")),
    "full-disk": (full_disk, ("unexpected answers", "tracebacks of keys rotate", "lost", "not back")),
    "database": (database_gone, ("late", "unexpected answers", "not back")),
    "strangers": (strangers, ("late", "memory over 50 MB", "streams not admitted")),
}
NEED_ROOT = ("full-disk", "database")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", help="default: all")
    wanted = parser.parse_args().scenario or list(SCENARIOS)
    bad = 0
    for name in wanted:
        if name in NEED_ROOT and os.getuid() != 0:
            print(f"{name}: left out, it needs root")
            continue
        scenario, counted = SCENARIOS[name]
        started = time.monotonic()
        found = scenario()
        wrong = sum(found[key] for key in counted)
        bad += wrong
        print(f"{name} ({time.monotonic() - started:.0f} s): {'ok' if not wrong else 'WRONG'}")
        for key, value in found.items():
            print(f"  {key:34} {value}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
