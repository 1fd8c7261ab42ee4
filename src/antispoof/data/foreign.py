"""Somebody else's table of presentations as a manifest: a CSV file, or a protocol list of the field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from antispoof.columns import Layout, recognise
from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import CaptureFile, Presentation, partition_of
from antispoof.errors import ExperimentError, InputError
from antispoof.labels import meaning, path_meanings, plain, read_labels, truth
from antispoof.tables import TextTable

__all__ = ["TableImport", "import_table"]

_SHOWN_ERRORS = 10
_OWN = ("session", "dataset", "partition", "licence", "consent_basis", "simulated")
_HOW = "say which with --bona-fide"


@dataclass(frozen=True, slots=True)
class TableImport:
    """What a table holds.

    Attributes:
        presentations: one a row.
        read_as: which column was taken as what, in words.
    """

    presentations: tuple[Presentation, ...]
    read_as: str


def import_table(
    path: str | Path,
    *,
    columns: Mapping[str, str] = MappingProxyType({}),
    bona_fide: str | None = None,
    modality: str = "face_rgb",
    files: str = "",
    dataset: str = "",
    licence: str = "",
    consent_basis: str = "",
) -> TableImport:
    """Read a table of files and labels, however it calls its columns.

    Args:
        path: the table; relative paths in it start at its folder.
        columns: which column is what: ``id``, ``path`` (or ``path.<modality>``, for several sensors),
            ``label``, ``species``, ``subject``, ``session``, ``partition``; a number counts columns from 1.
            What is not said is recognised by usual names, and by the form of ASVspoof protocols.
        bona_fide: the label that means bona fide, where ``0`` and ``1`` would leave that open.
        modality: of the files, where one column names them.
        files: where the file of a row lies, with ``{id}`` in it: ``flac/{id}.flac``. Empty: the path, or else
            the id, is the file.
        dataset: what to call it; empty means the column of that name, else the name of the table.
        licence: terms of use of all files.
        consent_basis: of all files.

    Raises:
        InputError: no such table, labels that are missing, ambiguous or contradictory, or rows that are no
            presentation; the message names them.
    """
    path = Path(path)
    if files and "{id}" not in files:
        raise InputError(f"files must hold {{id}}, as in 'flac/{{id}}.flac', got {files!r}")
    try:
        table = TextTable.open(path)
        if not columns and any(name.strip().lower().startswith("path.") for name in (*table.head, [])[0]):
            return TableImport(read_manifest(path, bona_fide=bona_fide), "a manifest")
        sensors = [role for role in columns if role.startswith("path.")]
        given = dict(columns)
        if "id" not in given and (named := given.get("path") or next((given[s] for s in sensors), None)):
            given["id"] = named
        layout = recognise(table.head, ("id", "label"), given)
        rows = [
            (line, [cell.strip() for cell in cells])
            for line, cells in table.rows(layout.header, headed=layout.headed)
        ]
        species = _species(rows, layout, bona_fide if bona_fide is not None else layout.bona_fide)
    except ExperimentError:
        raise
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    fields = {"dataset": dataset or path.stem, "licence": licence, "consent_basis": consent_basis}
    presentations, errors = [], []
    for (line, cells), kind in zip(rows, species, strict=True):
        try:
            presentations.append(_presentation(cells, kind, layout, path.parent, modality, files, fields))
        except InputError as error:
            errors.append(f"line {line}: {error}")
    errors += _against_paths(presentations, path.parent)
    twice = [name for name, count in Counter(p.id for p in presentations).items() if count > 1]
    if twice:
        more = f" and {len(twice) - 1} more ids" if len(twice) > 1 else ""
        errors.append(f"id {twice[0]!r} appears more than once{more}")
    if errors or not presentations:
        more = f"\n  and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
        said = "\n  ".join(errors[:_SHOWN_ERRORS]) or "it holds no row below its header"
        raise ExperimentError(f"{path} cannot be imported:\n  {said}{more}")
    return TableImport(tuple(presentations), layout.said)


def _against_paths(presentations: list[Presentation], folder: Path) -> list[str]:
    """Say how many labels the folders of the files contradict."""
    above = f"{folder.as_posix()}/"
    against = [
        (file.path, p)
        for p in presentations
        for file in p.captures.values()
        if (says := path_meanings(file.path.as_posix().removeprefix(above)))
        and says != {"bona_fide" if p.bona_fide else "attack"}
    ]
    if not against:
        return []
    path, p = against[0]
    label = "bona fide" if p.bona_fide else f"an attack ({p.pai_species})"
    return [
        f"the labels of {len(against):,} files contradict their paths, for example {path}, which is {label} "
        "by the table: is the label that means bona fide the other one (--bona-fide)?"
    ]


def _species(rows: list[tuple[int, list[str]]], layout: Layout, bona_fide: str | None) -> list[str | None]:
    """Read the class, and the kind of attack where a column of its own tells it."""
    at, kind_at = layout.roles["label"], layout.roles.get("species")
    column = layout.header[at]
    classes = read_labels(
        Counter(cells[at] for _, cells in rows), column=column, bona_fide=bona_fide, how=_HOW
    )
    if kind_at is None:
        return [classes[cells[at]] for _, cells in rows]
    spellings: dict[str, str] = {}
    found: list[str | None] = []
    for line, cells in rows:
        named, kind = classes[cells[at]], cells[kind_at]
        says = meaning(kind)
        if (named is None and says in ("kind", "attack")) or (named is not None and says == "bona_fide"):
            raise InputError(
                f"line {line}: {cells[at]!r} in {column} and {kind!r} as the kind of attack contradict each "
                "other"
            )
        if named is not None and says in ("kind", "attack"):
            named = spellings.setdefault(plain(kind), kind)
        found.append(named)
    return found


def _presentation(
    cells: list[str],
    species: str | None,
    layout: Layout,
    folder: Path,
    modality: str,
    files: str,
    fields: Mapping[str, str],
) -> Presentation:
    own: dict[str, Any] = {
        name: cells[index]
        for index, header in enumerate(layout.header)
        if (name := plain(header)) in _OWN and cells[index]
    }
    own |= {role: cells[i] for role, i in layout.roles.items() if role in (*_OWN, "subject")}
    if written := own.pop("partition", ""):
        own["partition"] = partition_of(written) or written
    if written := own.pop("simulated", ""):
        own["simulated"] = truth(written)
        if own["simulated"] is None:
            raise InputError(f"simulated must be true or false, got {written!r}")
    identifier = cells[layout.roles["id"]]
    captures = {
        role.removeprefix("path."): CaptureFile(folder / cells[i])
        for role, i in layout.roles.items()
        if role.startswith("path.") and cells[i]
    }
    if not captures:
        name = (
            files.replace("{id}", identifier)
            if files
            else cells[layout.roles.get("path", layout.roles["id"])]
        )
        captures = {modality: CaptureFile(folder / name.replace("\\", "/"))} if name else {}
    taken = {*layout.roles.values()}
    attributes = {
        header: cells[index]
        for index, header in enumerate(layout.header)
        if header and index not in taken and plain(header) not in _OWN and cells[index] not in ("", "-")
    }
    return Presentation(
        id=identifier,
        captures=captures,
        pai_species=species,
        attributes=attributes,
        **{**fields, **{name: value for name, value in own.items() if value}},
    )
