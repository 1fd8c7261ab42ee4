"""The parts of a run on disk: claimed by one run, each published by a rename, joined at the end."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from antispoof.batch.records import Record
from antispoof.batch.rows import Row
from antispoof.errors import InputError
from antispoof.files import read_text, write_text

__all__ = ["PART_ROWS", "Parts", "read_records", "write_records"]

PART_ROWS = 64  # what a kill costs at most, for each job


class Parts:
    """The parts of one run, beside its output; ``<output>.run.json`` says which run that is.

    Args:
        output: the score file.
        identity: what decides over its content, in words by name.

    Raises:
        InputError: the output, or its parts, belong to another run, or nobody knows to which.
    """

    def __init__(self, output: Path, identity: Mapping[str, str]) -> None:
        self.output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self._about = output.with_name(f"{output.name}.run.json")
        self._identity = dict(identity)
        self.summary: dict[str, Any] | None = None
        self._claim()

    def _claim(self) -> None:
        recorded: dict[str, Any] = {}
        if self._about.is_file():
            try:
                recorded = json.loads(read_text(self._about, "record of a run"))
            except ValueError:
                raise InputError(
                    f"{str(self._about)!r} is damaged: delete it, and what it stands beside"
                ) from None
        parts = any(self.folder.glob("part-*")) if self.folder.exists() else False  # else nothing is lost
        there = [path for path, full in ((self.output, self.output.exists()), (self.folder, parts)) if full]
        run = recorded.get("run")
        if there and run != self._identity:
            raise InputError(
                f"{str(there[0])!r} {self._belongs(run)}: name another file, or delete {self._all(there)}"
            )
        if self.output.exists():
            self.summary = recorded.get("summary")
        if run != self._identity or self.summary is None:
            self._write(None)
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from the parts meanwhile, where the system can lock a folder.

        Raises:
            InputError: another process is at this run.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:  # others mean a filesystem without locks
                os.close(folder)
                raise InputError(
                    f"another process is scoring into {str(self.output)!r} right now: wait for it, or name "
                    "another file"
                ) from None
        try:
            yield
        finally:
            os.close(folder)

    def _belongs(self, run: Mapping[str, str] | None) -> str:
        if run is None:
            return "is there already, and this command did not write it"
        told = [
            f"{name} {run.get(name) or 'none'!r} there, {self._identity.get(name) or 'none'!r} here"
            for name in {**run, **self._identity}
            if run.get(name) != self._identity.get(name)
        ]
        return f"belongs to another run ({'; '.join(told)})"

    def _all(self, there: Sequence[Path]) -> str:
        return " and ".join(str(path) for path in (*there, self._about) if path.exists())

    def _write(self, summary: Mapping[str, Any] | None) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._about, json.dumps({"run": self._identity, "summary": summary}, indent=1) + "\n")

    def path(self, index: int) -> Path:
        """Where a part lies once it is finished."""
        return part_path(self.folder, index)

    def records(self, rows: int) -> Iterator[Record]:
        """Read all records of a run of so many rows, in order."""
        for index in range(-(-rows // PART_ROWS)):
            yield from read_records(self.path(index))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Keep what the run came to, and remove the parts: the output holds them now."""
        self._write(summary)
        self.summary = dict(summary)
        self.clear()

    def clear(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self.folder, ignore_errors=True)


def part_path(folder: Path, index: int) -> Path:
    """Where a part lies once it is finished."""
    return folder / f"part-{index:08d}.jsonl"


def divided(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Divide rows into parts, with their numbers."""
    left = iter(rows)
    index = 0
    while part := list(islice(left, PART_ROWS)):
        yield index, part
        index += 1


def read_records(path: Path) -> Iterator[Record]:
    """Read the records of a part; one that was not written to its end is left out."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Publish a part in one step."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
