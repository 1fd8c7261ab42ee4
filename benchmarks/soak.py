"""Thousands of checks in one process: does memory stay where it was?

    python benchmarks/soak.py library --checks 20000
    python benchmarks/soak.py service --checks 5000

The one checks in this process, the other asks a service of one worker over HTTP. Either prints resident
memory as it goes and exits with 1 where it drifted by more than 30 MB after the first tenth, in which
caches fill. Half of the pictures have no face in them, and sizes differ from check to check. The face is
the public-domain portrait in scikit-image's wheel.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from service import free_port, wait_for

import antispoof

ALLOWED_MB = 30.0
LINES = 20


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def jpeg(rng: np.random.Generator, face: bool) -> bytes:
    """A picture of 120 to 320 pixels a side: the portrait, or a cloudy wall."""
    from skimage.data import astronaut

    width, height = (int(side) for side in rng.integers(120, 321, 2))
    wall = rng.integers(60, 200, (6, 8, 3)).astype(np.uint8)
    image = astronaut()[20:240, 120:340] if face else wall
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if face else cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", image[..., ::-1])[1].tobytes())


def library(checks: int) -> float:
    """Check pictures with the default detector; return by how many MB memory drifted."""
    detector = antispoof.load()
    return soak(lambda picture: detector.check(face_rgb=picture).outcome, os.getpid(), checks)


def service(checks: int) -> float:
    """Send pictures to ``/v1/check``; return by how many MB the memory of the service drifted."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        settings = Path(folder) / "service.yaml"
        settings.write_text(f"state: {Path(folder) / 'state'}\nrequests_per_minute: 1000000\n")
        words = [sys.executable, "-m", "antispoof", "serve", "--config", str(settings), "--port", str(port)]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            key = wait_for(port, Path(log.name))
            client = http.client.HTTPConnection("127.0.0.1", port)
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "multipart/form-data; boundary=x"}
            part = b'--x\r\nContent-Disposition: form-data; name="face_rgb"; filename="a.jpg"\r\n\r\n'

            def check(picture: bytes) -> str:
                client.request("POST", "/v1/check", part + picture + b"\r\n--x--\r\n", headers)
                answer = client.getresponse()
                document = json.loads(answer.read())
                if answer.status != 200:
                    sys.exit(f"the service answered {answer.status}: {document}")
                return str(document["verdict"]["outcome"])

            return soak(check, process.pid, checks)
        finally:
            process.terminate()
            process.wait(30)


def soak(check: Callable[[bytes], str], pid: int, checks: int) -> float:
    """Check pictures, every second one with a face; return by how many MB a process's memory drifted."""
    rng = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    seen: list[float] = []
    begin = time.monotonic()
    for number in range(1, checks + 1):
        outcomes[check(jpeg(rng, face=number % 2 == 0))] += 1
        if number % max(1, checks // LINES) == 0:
            seen.append(resident_mb(pid))
            print(f"{number:>8} checks {time.monotonic() - begin:7.0f} s {seen[-1]:8.1f} MB", flush=True)
    settled = seen[len(seen) // 10 :]
    drift = max(abs(value - settled[0]) for value in settled)
    print(f"{dict(outcomes)}; memory drifted by {drift:.1f} MB (allowed: {ALLOWED_MB:.0f})")
    return drift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("library", help="checks by the library, in this process")
    command.add_argument("--checks", type=int, default=20_000)
    command = commands.add_parser("service", help="checks by a service, over HTTP")
    command.add_argument("--checks", type=int, default=5000)
    arguments = parser.parse_args()
    drift = {"library": library, "service": service}[arguments.command](arguments.checks)
    sys.exit(drift > ALLOWED_MB)


if __name__ == "__main__":
    main()
