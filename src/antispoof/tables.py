"""Tables in text files, as spreadsheets, programs and people write them.

Comma, semicolon, tab or bar between the cells, or blanks; UTF-8 or UTF-16, with a byte-order mark or
without; ``sep=;`` in the first line; quoted cells; decimal commas; blank rows and delimiters at the end of
rows. What cannot be read is refused with the number of its line and the name of its column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from antispoof.errors import InputError, MissingExtraError

__all__ = ["Numbers", "TextTable", "plain_digits", "pyarrow"]

Row = tuple[int, list[str]]
"""The number of a row's line, from 1 as an editor counts, and its cells."""

_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_DELIMITERS = ";\t,|"
_HEAD = 50
_SNIFFED = 65536
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table in a text file; `open` finds out how it is written.

    Attributes:
        path: the file.
        encoding: ``utf-8-sig`` or one of UTF-16.
        delimiter: what stands between the cells; empty for any number of blanks.
        skipped: lines before the first row, such as ``sep=;``.
        head: the first rows that are not blank, at most 50, as they are written.
    """

    path: Path
    encoding: str
    delimiter: str
    skipped: int
    head: tuple[list[str], ...]

    @classmethod
    def open(cls, path: Path) -> TextTable:
        """Look at the beginning of a file.

        Raises:
            InputError: it is missing, no text, or no table.
        """
        try:
            with path.open("rb") as file:
                start = file.read(_SNIFFED)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}") from None
        table = cls(path, _encoding(start), ",", 0, ())
        try:
            with table._text() as file:
                lines = list(islice(file, _HEAD))
        except UnicodeDecodeError as error:
            raise table._no_text(error) from None
        skipped, delimiter = 0, ""
        if lines and (stated := _SEP.fullmatch(lines[0])):
            skipped, delimiter = 1, stated[1]
        else:
            first = next((line for line in lines if line.strip(" \r\n\t,;|") and line[0] != "#"), "")
            delimiter = _delimiter(first)
        table = cls(path, table.encoding, delimiter, skipped, ())
        head = tuple(cells for _, cells in islice(table._rows(), _HEAD))
        return cls(path, table.encoding, delimiter, skipped, head)

    def chunks(self, header: Sequence[str], *, headed: bool, size: int) -> Iterator[tuple[list[int], Any]]:
        """Yield up to ``size`` rows at a time, without blank ones: their line numbers, and their columns.

        Args:
            header: names of the columns, for the width and the messages.
            headed: whether the first row holds them, and is left out.
            size: of a chunk.

        Raises:
            InputError: a row is longer or shorter than the header, or holds what is no text.
        """
        rows = self.rows(header, headed=headed)
        while chunk := list(islice(rows, size)):
            yield [line for line, _ in chunk], list(zip(*(cells for _, cells in chunk), strict=True))

    def rows(self, header: Sequence[str], *, headed: bool) -> Iterator[Row]:
        """Yield the rows one by one, each as wide as ``header``; see `chunks`."""
        rows, width = self._rows(), len(header)
        if headed:
            next(rows, None)
        for line, cells in rows:
            if len(cells) != width:
                if len(cells) > width and not any(map(str.strip, cells[width:])):
                    cells = cells[:width]  # delimiters at the end of the row
                else:
                    raise InputError(self._wrong_width(line, cells, header))
            yield line, cells

    def _rows(self) -> Iterator[Row]:
        """Yield every row that is not blank."""
        try:
            with self._text() as file:
                for _ in range(self.skipped):
                    next(file, None)
                if not self.delimiter:
                    for number, text in enumerate(file, start=self.skipped + 1):
                        if (cells := text.split()) and not text.startswith("#"):
                            yield number, cells
                    return
                reader = csv.reader(file, delimiter=self.delimiter, strict=True)
                for cells in reader:
                    if any(cells) and any(map(str.strip, cells)):
                        yield reader.line_num + self.skipped, cells
        except UnicodeDecodeError as error:
            raise self._no_text(error) from None
        except csv.Error as error:
            raise InputError(f"line {reader.line_num + self.skipped}: not a CSV file: {error}") from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}") from None

    def _text(self) -> TextIO:
        return self.path.open(encoding=self.encoding, newline="")

    def _wrong_width(self, line: int, cells: Sequence[str], header: Sequence[str]) -> str:
        said = f"line {line}: {len(cells)} values under {len(header)} columns"
        if len(cells) < len(header):
            return f"{said}: there is none for column {header[len(cells)]!r}"
        where = {"\t": "a tab", "": "blanks"}.get(self.delimiter, repr(self.delimiter))
        hint = " (decimal commas need ';' between the cells)" if self.delimiter == "," else ""
        return (
            f"{said}: {cells[len(header)]!r} stands after the last column, {header[-1]!r}; "
            f"a value that holds {where} must be quoted{hint}"
        )

    def _no_text(self, error: UnicodeDecodeError) -> InputError:
        """Find the line and the column of what cannot be decoded."""
        if self.encoding.startswith("utf-16"):
            return InputError(f"not a CSV file in UTF-16 ({error.reason}); save it as 'CSV UTF-8'")
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError as first:
                    before = line[: first.start].decode("utf-8")
                    cell = before.count(self.delimiter) + 1 if self.delimiter else len(before.split())
                    return InputError(
                        f"line {number}, cell {cell}: byte 0x{line[first.start]:02x} is not UTF-8 text, so "
                        "this is not a CSV file in UTF-8; save it as 'CSV UTF-8'"
                    )
        return InputError(f"not UTF-8 text ({error.reason})")


def plain_digits(cell: str) -> bool:
    """Tell whether a cell holds nothing that Python's numbers may have and those of tables do not.

    ``1_000`` is one, and digits of other scripts, full-width ones among them.
    """
    return cell.strip().isascii() and "_" not in cell


class Numbers:
    """Reads a column of numbers, whose decimal mark is a point or a comma, and one of them throughout.

    Args:
        delimiter: of the table.
        column: name, for the messages.
    """

    def __init__(self, delimiter: str, column: str) -> None:
        self.comma = False
        self._column = column
        self._delimiter = delimiter
        self._point_at = 0
        self._grouped_at = 0
        self._grouped = ""

    def read(self, cell: str, line: int) -> float:
        """Return the number in a cell.

        Raises:
            ValueError: it holds none.
            InputError: its decimal mark cannot be told.
        """
        if not plain_digits(cell):
            raise ValueError
        if "," not in cell:
            value = float(cell)
            if "." in cell and not self._point_at:
                self._point_at = line
                self._one_mark(cell, line)
            return value
        text = cell.strip()
        value = float(text.replace(",", ".", 1))
        if _GROUPED.fullmatch(text) and not self.comma:
            self._grouped_at, self._grouped = self._grouped_at or line, self._grouped or text
        else:
            self.comma = True
        self._one_mark(cell, line)
        return value

    def read_all(self, cells: Sequence[str], lines: Sequence[int]) -> list[float]:
        """Return the numbers in cells that all hold one, with decimal points; see `read` for others.

        Raises:
            ValueError: a cell holds none, or has a comma, or others had one.
        """
        if self.comma or self._grouped_at or not all(map(plain_digits, cells)):
            raise ValueError
        values = list(map(float, cells))
        if not self._point_at:
            self._point_at = next((line for cell, line in zip(cells, lines, strict=True) if "." in cell), 0)
        return values

    def finish(self) -> None:
        """Refuse a column of which nobody can tell whether its commas group digits or mark decimals."""
        if self._grouped_at and not self.comma and self._delimiter == ",":
            raise InputError(
                f"line {self._grouped_at}, column {self._column!r}: {self._grouped!r} may be "
                f"{self._grouped.replace(',', '')} or {self._grouped.replace(',', '.')}; "
                "write numbers with a decimal point"
            )
        self.comma = self.comma or bool(self._grouped_at)

    def _one_mark(self, cell: str, line: int) -> None:
        if self._point_at and (self.comma or self._grouped_at):
            raise InputError(
                f"line {line}, column {self._column!r}: {cell!r} where other rows have another decimal mark; "
                "write all numbers with a decimal point"
            )


def pyarrow(feature: str) -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet, or raise `MissingExtraError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(feature, "parquet") from None
    return pyarrow, pyarrow.parquet


def _encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    with suppress(ZeroDivisionError):
        for odd, name in ((1, "utf-16-le"), (0, "utf-16-be")):  # Latin letters leave every other byte zero
            if start[odd::2].count(0) / len(start[odd::2]) > 0.4:
                return name
    return "utf-8-sig"


def _delimiter(line: str) -> str:
    """Return what stands most often between the cells of a line; empty where only blanks do."""
    outside = re.sub(r'"[^"]*"', "", line)
    best = max(_DELIMITERS, key=outside.count)
    if outside.count(best):
        return best
    return "" if len(line.split()) > 1 else ","
