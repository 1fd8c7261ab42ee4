"""What is to be scored: a manifest, a folder, a pattern, a list of files; rows come as they are needed."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import urlsplit

from antispoof.batch.addresses import address_of, beside, get, without_key
from antispoof.batch.rows import Row
from antispoof.data.files import MEDIA_SUFFIXES
from antispoof.data.folder import import_folder
from antispoof.data.manifest import Manifest, manifest_digest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.sensing.capture import Recording, Source, Sources
from antispoof.sensing.modalities import modality_by_name

__all__ = ["Plan", "make_plan", "row_of"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be scored.

    Attributes:
        source: what it was read from, in words.
        sha256: of the manifest, or of the list of files, in hexadecimal.
        count: how many rows there are.
        modalities: that may occur.
        attributes: that may occur.
        labelled: whether it says what was presented.
        rows: gives the rows, in order, each time anew.
    """

    source: str
    sha256: str
    count: int
    modalities: tuple[str, ...]
    attributes: tuple[str, ...]
    labelled: bool
    rows: Callable[[], Iterator[Row]]


def make_plan(
    sources: Sequence[str],
    *,
    partition: str | None = None,
    bona_fide: str | None = None,
    reference_column: str | None = None,
    frames: int | None = None,
    frames_column: str | None = None,
) -> Plan:
    """Find out what is to be scored.

    Args:
        sources: a manifest (.csv, .parquet), which may lie at an address, beside the files that it names;
            a folder, whose folders may tell what was presented; a pattern; a text file, or ``-`` for standard
            input, with the path of one file a line; or files.
        partition: which part of a manifest; None for all of it.
        bona_fide: the label in a manifest that means bona fide, where ``0`` and ``1`` would leave that open.
        reference_column: the attribute in a manifest that names earlier captures of the same person and
            device, joined by ``;``; see `Detector.knowing`.
        frames: how many frames of a clip are judged, spread over its time; 1 takes the middle one, and None
            as many as `Detector.check` does.
        frames_column: the attribute in a manifest that names further frames of the same presentation, joined
            by ``;``, of rows that one sensor looked at.

    Raises:
        InputError: there is no such file, nothing in it, or an id occurs twice; the message says where.
        MissingExtraError: a Parquet manifest, and pyarrow is not installed.
    """
    address = address_of(sources[0]) if len(sources) == 1 else None
    if address is None:
        plan = _found(sources, partition, bona_fide, reference_column, frames_column)
    else:
        plan = _of_address(address, partition, bona_fide, reference_column, frames_column)
    if frames is None:
        return plan
    return replace(
        plan,
        source=f"{plan.source}, {frames} frame{'s'[: frames > 1]} of a clip",
        rows=partial(_picked, plan.rows, frames),
    )


def _of_address(address: str, *chosen: str | None) -> Plan:
    """Read a manifest that lies elsewhere; what it names lies beside it there."""
    name = PurePosixPath(urlsplit(address).path).name
    if not name.lower().endswith((".csv", ".parquet")):
        raise InputError(
            f"{without_key(address)!r}: what is elsewhere is named by a manifest, .csv or .parquet"
        )
    kept = _Kept()
    path = Path(kept.name) / name
    get(address, path)
    plan = _found([str(path)], *chosen)
    source = plan.source.replace(str(path), without_key(address))
    return replace(plan, source=source, rows=partial(_rows_beside, plan.rows, kept, address))


class _Kept:
    """A folder for as long as somebody holds this."""

    def __init__(self) -> None:
        self.name = str(Path(tempfile.mkdtemp()).resolve())
        weakref.finalize(self, shutil.rmtree, self.name, ignore_errors=True)


def _rows_beside(rows: Callable[[], Iterator[Row]], kept: _Kept, address: str) -> Iterator[Row]:
    def there(file: Path) -> Path:
        if address_of(file) is not None or not file.is_relative_to(kept.name):
            return file
        return Path(beside(address, file.relative_to(kept.name).as_posix()))

    def moved(source: Source) -> Source:
        if isinstance(source, Recording) and isinstance(source.source, Path):
            return replace(source, source=there(source.source))
        return source

    for row in rows():
        captures = {
            name: [moved(one) for one in given] if isinstance(given, list) else moved(cast("Source", given))
            for name, given in row.captures.items()
        }
        yield replace(row, captures=captures, references=tuple(map(there, row.references)))


def _picked(rows: Callable[[], Iterator[Row]], frames: int) -> Iterator[Row]:
    for row in rows():
        captures = {
            name: replace(one, picked=frames) if isinstance(one, Recording) else one
            for name, one in row.captures.items()
        }
        yield replace(row, captures=captures)


def _found(
    sources: Sequence[str],
    partition: str | None,
    bona_fide: str | None,
    reference_column: str | None,
    frames_column: str | None,
) -> Plan:
    only = Path(sources[0]) if len(sources) == 1 else None
    columns = {"reference_column": reference_column, "frames_column": frames_column}
    if only is not None and only.suffix.lower() in (".csv", ".parquet"):
        return _of_manifest(only, partition, bona_fide, columns)
    for name, value in {"partition": partition, "bona_fide": bona_fide, **columns}.items():
        if value is not None:
            raise InputError(f"{name}={value!r}: only a manifest (.csv, .parquet) tells it")
    if only is not None and only.is_dir():
        return _of_folder(only)
    files = _listed(sources)
    named = sources[0] if len(sources) == 1 else f"{len(files):,} files"
    rows = [Row(str(path), {modality_by_name(path): Recording(path)}) for path in files]
    return _of_rows("standard input" if named == "-" else named, rows, labelled=False)


def _of_manifest(
    path: Path, partition: str | None, bona_fide: str | None, columns: Mapping[str, str | None]
) -> Plan:
    manifest = Manifest.open(path, bona_fide=bona_fide, labels_needed=False)
    attributes = [
        name.removeprefix("attribute.") for name in manifest.header if name.startswith("attribute.")
    ]
    for name, value in columns.items():
        if value is not None and value not in attributes:
            raise InputError(
                f"{name}={value!r}: {path} has no column attribute.{value}; its attributes: "
                f"{', '.join(attributes) or 'none'}"
            )
    count, there = 0, set[str]()
    for presentation in manifest:  # once, for what is wrong with any of its rows
        there.add(presentation.partition)
        if partition is None or presentation.partition == partition:
            count += 1
            if columns["frames_column"] is not None:
                _manifest_row(manifest, presentation, columns)
    if not count:
        parts = ", ".join(filter(None, sorted(there))) or "none"
        raise InputError(f"partition={partition!r}: {path} has no such row; its partitions: {parts}")
    chosen = {"partition": partition, **columns}
    told = [f"{name.replace('_', ' ')} {value}" for name, value in chosen.items() if value is not None]
    return Plan(
        ", ".join((str(path.resolve()), *told)),
        manifest_digest(path),
        count,
        manifest.modalities,
        tuple(attributes),
        manifest.labelled,
        partial(_manifest_rows, manifest, partition, columns),
    )


def _manifest_rows(
    manifest: Manifest, partition: str | None, columns: Mapping[str, str | None]
) -> Iterator[Row]:
    for presentation in manifest:
        if partition is None or presentation.partition == partition:
            yield _manifest_row(manifest, presentation, columns)


def _manifest_row(manifest: Manifest, presentation: Presentation, columns: Mapping[str, str | None]) -> Row:
    row = Row.of(presentation, labelled=manifest.labelled)

    def named(column: str) -> list[Path]:
        listed = row.attributes.get(columns[column] or "", "").split(";")
        return [manifest.path.parent / each.strip() for each in listed if each.strip()]

    captures = row.captures
    if more := named("frames_column"):
        if len(captures) > 1:
            raise InputError(
                f"frames_column={columns['frames_column']!r}: {row.id!r} was looked at by "
                f"{' and '.join(captures)}; further frames belong to rows of one sensor"
            )
        [(name, file)] = presentation.captures.items()
        captures = {name: [file.recording, *(Recording(each, file.unit) for each in more)]}
    return replace(row, captures=captures, references=tuple(named("reference_column")))


def _of_folder(folder: Path) -> Plan:
    """Take the labels from the names of folders, where they tell any."""
    try:
        found = import_folder(folder)
    except InputError:
        files = sorted(path for path in folder.rglob("*") if _is_media(path))
        if not files:
            raise InputError(f"{str(folder)!r} holds no picture and no recording") from None
        rows = [Row(str(path), {modality_by_name(path): Recording(path)}) for path in files]
        return _of_rows(str(folder), rows, labelled=False)
    if found.skipped:
        raise InputError(
            f"the folders of {len(found.skipped):,} files in {folder} do not tell what was presented, as of "
            f"{found.skipped[0]!r}, while others do: move them, or make a manifest: antispoof data import"
        )
    return _of_rows(str(folder), list(map(_row, found.presentations)), labelled=True)


def row_of(given: Row | str | Path | Mapping[str, Sources | None], number: int) -> Row:
    """Make a row of whatever stands for one presentation; see `antispoof.score`."""
    if isinstance(given, Row):
        return given
    if isinstance(given, (str, Path)):
        return Row(_as_text(str(given)), {modality_by_name(Path(given)): Recording(given)})
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return Row(str(number), {name: one for name, one in given.items() if one is not None})
    raise InputError(
        f"presentation {number} is a {type(given).__name__}: hand in a Row, a path, or modality name → source"
    )


def _row(presentation: Presentation) -> Row:
    return Row.of(presentation)


def _as_text(name: str) -> str:
    """Spell out the bytes of a file's name that are no UTF-8: a score file could not hold them."""
    return name.encode("utf-8", "backslashreplace").decode()


def _of_rows(source: str, rows: Sequence[Row], *, labelled: bool) -> Plan:
    seen = set[str]()
    digest = hashlib.sha256()
    rows = [replace(row, id=_as_text(row.id)) for row in rows]
    for row in rows:
        if row.id in seen:
            raise InputError(
                f"{source}: {row.id!r} is named twice; every presentation needs an id of its own"
            )
        seen.add(row.id)
        digest.update(f"{row.id}\0".encode())
    return Plan(
        source,
        digest.hexdigest(),
        len(rows),
        tuple(dict.fromkeys(name for row in rows for name in row.captures)),
        (),
        labelled,
        partial(iter, rows),
    )


def _listed(sources: Sequence[str]) -> list[Path]:
    """Return the files that are named: by themselves, by a pattern, line by line."""
    files: list[Path] = []
    for source in sources:
        path = Path(source)
        if source == "-":
            files += _lines(sys.stdin, Path())
        elif any(sign in source for sign in "*?[") and not path.exists():
            found = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
            if not found:
                raise InputError(f"no file matches {source!r}")
            files += [each for each in found if each.is_file()]
        elif path.is_dir():
            files += sorted(each for each in path.rglob("*") if _is_media(each))
        elif len(sources) == 1 and path.suffix.lower() not in MEDIA_SUFFIXES:
            try:
                with path.open(encoding="utf-8") as lines:
                    files += _lines(lines, path.parent)
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is neither media nor a list of files"
                raise InputError(f"cannot read {source!r}: {reason}") from None
        else:
            files.append(path)
    if not files:
        raise InputError(f"{' '.join(sources)!r} names no file: write the path of one on each line")
    return files


def _lines(lines: Iterable[str], folder: Path) -> list[Path]:
    return [folder / text for line in lines if (text := line.strip())]


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in MEDIA_SUFFIXES and not path.name.startswith(".") and path.is_file()
