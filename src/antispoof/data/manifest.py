"""Manifests: one table, one row a presentation, as CSV or Parquet.

Columns, in this order where present; ``id``, ``dataset``, ``pai_species`` and one ``path.*`` are required:

======================  ================================================================================
``id``                  unique in the file
``subject``             who; empty when unknown
``session``             recording session
``dataset``             where the presentation comes from
``partition``           ``train``, ``dev``, ``test`` or empty
``pai_species``         ``bona_fide`` (``live``, ``real``, … are understood), or the kind of attack
                        instrument; never empty, so that nothing becomes bona fide by omission
``path.<modality>``     the file, relative to the manifest's folder or absolute; empty: no such sensor
``frames.<modality>``   ``first:stop``, half-open; empty means the whole file
``unit.<modality>``     what the numbers in the file mean, as ``0.1 mm`` or ``12 bit``; empty: the usual unit
``mask.<modality>``     a picture, white where skin is seen and black where an instrument or a forgery is
``attribute.<name>``    whatever is known: capture_device, lighting, age_band, sex, skin_tone, …
``licence``             terms of use
``consent_basis``       why the data may be processed
``retention_until``     last day of storage, ISO 8601 (``2031-12-31``)
``simulated``           ``true`` or ``false``
======================  ================================================================================

Case and blanks in the names of columns do not matter, nor how the text is written (`antispoof.tables`).
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from antispoof.data.manifest_tables import FIXED, REQUIRED, format_of, read_table, write_table
from antispoof.data.presentation import PARTITIONS, CaptureFile, Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.files import replacing
from antispoof.labels import class_beside, meaning, plain, read_labels, truth

__all__ = ["Manifest", "manifest_digest", "read_manifest", "write_manifest"]

_SHOWN_ERRORS = 10
_HOW = "import it as somebody else's table: antispoof data import csv --bona-fide"


def read_manifest(path: str | Path, *, bona_fide: str | None = None) -> tuple[Presentation, ...]:
    """Read a manifest; the suffix (``.csv`` or ``.parquet``) says which format it has.

    Files that the rows name are not opened here: ``antispoof data check`` does that.

    Args:
        path: the file.
        bona_fide: the label that means bona fide, where ``0`` and ``1`` would leave that open.

    Returns:
        One `Presentation` a row, in the order of the file; relative paths are joined to its folder.

    Raises:
        ExperimentError: the file is not a manifest; the message lists the first ten bad rows by number, or
            the labels that nobody can read, with their counts.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    return tuple(Manifest.open(path, bona_fide=bona_fide))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose rows are read as they are asked for, as often as they are.

    Attributes:
        path: the file.
        header: names of its columns, as this project writes them.
        species: what each label in it means: None for bona fide, or the kind of attack.
        labelled: whether it says at all what is bona fide; where it does not, ``pai_species`` tells nothing.
    """

    path: Path
    header: tuple[str, ...]
    species: Mapping[str, str | None]
    labelled: bool

    @classmethod
    def open(cls, path: str | Path, *, bona_fide: str | None = None, labels_needed: bool = True) -> Manifest:
        """Read the columns and the labels of a manifest, and none of its rows beside them.

        Args:
            path: the file.
            bona_fide: see `read_manifest`.
            labels_needed: whether one without ``pai_species`` and ``dataset`` is refused.

        Raises:
            ExperimentError: as `read_manifest`, but for bad rows, which are told when they are read.
            MissingExtraError: a Parquet file, and pyarrow is not installed.
        """
        path = Path(path)
        header, rows = read_table(path, REQUIRED if labels_needed else ("id",))
        if "pai_species" not in header:
            return cls(path, header, {"": None}, False)
        labelled = Counter[str]()
        beside: dict[str, dict[tuple[str, str], list[int]]] = {
            name: {} for name in header if name.startswith("attribute.") and class_beside(name, ["attack"])
        }
        total = 0
        for number, row in rows():
            total += 1
            label = row["pai_species"]
            labelled[label] += 1
            for name, pairs in beside.items():
                pairs.setdefault((row[name], label), []).append(number)
        told = {label: count for label, count in labelled.items() if meaning(label) != "nothing"}
        try:
            species = read_labels(told, bona_fide=bona_fide, how=_HOW)
        except InputError as error:
            raise ExperimentError(f"{path}: {error}") from None
        for name, pairs in beside.items():
            _refuse_contradictions(path, name, pairs, species, total)
        return cls(path, header, species, True)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The sensors that it has a column for."""
        return tuple(name.removeprefix("path.") for name in self.header if name.startswith("path."))

    def __iter__(self) -> Iterator[Presentation]:
        """Read the rows; what is wrong with any of them is raised at the end, as `ExperimentError`."""
        errors: list[str] = []
        seen = array("q")  # of ids; the ids themselves would fill the memory where there are many
        number = 0
        for number, row in read_table(self.path, ())[1]():
            try:
                presentation = _presentation(row, self.path, self.species)
            except InputError as error:
                errors.append(f"row {number}: {error}")
                continue
            seen.append(hash(presentation.id))
            yield presentation
        errors += self._repeated(seen)
        if errors:
            more = f"\n  and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
            raise ExperimentError(
                f"{self.path} is not a valid manifest:\n  " + "\n  ".join(errors[:_SHOWN_ERRORS]) + more
            )
        if not number:
            raise ExperimentError(
                f"{self.path} holds no presentation: a manifest needs at least one row below its header"
            )

    def _repeated(self, seen: array[int]) -> Iterator[str]:
        """Say which ids are there again, by the hashes of all of them."""
        hashes = np.sort(np.array(seen, np.int64))
        alike = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not alike:
            return
        first: dict[str, int] = {}
        for number, row in read_table(self.path, ())[1]():
            name = row["id"]
            if hash(name) not in alike:
                continue
            if name in first:
                yield f"row {number}: id {name!r} is already in row {first[name]}"
            first.setdefault(name, number)


def _refuse_contradictions(
    path: Path,
    name: str,
    pairs: Mapping[tuple[str, str], Sequence[int]],
    species: Mapping[str, str | None],
    total: int,
) -> None:
    """Refuse labels that an attribute contradicts, such as ``attribute.is_live``.

    Args:
        path: of the manifest.
        name: of the attribute.
        pairs: what it says and the label beside it → the numbers of these rows.
        species: what the labels mean.
        total: number of rows.
    """
    classes = class_beside(name, {said for said, _ in pairs})
    against = sorted(
        number
        for (said, label), numbers in pairs.items()
        if label in species and classes.get(said, species[label] is None) != (species[label] is None)
        for number in numbers
    )
    if against:
        raise ExperimentError(
            f"{path}: {name} contradicts pai_species in {len(against):,} of {total:,} rows, the first is row "
            f"{against[0]}"
        )


def write_manifest(presentations: Iterable[Presentation], path: str | Path) -> None:
    """Write a manifest as CSV or Parquet; paths below the manifest's folder are stored relative to it.

    The file is replaced in one step, so an interrupted write leaves the old one whole.

    Raises:
        InputError: there is nothing to write, an id occurs twice, or the suffix is not one of the two.
        MissingExtraError: a Parquet file is asked for, and pyarrow is not installed.
    """
    path = Path(path)
    format_of(path)
    presentations = tuple(presentations)
    if not presentations:
        raise InputError(f"there is no presentation to write to {path}")
    if len({p.id for p in presentations}) < len(presentations):
        raise InputError(f"ids must be unique within a manifest; {path} would hold one of them twice")
    modalities = sorted({name for p in presentations for name in p.captures})
    framed = [
        name
        for name in modalities
        if any(p.captures[name].frames for p in presentations if name in p.captures)
    ]
    attributes = sorted({name for p in presentations for name in p.attributes})
    header = [
        *FIXED[:6],
        *(f"path.{name}" for name in modalities),
        *(f"frames.{name}" for name in framed),
        *(f"unit.{name}" for name in modalities if any(_unit(p, name) for p in presentations)),
        *(f"mask.{name}" for name in modalities if any(_mask(p, name) for p in presentations)),
        *(f"attribute.{name}" for name in attributes),
        *FIXED[6:],
    ]
    folder = path.parent.resolve()
    rows = []
    for p in presentations:
        row = {name: getattr(p, name) for name in ("id", "subject", "session", "dataset", "partition")}
        row |= {
            "pai_species": p.pai_species or "bona_fide",
            "licence": p.licence,
            "consent_basis": p.consent_basis,
        }
        row |= {"retention_until": p.retention_until.isoformat() if p.retention_until else ""}
        row |= {"simulated": "true" if p.simulated else "false"}
        row |= {f"path.{name}": _relative(file.path, folder) for name, file in p.captures.items()}
        row |= {f"frames.{n}": f"{f.frames[0]}:{f.frames[1]}" for n, f in p.captures.items() if f.frames}
        row |= {f"unit.{name}": file.unit for name, file in p.captures.items()}
        row |= {f"mask.{n}": _relative(f.mask, folder) for n, f in p.captures.items() if f.mask}
        row |= {f"attribute.{name}": value for name, value in p.attributes.items()}
        rows.append([row.get(name, "") for name in header])
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        write_table(draft, header, rows, format_of(path))


def manifest_digest(path: str | Path) -> str:
    """Return the SHA-256 of a manifest file, in hexadecimal: what a bundle records of its training data."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _presentation(row: Mapping[str, str], path: Path, species: Mapping[str, str | None]) -> Presentation:
    captures = {}
    for column, value in row.items():
        modality = column.removeprefix("path.")
        if column.startswith("path.") and value:
            frames, unit, mask = (row.get(f"{what}.{modality}", "") for what in ("frames", "unit", "mask"))
            captures[modality] = CaptureFile(
                path.parent / value, _frames(frames), unit.strip(), path.parent / mask if mask else None
            )
    label = row.get("pai_species", "")
    if label not in species:
        said = f"says nothing ({label!r})" if label.strip() else "is empty"
        raise InputError(f"pai_species {said}: write 'bona_fide', or the kind of attack instrument")
    partition = row.get("partition", "")
    return Presentation(
        id=row["id"],
        dataset=row.get("dataset", path.stem),
        captures=captures,
        pai_species=species[label],
        subject=row.get("subject", ""),
        session=row.get("session", ""),
        partition=plain(partition) if plain(partition) in PARTITIONS else partition.strip(),
        attributes={
            k.removeprefix("attribute."): v for k, v in row.items() if k.startswith("attribute.") and v
        },
        licence=row.get("licence", ""),
        consent_basis=row.get("consent_basis", ""),
        retention_until=_day(row.get("retention_until", "")),
        simulated=_truth(row.get("simulated", "")),
    )


def _unit(presentation: Presentation, modality: str) -> str:
    file = presentation.captures.get(modality)
    return "" if file is None else file.unit


def _mask(presentation: Presentation, modality: str) -> Path | None:
    file = presentation.captures.get(modality)
    return None if file is None else file.mask


def _frames(value: str) -> tuple[int, int] | None:
    if not value:
        return None
    first, _, stop = value.partition(":")
    try:
        return int(first), int(stop)
    except ValueError:
        raise InputError(f"frames must be 'first:stop', for example '0:50', got {value!r}") from None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise InputError(f"retention_until must be a day such as 2031-12-31, got {value!r}") from None


def _truth(value: str) -> bool:
    found = truth(value) if value.strip() else False
    if found is None:
        raise InputError(f"simulated must be true or false, got {value!r}")
    return found


def _relative(path: Path, folder: Path) -> str:
    path = path.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
