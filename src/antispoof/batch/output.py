"""A score file from records: CSV, Parquet or JSON lines, by its suffix; rows pass through one by one."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from antispoof.batch.records import Column, Record
from antispoof.errors import InputError
from antispoof.files import replacing
from antispoof.tables import pyarrow

__all__ = ["SUFFIXES", "check_output", "write_scores"]

_T = TypeVar("_T")

SUFFIXES = (".csv", ".parquet", ".jsonl")
TAKEN = 512  # records that are held at a time on their way into a Parquet file
ROW_GROUP = 16  # of those, in columns, make a row group: records of Python take ten times as much memory


def check_output(path: Path) -> None:
    """Raise `InputError` for another suffix, and `MissingExtraError` where a library is missing."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"the score file must end in {', '.join(SUFFIXES)}; got {path.name!r}")
    if path.suffix.lower() == ".parquet":
        pyarrow("a Parquet score file")


def write_scores(path: Path, columns: Sequence[Column], records: Iterable[Record]) -> None:
    """Write a score file in one step.

    Args:
        path: it ends in one of `SUFFIXES`.
        columns: in order; a cell without a value is empty.
        records: taken one by one.

    Raises:
        OSError: it cannot be written.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet, ".jsonl": _write_lines}[path.suffix.lower()]
    with replacing(path) as draft:
        write(draft, columns, records)


def _write_csv(path: Path, columns: Sequence[Column], records: Iterable[Record]) -> None:
    names = [name for name, _ in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        table.writerows([_cell(record.get(name)) for name in names] for record in records)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


def _write_lines(path: Path, columns: Sequence[Column], records: Iterable[Record]) -> None:
    names = [name for name, _ in columns]
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps({name: record.get(name) for name in names}, ensure_ascii=False) + "\n")


def _write_parquet(path: Path, columns: Sequence[Column], records: Iterable[Record]) -> None:
    arrow, parquet = pyarrow("a Parquet score file")
    kinds = {"text": arrow.string(), "number": arrow.float64(), "truth": arrow.bool_()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        batches = (
            arrow.record_batch(
                [arrow.array([each.get(field.name) for each in taken], field.type) for field in schema],
                schema,
            )
            for taken in _by(TAKEN, records)
        )
        for group in _by(ROW_GROUP, batches):
            writer.write_table(arrow.Table.from_batches(group, schema))


def _by(size: int, items: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while group := list(islice(left, size)):
        yield group
