"""Columns of text in little memory: labels of a small vocabulary as numbers, names as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError

__all__ = ["Encoder", "Labels", "Names", "joined"]

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
        found = np.bincount(self.codes + 1, minlength=len(self.names) + 1).tolist()
        stands = {name: count for name, count in zip(self.names, found[1:], strict=True) if count}
        return stands | ({"": found[0]} if found[0] else {})

    def distinct(self) -> int:
        """Return how many different labels stand in the column."""
        return int(np.count_nonzero(np.bincount(self.codes + 1)[1:]))

    def __len__(self) -> int:
        """Return N."""
        return len(self.codes)


class Encoder:
    """Numbers labels chunk by chunk, so that a long column is never held as strings."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {None: -1, "": -1}
        self._chunks: list[NDArray[np.int32]] = []
        self._arrow: list[Any] = []

    def add(self, values: Iterable[Any]) -> None:
        """Number one chunk."""
        numbers = self._numbers
        codes = [numbers.setdefault(value, len(numbers) - 2) for value in values]
        self._chunks.append(np.asarray(codes, np.int32))

    def add_arrow(self, column: Any) -> None:
        """Take a chunk that pyarrow has numbered with a vocabulary of its own; all chunks or none."""
        self._arrow.append(column)

    def labels(self) -> Labels:
        """Return the labels of all chunks."""
        if self._arrow:
            return self._unified()
        names = list(self._numbers)[2:]
        codes = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int32)
        for missing in [
            number for number, name in enumerate(names) if name != name
        ]:  # NaN, as pandas writes it
            codes[codes == missing] = -1
        return Labels(codes, tuple(map(str, names)))

    def _unified(self) -> Labels:
        import pyarrow

        runs: list[list[Any]] = []
        for chunk in consumed(self._arrow):
            if runs and chunk.dictionary.equals(runs[-1][0].dictionary):
                runs[-1].append(chunk)  # as the batches of one row group of Parquet have it
            else:
                runs.append([chunk])
        whole = pyarrow.chunked_array(
            pyarrow.DictionaryArray.from_arrays(
                pyarrow.concat_arrays([chunk.indices for chunk in run]), run[0].dictionary
            )
            for run in consumed(runs)
        ).unify_dictionaries()
        names = whole.chunk(0).dictionary.to_pylist()
        places = [place for place, name in enumerate(names) if name]  # None and "" are no label
        kind: type[np.int32 | np.int8] = np.int8 if len(places) < _FEW else np.int32
        codes_of = np.full(len(names) + 1, -1, kind)
        codes_of[places] = np.arange(len(places))
        chunks = whole.chunks
        del whole
        codes: Any = np.empty(sum(map(len, chunks)), kind)
        filled = 0
        for chunk in consumed(chunks):
            numbers = chunk.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
            codes[filled : filled + len(numbers)] = codes_of[numbers]
            filled += len(numbers)
        return Labels(codes, tuple(names[place] for place in places))


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
        width = -(-max(1, int(lengths.max(initial=1))) // _WORD) * _WORD
        cells = np.zeros((len(column), width), np.uint8)
        if data is not None:
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
        ordered = np.sort(hashes)
        if not (suspects := np.unique(ordered[1:][ordered[1:] == ordered[:-1]])).size:
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


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate arrays (N_i,), and empty the list on the way: the parts are freed one by one."""
    whole = np.zeros(sum(map(len, parts)), np.result_type(*(part.dtype for part in parts)))
    filled = 0
    for part in consumed(parts):
        whole[filled : filled + len(part)] = part
        filled += len(part)
    return whole


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
