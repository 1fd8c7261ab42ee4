"""How fast figures come out of scores, beside scikit-learn on the same scores in the same run.

    python benchmarks/evaluation.py --json evaluation.json

Every row runs in a process of its own and is the fastest of three (``--times``); "extra memory" is how far
the peak of the process rose above what it was with the scores loaded. The last rows are the whole command,
once, on as many presentations as the curve has scores: its wall-clock time, its processor time and its peak
memory.
``--tried`` runs it with other ways to get memory as well, of which none is worth a switch.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

Run = Callable[[Path], Callable[[], object]]


def draw(folder: Path, count: int, presentations: int, subjects: int) -> None:
    """Write the scores that all rows share: two normal classes whose D-EER is 16 %."""
    random = np.random.default_rng(0)
    np.save(folder / "bona_fide.npy", random.normal(1, 1, count // 2))
    np.save(folder / "attack.npy", random.normal(-1, 1, count // 2))
    genuine = random.random(presentations) < 0.5
    np.save(folder / "genuine.npy", genuine)
    np.save(folder / "scores.npy", random.normal(np.where(genuine, 1.0, -1.0)))
    np.save(folder / "subject.npy", random.integers(0, subjects, presentations))
    np.save(folder / "species.npy", random.integers(0, 4, presentations))


def ours_curve(folder: Path) -> Callable[[], object]:
    from antispoof.evaluation.curve import ErrorCurve

    bona_fide, attack = np.load(folder / "bona_fide.npy"), np.load(folder / "attack.npy")

    def run() -> object:
        curve = ErrorCurve.of(bona_fide, attack)
        eer = curve.equal_error_rate()
        at = curve.index(0.0)
        points = curve.thinned()
        return eer, curve.apcer[at], curve.bpcer[at], curve.auc(), curve.apcer[points], curve.bpcer[points]

    return run


def sklearn_curve(folder: Path) -> Callable[[], object]:
    from sklearn.metrics import det_curve, roc_auc_score

    scores = np.concatenate((np.load(folder / "bona_fide.npy"), np.load(folder / "attack.npy")))
    labels = np.repeat([True, False], len(scores) // 2)
    return lambda: (det_curve(labels, scores), roc_auc_score(labels, scores))


def a_score_set(folder: Path) -> Any:
    from antispoof.evaluation import ScoreSet

    genuine, species = np.load(folder / "genuine.npy"), np.load(folder / "species.npy")
    return ScoreSet.from_columns(
        [f"p{k}" for k in range(len(genuine))],
        np.load(folder / "scores.npy"),
        np.where(genuine, "bona_fide", np.char.add("species", species.astype(str))).tolist(),
        subject=[f"s{k}" for k in np.load(folder / "subject.npy").tolist()],
    )


def ours_bootstrap(folder: Path) -> Callable[[], object]:
    from antispoof.evaluation import evaluate

    scores = a_score_set(folder)
    return lambda: evaluate(scores, at="threshold=0", resamples=1000)


def sklearn_bootstrap(folder: Path) -> Callable[[], object]:
    """D-EER and AUC alone, of 20 resamples."""
    from sklearn.metrics import det_curve, roc_auc_score

    genuine, scores, subject = (np.load(folder / f"{name}.npy") for name in ("genuine", "scores", "subject"))
    rows_of = np.split(np.argsort(subject, kind="stable"), np.cumsum(np.bincount(subject))[:-1])
    random = np.random.default_rng(0)

    def run() -> object:
        found = []
        for _ in range(20):
            rows = np.concatenate([rows_of[k] for k in random.integers(0, len(rows_of), len(rows_of))])
            fpr, fnr, _ = det_curve(genuine[rows], scores[rows])
            found.append((np.abs(fpr - fnr).argmin(), roc_auc_score(genuine[rows], scores[rows])))
        return found

    return run


def reading(folder: Path) -> Callable[[], object]:
    from antispoof.evaluation import ScoreSet

    a_score_set(folder).write(folder / "scores.csv")
    return lambda: ScoreSet.read(folder / "scores.csv")


def measure(make: Run, folder: Path, times: int, answer: Any) -> None:
    run = make(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    rose = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer.send((min(seconds), rose / 1024))


def write_long_files(folder: Path, count: int, subjects: int) -> None:
    """Write ``count`` scored presentations of four species and many subjects as CSV and as Parquet."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    random = np.random.default_rng(0)
    genuine = random.random(count) < 0.5
    names = np.array(["bona_fide", *(f"species{k}" for k in range(4))])
    people = np.array([f"s{k}" for k in range(subjects)])
    table = pyarrow.table(
        {
            "id": pyarrow.array(f"p{k:08}" for k in range(count)),
            "score": random.normal(np.where(genuine, 1.0, -1.0)),
            "pai_species": names[np.where(genuine, 0, random.integers(1, 5, count))],
            "subject": people[random.integers(0, subjects, count)],
        }
    )
    pyarrow.parquet.write_table(table, folder / "long.parquet")
    pyarrow.csv.write_csv(
        table, folder / "long.csv", write_options=pyarrow.csv.WriteOptions(quoting_style="none")
    )


TRIED = {
    "no huge pages": {"NUMPY_MADVISE_HUGEPAGE": "0"},
    "memory from the heap, and kept": {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"},
    "Arrow on the system's allocator": {"ARROW_DEFAULT_MEMORY_POOL": "system"},
    "Arrow on jemalloc": {"ARROW_DEFAULT_MEMORY_POOL": "jemalloc"},
}


def whole_command(path: Path, times: int, environment: Mapping[str, str] | None = None) -> dict[str, float]:
    """Run ``antispoof evaluate`` on a file as a user does, so many times; the quickest counts."""
    return min((one_command(path, environment) for _ in range(times)), key=lambda found: found["seconds"])


def one_command(path: Path, environment: Mapping[str, str] | None) -> dict[str, float]:
    words = [sys.executable, "-m", "antispoof", "evaluate", str(path), "--resamples", "0"]
    start = time.perf_counter()
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {status}")
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_mib": usage.ru_maxrss / 1024,
    }


def in_a_process_of_its_own(make: Run, folder: Path, times: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(make, folder, times, send))
    process.start()
    send.close()
    seconds, mebibytes = receive.recv()
    process.join()
    return float(seconds), float(mebibytes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=int, default=10_000_000, help="how many for the curve")
    parser.add_argument("--presentations", type=int, default=100_000, help="how many for the bootstrap")
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3, help="how often each is run; the quickest counts")
    parser.add_argument("--tried", action="store_true", help="other ways to get memory, too")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows: list[tuple[str, Run, float]] = [
        ("curve: D-EER, APCER, BPCER, AUC, DET points", ours_curve, 1),
        ("curve: scikit-learn det_curve + roc_auc_score", sklearn_curve, 1),
        ("bootstrap: 1,000 resamples of every figure", ours_bootstrap, 1),
        ("bootstrap: scikit-learn, det_curve + roc_auc_score, 20 resamples × 50", sklearn_bootstrap, 50),
        ("reading: the bootstrap's scores as CSV", reading, 1),
    ]
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, asked.scores, asked.presentations, asked.subjects)
        for title, make, as_many in rows:
            seconds, mebibytes = in_a_process_of_its_own(make, folder, asked.times)
            found[title] = {"seconds": seconds * as_many, "extra_memory_mib": mebibytes}
        # In a process of its own: a command's peak memory counts what the process that starts it holds.
        writer = multiprocessing.get_context("spawn").Process(
            target=write_long_files, args=(folder, asked.scores, 100 * asked.subjects)
        )
        writer.start()
        writer.join()
        commands = {
            ending: whole_command(folder / f"long.{ending}", asked.times) for ending in ("csv", "parquet")
        }
        if asked.tried:
            for named, environment in TRIED.items():
                commands[f"parquet, {named}"] = whole_command(
                    folder / "long.parquet", asked.times, environment
                )
    table = Table(
        title=f"{asked.scores:,} scores; {asked.presentations:,} presentations of {asked.subjects:,} subjects"
    )
    for column in ("what", "seconds", "extra memory, MiB", "times as fast"):
        table.add_column(column, justify="left" if column == "what" else "right")
    titles = list(found)
    for ours, peer in ((0, 1), (2, 3)):
        found[titles[ours]]["times_as_fast"] = found[titles[peer]]["seconds"] / found[titles[ours]]["seconds"]
    for title, row in found.items():
        ratio = f"{row['times_as_fast']:.1f}" if "times_as_fast" in row else ""
        table.add_row(title, f"{row['seconds']:.2f}", f"{row['extra_memory_mib']:.0f}", ratio)
    Console().print(table)
    whole = Table(
        title=f"antispoof evaluate, {asked.scores:,} presentations, --resamples 0, quickest of {asked.times}"
    )
    for column in ("file", "seconds", "processor seconds", "peak memory, MiB"):
        whole.add_column(column, justify="left" if column == "file" else "right")
    for ending, row in commands.items():
        figures = row["seconds"], row["processor_seconds"]
        whole.add_row(ending, *(f"{value:.1f}" for value in figures), f"{row['peak_memory_mib']:.0f}")
    Console().print(whole)
    if asked.json:
        asked.json.write_text(
            json.dumps(
                {"arguments": vars(asked) | {"json": None}, "rows": found, "commands": commands}, indent=2
            )
        )


if __name__ == "__main__":
    main()
