"""The table of a manifest as it stands in a file: its columns by name, its cells as text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from antispoof.errors import ExperimentError, InputError
from antispoof.labels import plain
from antispoof.tables import TextTable, pyarrow

__all__ = ["FIXED", "REQUIRED", "Row", "format_of", "read_table", "write_table"]

FIXED = (
    "id", "subject", "session", "dataset", "partition", "pai_species",
    "licence", "consent_basis", "retention_until", "simulated",
)  # fmt: skip
_PREFIXED = ("path.", "frames.", "unit.", "mask.", "attribute.")
REQUIRED = ("id", "dataset", "pai_species")
_ROWS_AT_A_TIME = 10_000

Row = tuple[int, dict[str, str]]
"""The number of a row, from 1 for the header, and its cells by column."""


def format_of(path: Path) -> str:
    """Return the suffix of a manifest; raise `InputError` where it is none."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"a manifest must end in .csv or .parquet, got {path.name!r}")
    return suffix


def read_table(path: Path, required: Sequence[str]) -> tuple[tuple[str, ...], Callable[[], Iterator[Row]]]:
    """Return the names of the columns, and what reads the rows, as often as it is called."""
    if format_of(path) == ".parquet":
        arrow, parquet = pyarrow("reading and writing Parquet")
        try:
            columns = parquet.read_schema(path).names
        except (arrow.ArrowException, OSError) as error:
            reason = getattr(error, "strerror", None) or f"is not a Parquet file: {error}"
            raise ExperimentError(f"cannot read the manifest {path}: {reason}") from None
        names = _header(path, columns, required)
        return tuple(names), partial(_parquet_rows, path, names)
    try:
        text = TextTable.open(path)
    except InputError as error:
        raise ExperimentError(f"cannot read the manifest {path}: {error}") from None
    first = text.head[0] if text.head else []
    while first and not first[-1].strip():
        first = first[:-1]  # delimiters at the end of the row
    names = _header(path, first, required)
    return tuple(names), partial(_text_rows, text, first, names)


def _parquet_rows(path: Path, names: Sequence[str]) -> Iterator[Row]:
    arrow, parquet = pyarrow("reading and writing Parquet")
    number = 1
    try:
        for batch in parquet.ParquetFile(path).iter_batches(_ROWS_AT_A_TIME):
            for row in batch.to_pylist():
                number += 1
                yield number, dict(zip(names, map(_text, row.values()), strict=True))
    except (arrow.ArrowException, OSError) as error:
        raise ExperimentError(f"cannot read the manifest {path}: it is damaged: {error}") from None


def _text_rows(text: TextTable, header: Sequence[str], names: Sequence[str]) -> Iterator[Row]:
    try:
        for line, cells in text.rows(header, headed=True):
            yield line, {name: cell for name, cell in zip(names, cells, strict=True) if name}
    except ExperimentError:
        raise
    except InputError as error:
        raise ExperimentError(f"cannot read the manifest {text.path}: {error}") from None


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> None:
    """Write a manifest, in the format that a suffix stands for."""
    if form == ".parquet":
        arrow, parquet = pyarrow("reading and writing Parquet")
        columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        parquet.write_table(arrow.table(columns), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def _header(path: Path, written: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return the names of the columns as this project writes them; a column without a name keeps none."""
    header = [_column(name) for name in written]
    unknown = [name for name in header if name and name not in FIXED and not name.startswith(_PREFIXED)]
    missing = [name for name in required if name not in header]
    if required and not any(name.startswith("path.") for name in header):
        missing.append("path.<modality>")
    hint = f"; a table with columns of its own: antispoof data import csv {path.name}"
    if unknown:
        raise ExperimentError(
            f"{path} has unknown columns {unknown}: known are {', '.join(FIXED)}, "
            f"path.<modality>, frames.<modality>, unit.<modality>, mask.<modality> and attribute.<name>{hint}"
        )
    if missing:
        raise ExperimentError(
            f"{path} lacks the columns {', '.join(missing)}; it has {', '.join(header) or 'none'}"
            f"{hint if header else ''}"
        )
    if len(named := [name for name in header if name]) > len(set(named)):
        raise ExperimentError(f"{path} names a column twice: {', '.join(header)}")
    return header


def _column(name: str) -> str:
    """Write the name of a column as this project does; one that is unknown stays as it is."""
    prefix, dot, rest = name.strip().partition(".")
    if dot and f"{plain(prefix)}." in _PREFIXED:
        return f"{plain(prefix)}.{rest if plain(prefix) == 'attribute' else rest.strip().lower()}"
    return plain(name) if plain(name) in FIXED else name.strip()
