"""Columns of text in little memory: labels of a small vocabulary as numbers, names as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation.growing import Growing

__all__ = ["Encoder", "Labels", "Names"]

T = TypeVar("T")

_WORD = 8
_FEW = 127  # names whose numbers fit into a byte, and one more does
_ROWS_AT_A_TIME = 500_000


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of N labels from a small vocabulary, stored as numbers.

    Attributes:
        codes: int32 or int8 (N,), index into ``names``; -1 where there is no label.
        names: the vocabulary, in the order of first appearance.
    """

    codes: NDArray[np.int32] | NDArray[np.int8]
    names: tuple[str, ...]

    @classmethod
    def encode(cls, values: Iterable[Any]) -> Labels:
        """Number the labels of ``values``; None, NaN and the empty string are no label."""
        encoder = Encoder()
        encoder.add(values)
        return encoder.labels()

    def decode(self) -> list[str]:
        """Return the N labels as strings; the empty string where there is none."""
        names = [*self.names, ""]
        return [names[code] for code in self.codes.tolist()]

    def take(self, index: NDArray[Any]) -> Labels:
        """Return the labels at ``index`` (numbers or a mask), with the same vocabulary."""
        return Labels(self.codes[index], self.names)

    def counts(self) -> dict[str, int]:
        """Return in how many rows each label stands, and the empty string where none does."""
        found = self.sizes().tolist()
        stands = {name: count for name, count in zip(self.names, found[1:], strict=True) if count}
        return stands | ({"": found[0]} if found[0] else {})

    def distinct(self) -> int:
        """Return how many different labels stand in the column."""
        return int(np.count_nonzero(self.sizes()[1:]))

    def sizes(self) -> NDArray[np.int64]:
        """Return int64 (V + 1,): in how many rows none stands, then in how many each label."""
        found = np.zeros(len(self.names) + 1, np.int64)
        for start in range(0, len(self.codes), _ROWS_AT_A_TIME):
            codes = self.codes[start : start + _ROWS_AT_A_TIME].astype(np.intp)
            codes += 1
            found += np.bincount(codes, minlength=len(found))
        return found

    def __len__(self) -> int:
        """Return N."""
        return len(self.codes)


class Encoder:
    """Numbers labels chunk by chunk, so that a long column is never held as strings."""

    def __init__(self, room: int = 0) -> None:
        """Make one; ``room`` is how many labels there will be, where that is known."""
        self._numbers: dict[Any, int] = {None: -1, "": -1}
        self._codes = Growing(np.int32, room)
        self._runs: list[tuple[int, Any]] = []  # where one of pyarrow's vocabularies begins, and itself

    def add(self, values: Iterable[Any]) -> None:
        """Number one chunk."""
        numbers = self._numbers
        codes = [numbers.setdefault(value, len(numbers) - 2) for value in values]
        self._codes.add(np.asarray(codes, np.int32))

    def add_arrow(self, column: Any) -> None:
        """Take a chunk that pyarrow has numbered with a vocabulary of its own; all chunks or none."""
        if not self._runs or not self._runs[-1][1].equals(column.dictionary):
            self._runs.append((len(self._codes), column.dictionary))  # a row group of Parquet has one
        indices = column.indices.fill_null(-1) if column.null_count else column.indices
        self._codes.add(indices.to_numpy())

    def labels(self) -> Labels:
        """Return the labels of all chunks."""
        if self._runs:
            return self._unified()
        names = list(self._numbers)[2:]
        codes = self._codes.done()
        for missing in [
            number for number, name in enumerate(names) if name != name
        ]:  # NaN, as pandas writes it
            codes[codes == missing] = -1
        return Labels(codes, tuple(map(str, names)))

    def _unified(self) -> Labels:
        import pyarrow

        codes: Any = self._codes.done()
        whole = pyarrow.chunked_array(
            pyarrow.DictionaryArray.from_arrays(np.arange(len(words), dtype=np.int32), words)
            for _, words in self._runs
        ).unify_dictionaries()
        names = whole.chunk(0).dictionary.to_pylist()
        places = [place for place, name in enumerate(names) if name]  # None and "" are no label
        kind: type[np.int32 | np.int8] = np.int8 if len(places) < _FEW else np.int32
        codes_of = np.full(len(names) + 1, -1, kind)
        codes_of[places] = np.arange(len(places))
        found: Any = codes if kind is np.int32 else np.empty(len(codes), kind)
        ends = [start for start, _ in self._runs[1:]] + [len(codes)]
        for (first, _), end, words in zip(self._runs, ends, whole.chunks, strict=True):
            own = codes_of[np.append(words.indices.to_numpy(), -1)]
            for start in range(first, end, _ROWS_AT_A_TIME):
                rows = slice(start, min(start + _ROWS_AT_A_TIME, end))
                found[rows] = own[codes[rows]]
        return Labels(found, tuple(names[place] for place in places))


class Names:
    """N names, kept as UTF-8 of fixed width: a twentieth of what Python strings take.

    Reads like an array of strings: `tolist`, an index or a mask, iteration, `len`, ``np.asarray``.

    Args:
        data: bytes (N,), whose width is a multiple of 8.
    """

    __slots__ = ("_checksum", "_found", "_hashes", "_length", "_load")

    def __init__(self, data: NDArray[np.bytes_]) -> None:
        self._found: NDArray[np.bytes_] | None = data
        self._hashes: NDArray[np.uint64] | None = None
        self._length, self._checksum = len(data), 0
        self._load: Callable[[], Names] | None = None

    @classmethod
    def kept_elsewhere(cls, hashes: NDArray[np.uint64], load: Callable[[], Names]) -> Names:
        """Keep of the names their hashes alone, and those until `repeated` has found that all differ.

        Args:
            hashes: uint64 (N,), `hashes` of the names.
            load: brings the names, once they are asked for.
        """
        names = cls.__new__(cls)
        names._found, names._hashes, names._load = None, hashes, load
        names._length, names._checksum = len(hashes), int(hashes.sum())
        return names

    @property
    def _data(self) -> NDArray[np.bytes_]:
        if self._found is None:
            assert self._load is not None
            names = self._load()
            if len(names) != self._length or int(names.hashes().sum()) != self._checksum:
                raise InputError("the file of the ids has changed since it was read; read it again")
            self._found = names._data
        return self._found

    @classmethod
    def of(cls, values: Iterable[str]) -> Names:
        """Keep names given as strings."""
        return cls(_widened(np.array([_bytes(value) for value in values], np.bytes_)))

    @classmethod
    def of_arrow(cls, column: Any) -> Names:
        """Keep names given as a pyarrow string array without nulls."""
        _, offsets, data = column.buffers()
        ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        lengths = np.diff(ends)
        longest = max(1, int(lengths.max(initial=1)))
        width = -(-longest // _WORD) * _WORD
        cells = np.zeros((len(column), width), np.uint8)
        if data is not None and (lengths == longest).all():
            cells[:, :longest] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].reshape(-1, longest)
        elif data is not None:
            # Both sides run through the names in order, so what lies back to back fills what is there.
            cells[np.arange(width) < lengths[:, None]] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
        return cls(cells.view(f"S{width}")[:, 0])

    @classmethod
    def join(cls, parts: list[Names]) -> Names:
        """Put one after the other; the list is emptied on the way."""
        width = max(part._data.dtype.itemsize for part in parts)
        whole = np.zeros((sum(map(len, parts)), width), np.uint8)
        filled = 0
        for part in consumed(parts):
            cells = part._data.view(np.uint8).reshape(len(part), -1)
            whole[filled : filled + len(part), : cells.shape[1]] = cells
            filled += len(part)
        return cls(whole.view(f"S{width}")[:, 0])

    def tolist(self) -> list[str]:
        """Return the names as strings."""
        return [name.decode("utf-8", "surrogatepass") for name in self._data.tolist()]

    def repeated(self) -> list[int]:
        """Return the rows, in order, whose name another row before them has."""
        hashes = self.hashes()
        half = np.uint64(1 << 63)

        def twice(upper: bool) -> NDArray[np.uint64]:
            ordered = hashes[(hashes >= half) == upper]
            ordered.sort()
            return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])

        with ThreadPoolExecutor(2) as threads:
            suspects = np.concatenate(list(threads.map(twice, (False, True))))
        if not suspects.size:
            self._hashes = None
            return []
        seen: set[bytes] = set()
        found = []
        for row in np.flatnonzero(np.isin(hashes, suspects)).tolist():
            name = self._data[row]
            if name in seen:
                found.append(row)
            seen.add(name)
        return found

    def hashes(self) -> NDArray[np.uint64]:
        """Return a 64-bit hash of each name, uint64 (N,)."""
        if self._hashes is not None:
            return self._hashes
        return np.concatenate([np.zeros(0, np.uint64), *map(_hashed, self._pieces())])

    def empty(self) -> NDArray[np.intp]:
        """Return the rows without a name."""
        if self._hashes is not None and (self._hashes != 0).all():
            return np.zeros(0, np.intp)
        return np.flatnonzero(self._data == b"")

    def _pieces(self) -> Iterator[NDArray[np.bytes_]]:
        return (
            self._data[start : start + _ROWS_AT_A_TIME]
            for start in range(0, len(self._data), _ROWS_AT_A_TIME)
        )

    def __getitem__(self, index: Any) -> Any:
        """Return the name at a number as a string, or `Names` at numbers or a mask."""
        found = self._data[index]
        return found.decode("utf-8", "surrogatepass") if isinstance(found, bytes) else Names(found)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names as strings."""
        return (name.decode("utf-8", "surrogatepass") for piece in self._pieces() for name in piece.tolist())

    def __len__(self) -> int:
        """Return N."""
        return self._length

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return an array of strings (N,)."""
        return np.asarray(self.tolist(), dtype or np.str_)


def consumed(parts: list[T]) -> Iterator[T]:
    """Yield the parts of a list and empty it, so that what was used can be freed."""
    parts.reverse()
    while parts:
        yield parts.pop()


def _bytes(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def _widened(data: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    width = -(-max(1, data.dtype.itemsize) // _WORD) * _WORD
    return data.astype(f"S{width}")


def _hashed(names: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each name (a multiply and a shift for each eight bytes), 0 of an empty one.

    It does not depend on the width of the column.
    """
    words = np.ascontiguousarray(names).view(np.uint64).reshape(len(names), -1)
    state = np.zeros(len(names), np.uint64)
    for column in words.T:
        mixed = (state ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xD6E8FEB86659FD93)
        mixed ^= mixed >> np.uint64(29)
        np.copyto(state, mixed, where=column != 0)
    return state
