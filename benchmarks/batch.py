"""What scoring a dataset costs: a picture, a process more, a row more; ratios of pairs in one run.

    python benchmarks/batch.py --rows 400 --json batch.json            # pictures, by the bundle that ships
    python benchmarks/batch.py --ray 2000                              # --ray against --jobs 2
    python benchmarks/batch.py --linear 1000 10000 100000 --stand-in   # rows, by a stand-in model
    python benchmarks/batch.py --planner 100000                        # a hundred million rows, simulated
    python benchmarks/batch.py --many --old-python OLD/bin/python      # check_many alone, and an older loop

Pairs take turns and the medians of their ratios are told. ``check_many`` is compared with a loop over
`Detector.check` in one process, a few pictures of each in turn: by processor time, and by the busiest of its
threads, which is what the clock shows where each thread has a core. With ``--old-python``, made as
``check_speed.py`` says, it is compared with a loop of that build as well; ``--many`` leaves the rest out, and
tries other numbers of presentations before the networks, and decoded ahead. The command is compared by the
processor time of all of its processes less what it takes to start, measured on a few rows, and by the clock,
pinned to one core and to two. On a machine that others use the clock tells of them as well.

Pictures are 1280×720 JPEGs of the public-domain portrait in scikit-image's wheel, repeated under other ids.
With ``--stand-in`` no file is opened, and every row has the same verdict at no cost: what remains is the cost
of the run itself; such figures are SIMULATED. Memory is the most that all processes of a run held at a time,
added up: what they share is counted for each. Needs Linux.
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
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from antispoof.batch.scorer import Setup
from antispoof.runtime.detector import Detector
from antispoof.runtime.presentation import Presented
from antispoof.runtime.verdict import Verdict

FEW = 128  # rows, a part for each of two processes: what a command takes to start
FILES = 16
TURN = 16  # pictures of each way, in turn
OLD_LOOP = """
import sys, time
import cv2
import antispoof
cv2.setNumThreads(1)
detector = antispoof.load()
for line in sys.stdin:
    start = time.process_time()
    for file in line.strip().split("\\t"):
        detector.check(face_rgb=file)
    print(time.process_time() - start, flush=True)
"""
SIZES = ((1, 1), (2, 2), (4, 4), (4, 1), (8, 8))  # presentations before the networks, and decoded ahead
TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 10  # of a hundred million rows


class StandIn(Setup):
    """A detector that opens no file, and says of everything what it said of one picture."""

    def detector(self) -> Detector:
        """Load the one that ships, and let it look at nothing."""
        detector = super().detector()
        verdict = detector.check(face_rgb=face())

        def look(_: object) -> Presented:
            return Presented(("face_rgb",), {}, {})

        def judge(presented: Sequence[Presented]) -> list[Verdict]:
            return [verdict] * len(presented)

        vars(detector).update(look=look, judge=judge)
        return detector


def face() -> np.ndarray[Any, Any]:
    from skimage.data import astronaut

    picture = np.full((720, 1280, 3), 120, np.uint8)
    picture[:, 240:1040] = cv2.resize(astronaut()[:360, 60:460], (800, 720))
    return picture


def draw(folder: Path) -> None:
    """Write the pictures."""
    random = np.random.default_rng(0)
    picture = face()[..., ::-1]
    for number in range(FILES):
        noisy = np.clip(picture + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), noisy)


def manifest(folder: Path, rows: int, name: str = "") -> Path:
    path = folder / f"{name or rows}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "subject", "dataset", "pai_species", "path.face_rgb"])
        for row in range(rows):
            kind = "bona_fide" if row % 2 else "print"
            table.writerow([f"p{row}", f"s{row % 50}", "d", kind, f"{row % FILES}.jpg"])
    return path


class Watched(threading.Thread):
    """Looks at the processes below one: what they spend, and what they hold at most."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.stop = root, threading.Event()
        self.spent: dict[tuple[int, str], float] = {}
        self.most_mb = self.driver_mb = 0.0

    def run(self) -> None:
        """Look until told to stop."""
        looked = 0
        while not self.stop.wait(0.1):
            below = self._below()
            if looked % 5 == 0:
                held = {pid: _held(pid) for pid in below}
                self.most_mb = max(self.most_mb, sum(held.values()))
                self.driver_mb = max(self.driver_mb, held.get(self.root, 0.0))
            looked += 1

    def _below(self) -> list[int]:
        parents, started = {}, {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    words = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(words[1])
                    started[int(entry.name)] = words[19], (int(words[11]) + int(words[12])) / TICKS
        found = [pid for pid in parents if self._is_below(pid, parents)]
        for pid in found:
            begun, spent = started[pid]
            self.spent[pid, begun] = spent
        return found

    def _is_below(self, pid: int, parents: dict[int, int]) -> bool:
        while pid > 1:
            if pid == self.root:
                return True
            pid = parents.get(pid, 0)
        return False


def _held(pid: int) -> float:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    return 0.0


def measure(way: str, folder: Path, rows: int, cores: set[int], stand_in: bool = False) -> dict[str, float]:
    """Run one of the ways in a process of its own, on some cores."""
    words = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--rows", str(rows)]
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores))), *words, *(["--stand-in"] * stand_in)]
    with subprocess.Popen(pinned, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watched = Watched(process.pid)
        watched.start()
        said, errors = process.communicate()
        watched.stop.set()
        watched.join()
    if process.returncode:
        raise SystemExit(f"{way} ended with {process.returncode}: {errors[-2000:]}")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found | {
        "cpu_s": sum(watched.spent.values()),
        "most_mb": watched.most_mb,
        "driver_mb": watched.driver_mb,
    }


def command(way: str, folder: Path, rows: int, stand_in: bool) -> dict[str, float]:
    """Score by what the command runs, in this process and its workers."""
    from antispoof.batch.plan import make_plan
    from antispoof.batch.run import run

    output = folder / f"{os.getpid()}.parquet"
    setup, plan = (StandIn if stand_in else Setup)(), make_plan([str(manifest(folder, rows))])
    start = time.perf_counter()
    if way == "ray":
        run(plan, setup, output, ray="local")
    else:
        run(plan, setup, output, jobs=int(way[-1]))
    return {"wall_s": time.perf_counter() - start, "bytes": output.stat().st_size}


def alone(folder: Path, rows: int) -> dict[str, float]:
    """Score in this process by `Detector.check`, one after the other."""
    import antispoof

    cv2.setNumThreads(1)
    detector = antispoof.load()
    start = time.perf_counter()
    for row in range(rows):
        detector.check(face_rgb=folder / f"{row % FILES}.jpg")
    return {"wall_s": time.perf_counter() - start}


def turns(folder: Path, rows: int) -> dict[str, float]:
    """Compare `check_many` with a loop over `check`, a few pictures of each in turn."""
    import antispoof

    cv2.setNumThreads(1)
    detector = antispoof.load()
    files = [folder / f"{row % FILES}.jpg" for row in range(TURN)]
    detector.check_many([{"face_rgb": file} for file in files])
    found: dict[str, list[float]] = {"processor": [], "busiest thread": [], "clock": []}
    for _ in range(max(1, rows // TURN)):
        before = time.process_time(), time.perf_counter()
        for file in files:
            detector.check(face_rgb=file)
        loop, loop_wall = time.process_time() - before[0], time.perf_counter() - before[1]
        before = time.process_time(), time.perf_counter()
        detector.check_many([{"face_rgb": file} for file in files])
        found["processor"].append((time.process_time() - before[0]) / loop)
        found["clock"].append((time.perf_counter() - before[1]) / loop_wall)
        busiest: list[float] = []
        with busiest_thread(busiest):  # which takes time itself
            detector.check_many([{"face_rgb": file} for file in files])
        found["busiest thread"].append(busiest[0] / loop)
    return {name: statistics.median(values) for name, values in found.items()}


@contextmanager
def busiest_thread(spent: list[float]) -> Iterator[None]:
    """Add what the busiest thread of this process spends; those that decode end meanwhile."""
    before = _threads()
    last: dict[str, float] = {}
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            last.update(_threads())

    looking = threading.Thread(target=look)
    looking.start()
    yield
    last |= _threads()
    stop.set()
    looking.join()
    spent.append(max(now - before.get(name, 0.0) for name, now in last.items()))


def _threads() -> dict[str, float]:
    found = {}
    for entry in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found[entry.name] = int((entry / "schedstat").read_text().split()[0]) / 1e9
    return found


def many(folder: Path, rows: int, old_python: str | None) -> dict[str, float]:
    """Compare `check_many` with a loop over `check`, here and of an older build, by processor time."""
    import antispoof
    from antispoof.runtime import batching

    cv2.setNumThreads(1)
    detector = antispoof.load()
    files = [folder / f"{row % FILES}.jpg" for row in range(TURN)]

    def loop() -> None:
        for file in files:
            detector.check(face_rgb=file)

    def together(sizes: tuple[int, int]) -> Callable[[], object]:
        def run() -> object:
            vars(batching).update(PRESENTATIONS=sizes[0], AHEAD=sizes[1])
            return detector.check_many([{"face_rgb": file} for file in files])

        return run

    ways: dict[str, Callable[[], object]] = {
        f"check_many, {before} before the networks, {ahead} ahead": together((before, ahead))
        for before, ahead in SIZES
    }
    shipped = batching.PRESENTATIONS, batching.AHEAD
    shipping = "check_many as it ships"
    ways = {shipping: together(shipped), "loop over check": loop, **ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    process = None
    if old_python is not None:
        words = [old_python, "-c", OLD_LOOP]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(max(2, rows // TURN)):
        for name, way in ways.items():
            before = time.process_time()
            way()
            spent[name].append(time.process_time() - before)
        if process is not None and process.stdin is not None and process.stdout is not None:
            process.stdin.write("\t".join(map(str, files)) + "\n")
            process.stdin.flush()
            spent.setdefault("loop over check, older", []).append(float(process.stdout.readline()))
    if process is not None:
        process.communicate()
    loops = np.array(spent["loop over check"][1:])  # the first warms up
    found = {
        f"{name} / loop over check": float(np.median(values[1:] / loops)) for name, values in spent.items()
    }
    if "loop over check, older" in spent:
        own, old = (np.array(spent[name][1:]) for name in (shipping, "loop over check, older"))
        found[f"{shipping} / loop over check, older"] = float(np.median(own / old))
    return found


def pairs(folder: Path, rows: int, repeats: int) -> dict[str, float]:
    both = set(sorted(os.sched_getaffinity(0))[:2])
    one = {min(both)}
    found: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for _ in range(repeats):
        for cores, named in ((one, "one core"), (both, "two cores")):
            for name, value in measure("turns", folder, rows, cores).items():
                if name in ("processor", "busiest thread", "clock"):
                    add(f"check_many / loop over check, {named}, {name}", value)
        spent = {}
        for way, cores in (("jobs 1", one), ("jobs 2", both)):
            start, whole = (measure(way, folder, count, cores) for count in (FEW, rows))
            spent[way] = {each: whole[each] - start[each] for each in ("wall_s", "cpu_s")}
        add("jobs 1: processor ms a row", 1000 * spent["jobs 1"]["cpu_s"] / (rows - FEW))
        add(
            "jobs 2: times one pinned process, by the clock",
            spent["jobs 1"]["wall_s"] / spent["jobs 2"]["wall_s"],
        )
        add(
            "jobs 2: times one pinned process, were both cores free (2 × processor 1 / processor 2)",
            2 * spent["jobs 1"]["cpu_s"] / spent["jobs 2"]["cpu_s"],
        )
        own = measure("alone", folder, FEW, one)["most_mb"]
        held = [measure(f"jobs {jobs}", folder, FEW * 4, both)["most_mb"] for jobs in (1, 3)]
        add("memory a job / a process that checks", (held[1] - held[0]) / 2 / own)
        add("memory of a process that checks, MB", own)
    return {name: statistics.median(values) for name, values in found.items()}


def against_ray(folder: Path, rows: int, repeats: int, stand_in: bool) -> dict[str, float]:
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        spent: dict[str, dict[str, float]] = {}
        for way in ("jobs 2", "ray"):
            start, whole = (measure(way, folder, count, cores, stand_in) for count in (FEW, rows))
            spent[way] = {each: (whole[each] - start[each]) / (rows - FEW) for each in ("wall_s", "cpu_s")}
            found.setdefault(f"{way}: processor ms a row", []).append(1000 * spent[way]["cpu_s"])
            found.setdefault(f"{way}: most MB", []).append(whole["most_mb"])
        for each, named in (("cpu_s", "processor"), ("wall_s", "clock")):
            found.setdefault(f"ray / jobs 2, a row, {named}", []).append(
                spent["ray"][each] / spent["jobs 2"][each]
            )
    return {name: statistics.median(values) for name, values in found.items()}


def linear(folder: Path, sizes: Sequence[int], stand_in: bool) -> list[dict[str, float]]:
    """How cost per row and the driver's memory go with the number of rows."""
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    start = measure("jobs 2", folder, FEW, cores, stand_in)
    told = []
    for rows in sizes:
        found = measure("jobs 2", folder, rows, cores, stand_in)
        a_row = {
            f"{each}_ms_a_row": 1000 * (found[f"{each}_s"] - start[f"{each}_s"]) / (rows - FEW)
            for each in ("cpu", "wall")
        }
        told.append({"rows": rows, **a_row, **found})
    return told


def planner(folder: Path, rows: int) -> dict[str, float]:
    """Take ten partitions, each at a fraction of its size, through plan, parts, workers and output."""
    from antispoof.batch.parts import PART_ROWS, Parts, divided
    from antispoof.batch.plan import make_plan
    from antispoof.batch.run import run

    spent = {"plan": 0.0, "rows": 0.0, "run": 0.0, "driver": 0.0}
    sizes = {"parts": 0.0, "scores": 0.0}
    finish = Parts.finish

    def weighed(parts: Parts, summary: Mapping[str, Any]) -> None:
        sizes["parts"] += sum(file.stat().st_size for file in parts.folder.iterdir())
        finish(parts, summary)

    def one(name: str, count: int) -> dict[str, float]:
        path, output = manifest(folder, count, name), folder / f"{name}.parquet"
        start = _processor()
        plan = make_plan([str(path)])
        planned = _processor()
        for _ in divided(plan.rows()):
            pass
        divided_at = _processor()
        own = time.process_time()
        run(plan, StandIn(), output, jobs=1)
        own = time.process_time() - own
        sizes["scores"] += output.stat().st_size
        output.unlink()
        rest = {"plan": planned - start, "rows": divided_at - planned, "driver": own}
        return {**rest, "run": _processor() - divided_at}

    one("warm", FEW)
    started = one("few", FEW)
    sizes.update(parts=0.0, scores=0.0)
    Parts.finish = weighed  # type: ignore[assignment, method-assign]
    for number in range(PARTITIONS):
        found = one(f"partition-{number}", rows // PARTITIONS)
        spent = {name: spent[name] + found[name] for name in spent}
    a_run, driver = ((spent[name] - PARTITIONS * started[name]) / rows for name in ("run", "driver"))
    return {
        "rows that were run": rows,
        "rows that they stand for": 1e8,
        "plan, µs a row": 1e6 * spent["plan"] / rows,
        "rows read again and divided, µs a row": 1e6 * spent["rows"] / rows,
        "whole run without a model, µs a row": 1e6 * a_run,
        "of it the driver, µs a row": 1e6 * driver,
        "plan and run for 1e8 rows, processor hours": (spent["plan"] / rows + a_run) * 1e8 / 3600,
        "parts, bytes a row": sizes["parts"] / rows,
        "score file, bytes a row": sizes["scores"] / rows,
        "parts of 1e8 rows": 1e8 / PART_ROWS,
        "driver, most MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def told(console: Console, title: str, values: dict[str, float]) -> None:
    table = Table("figure", "median", title=title)
    for name, value in values.items():
        table.add_row(name, f"{value:,.3f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--linear", type=int, nargs="*", default=[])
    parser.add_argument("--ray", type=int, metavar="ROWS")
    parser.add_argument("--planner", type=int, metavar="ROWS", help="a thousandth of 1e8: 100000")
    parser.add_argument("--many", action="store_true", help="check_many alone")
    parser.add_argument("--old-python", help="that of a virtual environment with an older build")
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        inside = {"turns": turns, "alone": alone}.get(given.way)
        found = (
            command(given.way, given.folder, given.rows, given.stand_in)
            if inside is None
            else inside(given.folder, given.rows)
        )
        print(json.dumps(found))
        return
    model = "SIMULATED: a stand-in model at no cost" if given.stand_in else "the bundle that ships"
    console = Console()
    results: dict[str, Any] = {"model": model, "load": os.getloadavg()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder)
        if given.linear:
            results["linear"] = linear(folder, given.linear, given.stand_in)
            keys = "rows", "cpu_ms_a_row", "wall_ms_a_row", "driver_mb", "most_mb"
            table = Table(*keys, title=f"antispoof score --jobs 2, {model}")
            for each in results["linear"]:
                table.add_row(*(f"{each[key]:,.3f}" for key in keys))
            console.print(table)
        elif given.ray:
            results["ray"] = against_ray(folder, given.ray, given.repeats, given.stand_in)
            told(console, f"--ray local, {given.ray} rows, {model}", results["ray"])
        elif given.many:
            results["many"] = many(folder, given.rows, given.old_python)
            told(console, f"{TURN} pictures a turn, processor time", results["many"])
        elif given.planner:
            results["planner"] = planner(folder, given.planner)
            told(console, "SIMULATED: 1e8 rows by a stand-in model", results["planner"])
        else:
            results["pairs"] = pairs(folder, given.rows, given.repeats)
            told(console, f"{given.rows} pictures, {given.repeats} pairs, {model}", results["pairs"])
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
