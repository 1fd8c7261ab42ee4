"""What a shadow bundle costs those who wait for an answer: checks with and without it, in turns.

    python benchmarks/shadow.py --shadow face-rgb-edge --rounds 8 --checks 40

Two services, one of them with a shadow, are asked in turns by one client, who asks again as soon as it was
answered: the shadow then works while the next check does, the worst that one client can do to itself.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from service import as_request, free_port, one_request, wait_for, write_picture


def start(folder: Path, name: str, settings: str) -> tuple[subprocess.Popen[bytes], int, str]:
    """Start a service; return it with its port and key."""
    port, config = free_port(), folder / f"{name}.yaml"
    config.write_text(f"state: {folder / name}\nrequests_per_minute: 1000000\n{settings}")
    words = ["-c", "from antispoof.cli import main; main()", "serve", "--config", str(config)]
    with (folder / f"{name}.log").open("w") as log:
        service = subprocess.Popen([sys.executable, *words, "--port", str(port)], stdout=log, stderr=log)
    return service, port, wait_for(port, folder / f"{name}.log")


def counted(port: int, name: str) -> int:
    """Sum a counter over its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return int(sum(map(float, re.findall(rf"^{name}_total{{.*}} (\S+)$", text, re.M))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shadow", default="face-rgb-edge", help="bundle, by name or path")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--checks", type=int, default=40, help="in a round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        content = write_picture(folder / "picture.jpg").read_bytes()
        kinds = {"alone": "", "with a shadow": f"shadow_bundles: [{arguments.shadow}]\n"}
        services = {kind: start(folder, kind.replace(" ", "-"), said) for kind, said in kinds.items()}
        taken: dict[str, list[float]] = {kind: [] for kind in kinds}
        try:
            for number in range(arguments.rounds + 1):  # the first warms up
                for kind, (_, port, key) in services.items():
                    request = as_request(content, key)
                    for _ in range(arguments.checks):
                        status, ms = asyncio.run(one_request(port, request))
                        assert status == 200
                        if number:
                            taken[kind].append(ms)
            port = services["with a shadow"][1]
            judged = counted(port, "antispoof_shadow_verdicts")
            left_out = counted(port, "antispoof_shadow_left_out")
        finally:
            for service, _, _ in services.values():
                service.terminate()
                service.wait(30)
    table = Table("service", "checks", "p50 ms", "p95 ms", title="One client, in turns")
    for kind, times in taken.items():
        p50, p95 = np.percentile(times, (50, 95))
        table.add_row(kind, str(len(times)), f"{p50:.1f}", f"{p95:.1f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"judged by the shadow too: {judged}; left out: {left_out}")


if __name__ == "__main__":
    main()
