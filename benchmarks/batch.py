"""What scoring a dataset costs: a picture, a process more, a row more; ratios of pairs in one run.

    python benchmarks/batch.py --rows 400 --json batch.json
    python benchmarks/batch.py --linear 1000 10000 100000

Pairs take turns, each in a process of its own, and the medians of their ratios are told. ``loop`` is one
`Detector.check` after the other in one process on one core; ``many`` the same through `antispoof.score`;
``jobs 1`` and ``jobs 2`` are the whole command, the former pinned to one core, less what it takes to start,
measured on a handful of rows. ``loop`` and ``many`` are compared by the time of the processor on one core,
and by the clock on two, where the next pictures are decoded while the network runs. Pictures are 1280×720
JPEGs of the public-domain portrait in scikit-image's wheel, repeated under other ids. Memory is the peak of a
process and, of the driver, without its workers.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

FEW = 8  # rows, to know what a command takes to start
FILES = 16


def draw(folder: Path) -> None:
    """Write the pictures."""
    from skimage.data import astronaut

    random = np.random.default_rng(0)
    face = cv2.resize(astronaut()[:360, 60:460], (800, 720))[..., ::-1]
    for number in range(FILES):
        picture = np.full((720, 1280, 3), 120, np.uint8)
        picture[:, 240:1040] = face
        noisy = np.clip(picture + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), noisy)


def manifest(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "subject", "dataset", "pai_species", "path.face_rgb"])
        for row in range(rows):
            kind = "bona_fide" if row % 2 else "print"
            table.writerow([f"p{row}", f"s{row % 50}", "d", kind, f"{row % FILES}.jpg"])
    return path


def in_process(way: str, folder: Path, rows: int) -> dict[str, float]:
    """Score in this process, on one core, after a warm-up."""
    import antispoof

    cv2.setNumThreads(1)
    detector = antispoof.load()
    files = [folder / f"{row % FILES}.jpg" for row in range(rows)]
    detector.check(face_rgb=files[0])
    start = time.perf_counter(), time.process_time()
    if way == "loop":
        for file in files:
            detector.check(face_rgb=file)
    else:
        given = [antispoof.Row(str(row), {"face_rgb": antispoof.Recording(f)}) for row, f in enumerate(files)]
        for _ in antispoof.score(given, detector=detector):
            pass
    return {"wall_s": time.perf_counter() - start[0], "cpu_s": time.process_time() - start[1]}


def command(folder: Path, rows: int, jobs: int) -> dict[str, float]:
    """Score by the command, in this process and its workers."""
    from antispoof.batch.plan import make_plan
    from antispoof.batch.run import run
    from antispoof.batch.scorer import Setup

    output = folder / f"{os.getpid()}.parquet"
    start = time.perf_counter()
    run(make_plan([str(manifest(folder, rows))]), Setup(), output, jobs=jobs)
    wall = time.perf_counter() - start
    own, workers = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"wall_s": wall, "driver_mb": own, "worker_mb": workers}


def measure(way: str, folder: Path, rows: int, cores: set[int]) -> dict[str, float]:
    """Run one of the ways in a process of its own, on some cores."""
    words = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--rows", str(rows)]
    pinned = subprocess.run(
        ["taskset", "-c", ",".join(map(str, sorted(cores))), *words],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(pinned.stdout.splitlines()[-1])
    return found


def run_way(way: str, folder: Path, rows: int) -> dict[str, float]:
    return command(folder, rows, int(way[-1])) if way.startswith("jobs") else in_process(way, folder, rows)


def pairs(folder: Path, rows: int, repeats: int) -> dict[str, Any]:
    every = sorted(os.sched_getaffinity(0))[:2]
    one, both = {every[0]}, set(every)
    names = ("many / loop, processor", "many / loop, two cores", "jobs 1 / jobs 2", "worker MB", "driver MB")
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, cores, time_of in ((names[0], one, "cpu_s"), (names[1], both, "wall_s")):
            loop, many = (measure(way, folder, rows, cores)[time_of] for way in ("loop", "many"))
            found[name].append(many / loop)
        spent = {}
        for way, cores in (("jobs 1", one), ("jobs 2", both)):
            start, whole = (measure(way, folder, count, cores) for count in (FEW, rows))
            spent[way] = whole["wall_s"] - start["wall_s"]
        found["jobs 1 / jobs 2"].append(spent["jobs 1"] / spent["jobs 2"])
        found["worker MB"].append(whole["worker_mb"])
        found["driver MB"].append(whole["driver_mb"])
    return {name: statistics.median(values) for name, values in found.items()}


def linear(folder: Path, sizes: list[int]) -> list[dict[str, float]]:
    """How cost per row and the driver's memory go with the number of rows."""
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    start = measure("jobs 2", folder, FEW, cores)["wall_s"]
    told = []
    for rows in sizes:
        found = measure("jobs 2", folder, rows, cores)
        told.append({"rows": rows, "ms_a_row": 1000 * (found["wall_s"] - start) / rows, **found})
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--linear", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(run_way(given.way, given.folder, given.rows)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder)
        results: dict[str, Any] = {}
        console = Console()
        if given.linear:
            results["linear"] = linear(folder, given.linear)
            table = Table("rows", "ms a row", "driver MB", "worker MB", title="antispoof score --jobs 2")
            for each in results["linear"]:
                table.add_row(
                    *(f"{each[key]:,.1f}" for key in ("rows", "ms_a_row", "driver_mb", "worker_mb"))
                )
        else:
            results["pairs"] = pairs(folder, given.rows, given.repeats)
            table = Table("figure", "median", title=f"{given.rows} pictures, {given.repeats} pairs")
            for figure, value in results["pairs"].items():
                table.add_row(figure, f"{value:.3f}")
        console.print(table)
        if given.json:
            given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
