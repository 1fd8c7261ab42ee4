"""Thousands of checks in one process: does memory stay where it was?

    python benchmarks/soak.py library --checks 20000

prints resident memory as it goes and exits with 1 where it drifted by more than 30 MB after the first tenth,
in which caches fill. Half of the pictures have no face in them, and sizes differ from check to check. The
face is the public-domain portrait in scikit-image's wheel.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

import antispoof

ALLOWED_MB = 30.0
LINES = 20


def resident_mb() -> float:
    """Resident memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
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
    rng = np.random.default_rng(0)
    detector = antispoof.load()
    outcomes: Counter[str] = Counter()
    seen: list[float] = []
    begin = time.monotonic()
    for number in range(1, checks + 1):
        outcomes[detector.check(face_rgb=jpeg(rng, face=number % 2 == 0)).outcome] += 1
        if number % max(1, checks // LINES) == 0:
            seen.append(resident_mb())
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
    arguments = parser.parse_args()
    sys.exit(library(arguments.checks) > ALLOWED_MB)


if __name__ == "__main__":
    main()
