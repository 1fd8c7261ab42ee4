"""Score files: a table of this project's, or of anybody's, as columns of numbers and labels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.columns import Layout, recognise
from antispoof.errors import InputError, MissingExtraError
from antispoof.evaluation.score_columns import MOST_GROUPS, Collector, ScoreColumns
from antispoof.evaluation.text import Names
from antispoof.tables import Numbers, TextTable, pyarrow

__all__ = ["FINITE", "PARQUET", "read_columns", "read_table"]

FINITE = "scores must be finite numbers; leave the cell empty for a non-response"
PARQUET = frozenset({".parquet", ".pq"})
_ROWS_AT_A_TIME = 50_000
_ROWS_LOOKED_AT = 5_000
_BLOCK = 4 << 20  # bytes
_KEPT = 16 << 20  # bytes


class _UnusualError(Exception):
    """The quick reader met what the careful one reads, or refuses in words."""


def read_columns(
    path: Path, needed: Sequence[str], given: Mapping[str, str], attributes: Collection[str] | None = None
) -> ScoreColumns:
    """Read a table, CSV or Parquet by its ending.

    Args:
        path: the file.
        needed: roles without which it cannot be used.
        given: which column is what, where somebody said so (`columns.parse_columns`).
        attributes: further columns to keep; of the others those alone that hold at most `MOST_GROUPS`
            different values. None keeps all.

    Raises:
        InputError: no such table; the message gives the line and the column.
        MissingExtraError: a Parquet file without pyarrow.
    """
    _keep_what_is_freed()
    if path.suffix.lower() in PARQUET:
        try:
            return _read_parquet(path, lambda names: recognise([names], needed, given), attributes)
        finally:
            _give_back()
    table = TextTable.open(path)
    layout = recognise(table.head, needed, given)
    try:
        found = _read_quickly(table, layout, attributes)
        _give_back()
    except (_UnusualError, MissingExtraError):
        found = _read_carefully(table, layout, attributes)
    if not _rows(found):
        raise InputError("a header and no rows; there is nothing to evaluate")
    return found


def read_table(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """Read a short table of text as strings by column.

    Raises:
        InputError: no such file, or no such table; the message says where and what to do.
    """
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist")
    try:
        table = TextTable.open(path)
        layout = recognise(table.head, needed)
        names = {index: name for index, name in enumerate(layout.header) if name}
        names |= {index: role for role, index in layout.roles.items() if role != "label"}
        columns: dict[str, list[str]] = {name: [] for name in names.values()}
        for _, cells in table.rows(layout.header, headed=layout.headed):
            for index, name in names.items():
                columns[name].append(cells[index])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not next(iter(columns.values())):
        raise InputError(f"{path}: a header and no rows; there is nothing to evaluate")
    return columns


def _rows(found: ScoreColumns) -> int:
    column = found.ids if found.ids is not None else found.scores
    return len(next(iter(found.labels.values()), ()) if column is None else column)


def _read_carefully(table: TextTable, layout: Layout, attributes: Collection[str] | None) -> ScoreColumns:
    """Read row by row, with a word for whatever is wrong."""
    into = Collector(layout, attributes)
    score_at, id_at = layout.roles.get("score"), layout.roles.get("id")
    numbers = Numbers(table.delimiter, layout.header[score_at]) if score_at is not None else None
    for lines, columns in table.chunks(layout.header, headed=layout.headed, size=_ROWS_AT_A_TIME):
        if id_at is not None:
            if "" in columns[id_at]:
                line = lines[columns[id_at].index("")]
                raise InputError(
                    f"line {line}, column {layout.header[id_at]!r}: there is no id; every presentation needs "
                    "one"
                )
            into.add_names(Names.of(columns[id_at]))
        if score_at is not None and numbers is not None:
            who = columns[id_at] if id_at is not None else [f"row {line}" for line in lines]
            into.scores.add(_parse(columns[score_at], lines, who, numbers, layout.header[score_at]))
        for index, name in list(into.columns.items()):
            if name in into.watched:
                into.look(name, columns[index])
            if name in into.encoders:
                into.encoders[name].add(columns[index])
    if numbers is not None:
        numbers.finish()
    found = into.done(partial(_ids, table.path, layout))
    if numbers is not None and numbers.comma:
        found.cautions.append("Scores have decimal commas.")
    return found


def _parse(
    cells: Sequence[str], lines: Sequence[int], who: Sequence[str], numbers: Numbers, column: str
) -> NDArray[np.float64]:
    with suppress(ValueError):
        quickly = np.asarray(numbers.read_all(cells, lines), np.float64)
        if np.isfinite(quickly).all():
            return quickly
    values = []
    for cell, line, name in zip(cells, lines, who, strict=True):
        try:
            value = numbers.read(cell, line)
        except ValueError:
            if cell.strip():
                raise InputError(_no_score(line, column, name, cell)) from None
            value = np.nan
        else:
            if not np.isfinite(value):
                raise InputError(_no_score(line, column, name, cell))
        values.append(value)
    return np.asarray(values, np.float64)


def _no_score(line: int, column: str, name: str, cell: object) -> str:
    finite = FINITE if str(cell).isascii() else FINITE.replace("numbers", "numbers in plain digits, 0 to 9")
    return f"line {line}, column {column!r}: the score of {name!r} is {cell!r}; {finite}"


def _read_quickly(
    table: TextTable, layout: Layout, attributes: Collection[str] | None, keep_ids: bool = False
) -> ScoreColumns:
    """Read a file without surprises by pyarrow, many times as fast.

    Raises:
        _UnusualError: it is one with surprises.
        MissingExtraError: pyarrow is not installed.
    """
    if table.encoding != "utf-8-sig" or not table.delimiter:
        raise _UnusualError
    arrow, _ = pyarrow("")
    from pyarrow import csv

    into = Collector(layout, attributes, keep_ids=keep_ids)
    for name, index in [(name, index) for index, name in into.columns.items() if name in into.watched]:
        into.look(name, [row[index] for row in table.head[layout.headed :] if index < len(row)])
    header = [str(index) for index in range(len(layout.header))]
    word = arrow.dictionary(arrow.int32(), arrow.string())
    types = {"id": arrow.string(), "score": arrow.float64()}
    try:
        reader = csv.open_csv(
            table.path,
            read_options=csv.ReadOptions(
                column_names=header, skip_rows=table.skipped + layout.headed, block_size=_BLOCK
            ),
            parse_options=csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={str(i): types.get(name, word) for i, name in into.columns.items()},
                include_columns=[str(i) for i in into.columns],
                null_values=[""],
                strings_can_be_null=False,
                true_values=[],
                false_values=[],
            ),
        )
        for batch in _ahead(reader):
            _add_arrow(into, {int(name): batch.column(name) for name in batch.schema.names})
    except (arrow.ArrowException, OSError):
        raise _UnusualError from None
    return into.done(partial(_ids, table.path, layout))


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Read the next batch while one is looked at."""
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(next, batches, None)
        while (batch := pending.result()) is not None:
            pending = thread.submit(next, batches, None)
            yield batch


def _add_arrow(into: Collector, batch: Mapping[int, Any]) -> None:
    for index, name in list(into.columns.items()):
        column = batch[index]
        if name == "id":
            names = Names.of_arrow(column)
            if names.empty().size:
                raise _UnusualError
            into.add_names(names)
        elif name == "score":
            values = column.to_numpy(zero_copy_only=False)
            if np.count_nonzero(~np.isfinite(values)) != column.null_count:
                raise _UnusualError
            into.scores.add(values)
        else:
            if name in into.watched:
                into.look(name, _values(column))
            if name in into.encoders:
                into.encoders[name].add_arrow(column)


def _values(column: Any) -> list[str]:
    """Return the different values of a column that pyarrow numbered, or just more than `MOST_GROUPS`."""
    there = np.flatnonzero(np.bincount(column.indices.drop_null().to_numpy(zero_copy_only=False)))
    return [name for k in there[: MOST_GROUPS + 1].tolist() if (name := column.dictionary[k].as_py())]


def _ids(path: Path, layout: Layout) -> Names:
    """Read the ids of a file alone."""
    at = layout.roles["id"]
    alone = Layout(tuple("" for _ in layout.header), layout.headed, {"id": at})
    alone = replace(alone, header=(*alone.header[:at], layout.header[at], *alone.header[at + 1 :]))
    try:
        if path.suffix.lower() in PARQUET:
            names = _read_parquet(path, lambda _: alone, (), keep_ids=True).ids
        else:
            names = _read_quickly(TextTable.open(path), alone, (), keep_ids=True).ids
    except _UnusualError:
        names = None
    if names is None:
        raise InputError(f"{path} has changed since its scores were read; read it again")
    return names


def _read_parquet(
    path: Path,
    find: Callable[[list[str]], Layout],
    attributes: Collection[str] | None,
    keep_ids: bool = False,
) -> ScoreColumns:
    arrow, parquet = pyarrow("a Parquet score file")
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"not a Parquet file: {error}") from None
    try:
        layout = find(list(file.schema_arrow.names))
        texts = [name for name, kind in _kinds(file) if _is_text(arrow, kind)]
        keys = [
            layout.header[i] for i in (layout.roles.get("id"), layout.roles.get("score")) if i is not None
        ]
        file = parquet.ParquetFile(path, read_dictionary=[name for name in texts if name not in keys])
        if not (rows := file.metadata.num_rows):
            raise InputError("no rows; there is nothing to evaluate")
        into, row = Collector(layout, attributes, keep_ids=keep_ids, rows=rows), 0
        first = next(file.iter_batches(_ROWS_LOOKED_AT, use_threads=False))
        for index, name in list(into.columns.items()):
            if name in into.watched:
                into.look(name, _values(_as_needed(arrow, first.column(index), name, 0)))
        asked = list(into.columns)
        batches = file.iter_batches(_ROWS_AT_A_TIME, columns=[layout.header[i] for i in asked])
        for batch in _ahead(batches):
            columns = {
                i: _as_needed(arrow, batch.column(asked.index(i)), name, row)
                for i, name in into.columns.items()
            }
            try:
                _add_arrow(into, columns)
            except _UnusualError:
                _refuse({name: columns[i] for i, name in into.columns.items()}, row)
            row += len(batch)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"its pages cannot be read: {error}") from None
    return into.done(partial(_ids, path, layout))


def _keep_what_is_freed() -> None:
    """Have arrays of a batch take the memory of those of the batch before, and not new pages each time.

    The C library gives back what is freed but for blocks as large as the largest that was freed so far.
    """
    np.empty(_KEPT, np.uint8)


def _give_back() -> None:
    """Give back what pyarrow keeps of the memory that it worked in."""
    with suppress(MissingExtraError):
        pyarrow("")[0].default_memory_pool().release_unused()


def _kinds(file: Any) -> list[tuple[str, Any]]:
    return list(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))


def _is_text(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _as_needed(arrow: Any, column: Any, name: str, row: int) -> Any:
    """Cast a column to what it is needed as; other types than text are written out."""
    wanted = {"id": arrow.string(), "score": arrow.float64()}.get(name)
    if column.type == (wanted or arrow.dictionary(arrow.int32(), arrow.string())) and (
        name != "id" or not column.null_count
    ):
        return column
    import pyarrow.compute as compute

    if arrow.types.is_dictionary(column.type) and name not in ("id", "score"):
        return arrow.DictionaryArray.from_arrays(
            column.indices.cast(arrow.int32()), compute.cast(column.dictionary, arrow.string())
        )
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if name == "score":
        if _is_text(arrow, column.type):
            numbers = Numbers(",", name)
            cells = [cell or "" for cell in column.to_pylist()]
            lines = list(range(row + 1, row + len(cells) + 1))
            values = _parse(cells, lines, [f"row {line}" for line in lines], numbers, name)
            numbers.finish()
            return arrow.array(values, from_pandas=True)
        return _cast(arrow, column, arrow.float64(), name)
    text = _cast(arrow, column, arrow.string(), name)
    text = text.fill_null("") if text.null_count else text
    return text if name == "id" else text.dictionary_encode()


def _cast(arrow: Any, column: Any, wanted: Any, name: str) -> Any:
    """Cast, and say what it was that cannot be."""
    try:
        return column.cast(wanted)
    except arrow.ArrowException as error:
        raise InputError(f"column {name!r} of {column.type} cannot be read as {wanted}: {error}") from None


def _refuse(by_name: Mapping[str, Any], row: int) -> None:
    """Say which row of a Parquet file cannot be used."""
    ids = by_name["id"].to_pylist() if "id" in by_name else []
    if "" in ids:
        raise InputError(f"row {row + ids.index('') + 1} has no id; every presentation needs one")
    for at, value in enumerate(by_name["score"].to_pylist()):
        if value is not None and not np.isfinite(value):
            who = ids[at] if ids else f"row {row + at + 1}"
            raise InputError(f"the score of {who!r} is {value}; {FINITE}")
