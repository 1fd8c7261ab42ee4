"""Processes that score parts; one that dies costs the presentation it died over, and no other.

A part over which a process died is tried again, as another process may have taken its memory. If that dies
too, the part is scored row by row, each record written before the next row is looked at: so it is known over
which of them the next one dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from antispoof.batch.parts import part_path, read_records, write_records
from antispoof.batch.records import WORKER_DIED, Record, unscored
from antispoof.batch.rows import Row
from antispoof.batch.scorer import RowScorer, Setup
from antispoof.errors import AntispoofError, InputError

__all__ = ["score_parts"]

TRIES = 2  # of a part as a whole
POOLS = 3  # in a row that break before anything is scored


@dataclass(frozen=True, slots=True)
class _Part:
    index: int
    rows: Sequence[Row]
    deaths: int = 0


def score_parts(
    setup: Setup,
    folder: Path,
    parts: Iterable[tuple[int, Sequence[Row]]],
    *,
    jobs: int,
    strict: bool,
    done: Callable[[int], None],
) -> None:
    """Score parts, several at a time, and publish each in a folder.

    Args:
        setup: which detector.
        folder: of the parts.
        parts: numbers and rows; taken as they are needed.
        jobs: how many processes.
        strict: stop at the first row that cannot be read.
        done: told how many rows were published.

    Raises:
        InputError: ``strict``, and a row cannot be read.
        BundleError: a network fails.
        AntispoofError: processes die as soon as they start.
        OSError: a part cannot be written.
    """
    left = iter(_Part(index, rows) for index, rows in parts)
    again: list[_Part] = []
    broken = 0
    while broken < POOLS:
        pool = _pool(setup, jobs)
        try:
            for part in _finished(pool, folder, left, again, jobs, strict):
                broken = 0
                done(len(part.rows))
            return
        except BrokenProcessPool:
            broken += 1
        finally:
            pool.stop()
            pool.join()
    raise AntispoofError(
        f"the processes die as soon as they start: there may be too little memory for jobs={jobs}; take fewer"
    )


def _pool(setup: Setup, jobs: int) -> ProcessPool:
    context = multiprocessing.get_context("spawn")
    return ProcessPool(jobs, initializer=_start, initargs=(setup,), context=context)


def _finished(
    pool: ProcessPool, folder: Path, left: Iterator[_Part], again: list[_Part], jobs: int, strict: bool
) -> Iterator[_Part]:
    """Yield parts as they are published; ``again`` holds those that a pool which broke had before it."""
    waiting: dict[Future[None], _Part] = {}
    try:
        while True:
            while len(waiting) < 2 * jobs and (part := again.pop() if again else next(left, None)):
                careful = part.deaths >= TRIES
                future: Future[None] = pool.schedule(
                    _score, args=(folder, part.index, part.rows, careful, strict)
                )
                waiting[future] = part
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                part = waiting[future]
                try:
                    future.result()
                except ProcessExpired:
                    again.append(_buried(folder, part))
                    del waiting[future]
                    continue
                del waiting[future]
                yield part
    finally:
        again += waiting.values()


def _buried(folder: Path, part: _Part) -> _Part:
    """Count a death; in a part that is scored row by row, it is known over which."""
    if part.deaths >= TRIES:
        path = _slow_path(folder, part.index)
        records = list(read_records(path)) if path.exists() else []
        lost = unscored(part.rows[len(records)], WORKER_DIED, "the process that looked at it died")
        write_records(path, [*records, lost])
    return replace(part, deaths=part.deaths + 1)


_SCORERS: list[RowScorer] = []
"""Of this process, once it has started."""


def _start(setup: Setup) -> None:
    """Prepare a process: Ctrl-C is for the one that started it, and without that one it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _SCORERS.append(RowScorer(setup))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(folder: Path, index: int, rows: Sequence[Row], careful: bool, strict: bool) -> None:
    (scorer,) = _SCORERS
    if not careful:
        records = scorer(rows)
        if strict:
            _refuse(records)
        write_records(part_path(folder, index), records)
        return
    path = _slow_path(folder, index)
    records = list(read_records(path)) if path.exists() else []
    for row in rows[len(records) :]:
        records += scorer([row])
        write_records(path, records)
    path.replace(part_path(folder, index))


def _slow_path(folder: Path, index: int) -> Path:
    return folder / f"part-{index:08d}.slow"


def _refuse(records: Sequence[Record]) -> None:
    for record in records:
        if record.get("error"):
            raise InputError(f"{record['id']}: {record['error_message']}")
