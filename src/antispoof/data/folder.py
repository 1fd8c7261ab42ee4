"""Read a tree of folders that somebody sorted by hand: ``bona_fide/…``, ``attack/print/…``."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from antispoof.data.files import MEDIA_SUFFIXES
from antispoof.data.presentation import CaptureFile, Presentation, partition_of
from antispoof.errors import InputError
from antispoof.labels import folder_meaning, meaning, plain
from antispoof.sensing.modalities import modalities, modality_by_name

__all__ = ["FolderImport", "import_folder"]

_PATTERN_GROUPS = ("subject", "session")


@dataclass(frozen=True, slots=True)
class FolderImport:
    """What a tree holds.

    Attributes:
        presentations: one per file, or per set of files that differ only in the modality folder.
        skipped: media files, relative to the root, of which no folder name tells the class.
        left_out: suffix → how many files of it nothing here reads; ``hidden`` for those with a dot first.
    """

    presentations: tuple[Presentation, ...]
    skipped: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def import_folder(
    root: str | Path,
    *,
    dataset: str = "",
    modality: str = "",
    pattern: str = "",
    licence: str = "",
    consent_basis: str = "",
) -> FolderImport:
    r"""Read the labels of a tree from the names of its folders.

    A folder called ``bona_fide`` (``live``, ``real``, ``genuine``; see `antispoof.labels`) holds bona fide
    presentations; one called ``attack`` (``spoof``, ``fake``) holds attacks, and the folder below it names
    the kind; where there is none such, a folder beside a bona fide one names a kind of attack. ``train``,
    ``dev``/``val`` and ``test`` set the partition; ``rgb``, ``depth``, ``ir``, ``thermal``, … the
    modality, and files that differ only there become one presentation.

    Args:
        root: the folder.
        dataset: what to call it; empty means the name of the folder.
        modality: of files in whose path no folder names one; empty means ``voice`` of sounds and ``face_rgb``
            of all others.
        pattern: regular expression, searched in the path relative to ``root``, with a group named ``subject``
            and, if wanted, one named ``session``: ``r"(?P<subject>s\d+)_(?P<session>\d)"``.
        licence: terms of use of all files.
        consent_basis: of all files.

    Raises:
        InputError: no such folder, no labelled media file in it (the message shows what was
            found), a path that says both bona fide and attack, or a pattern that is none or does not match
            a file.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root} is not a folder")
    expression = _compile(pattern)
    names, left_out = _media_files(root)
    genuine_parents = _parents(names, "bona_fide") - _parents(names, "attack")
    grouped: dict[str, dict[str, CaptureFile]] = defaultdict(dict)
    sensors_by_folder = _sensors_by_folder()
    labels: dict[str, tuple[str | None, str, dict[str, str]]] = {}
    skipped = []
    for path in names:
        folders = path.parts[:-1]
        label = _label(path, genuine_parents, sensors_by_folder)
        if label == "":
            skipped.append(path.as_posix())
            continue
        sensors = [i for i, name in enumerate(folders) if plain(name) in sensors_by_folder]
        rest = [name for i, name in enumerate(folders) if i not in sensors]
        identifier = "/".join([*rest, path.stem])
        sensor = (
            sensors_by_folder[plain(folders[sensors[-1]])] if sensors else modality or modality_by_name(path)
        )
        if sensor in grouped[identifier]:  # a.jpg beside a.png
            identifier = "/".join([*rest, path.name])
        grouped[identifier][sensor] = CaptureFile(root / path)
        partition = next(filter(None, map(partition_of, folders)), "")
        labels[identifier] = (label, partition, _groups(expression, path))
    if not labels:
        raise InputError(
            f"{root} holds no labelled media file: expected folders named bona_fide and attack "
            f"(or live/spoof, real/fake), found {_shown(root)}{_told(left_out)}"
        )
    return FolderImport(
        tuple(
            Presentation(
                id=identifier,
                dataset=dataset or root.resolve().name,
                captures=grouped[identifier],
                pai_species=label,
                partition=partition,
                subject=groups.get("subject", ""),
                session=groups.get("session", ""),
                licence=licence,
                consent_basis=consent_basis,
            )
            for identifier, (label, partition, groups) in labels.items()
        ),
        tuple(skipped),
        left_out,
    )


def _media_files(root: Path) -> tuple[list[PurePosixPath], dict[str, int]]:
    """Return the files that something here reads, relative to the root, and counts of the others."""
    names, left_out = [], Counter[str]()
    for path in sorted(file.relative_to(root) for file in root.rglob("*") if file.is_file()):
        if any(part.startswith(".") for part in path.parts) or path.parts[0] == "__MACOSX":
            left_out["hidden"] += 1
        elif path.suffix.lower() in MEDIA_SUFFIXES:
            names.append(PurePosixPath(path.as_posix()))
        else:
            left_out[path.suffix.lower() or "no suffix"] += 1
    return names, dict(left_out.most_common())


def _told(left_out: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} {suffix}" for suffix, count in left_out.items())
    return f", and {counts}, which nothing here reads" if counts else ""


def _sensors_by_folder() -> dict[str, str]:
    """Name of a folder → the modality whose samples it holds."""
    return {plain(folder): name for name in modalities for folder in (name, *modalities[name].folders)}


def _label(
    path: PurePosixPath, genuine_parents: set[str], sensors_by_folder: Mapping[str, str]
) -> str | None:
    """Return None for bona fide, a kind of attack, or "" when the path does not say."""
    folders = path.parts[:-1]
    plain_names = [plain(name) for name in folders]
    says = [folder_meaning(name) for name in folders]
    genuine, attacks = "bona_fide" in says, [i for i, found in enumerate(says) if found == "attack"]
    if genuine and attacks:
        raise InputError(f"the folders of {path.as_posix()!r} say both bona fide and attack")
    if genuine:
        return None
    if attacks:
        below = [
            name
            for name in plain_names[attacks[-1] + 1 :]
            if name not in sensors_by_folder and partition_of(name) is None
        ]
        return _kind(below[0]) if below else "unspecified"
    beside = next((plain_names[i] for i in range(len(folders)) if _above(path, i) in genuine_parents), "")
    return beside if partition_of(beside) is None and meaning(beside) == "kind" else ""


def _kind(folder: str) -> str:
    """Name a kind of attack by the folder that stands for it: a number or a letter alone is no name."""
    says = meaning(folder)
    return (
        "unspecified" if says == "nothing" else folder if says in ("kind", "attack") else f"attack_{folder}"
    )


def _parents(paths: Iterable[PurePosixPath], says: str) -> set[str]:
    return {
        _above(p, i) for p in paths for i, name in enumerate(p.parts[:-1]) if folder_meaning(name) == says
    }


def _above(path: PurePosixPath, index: int) -> str:
    return "/".join(path.parts[:index])


def _compile(pattern: str) -> re.Pattern[str] | None:
    if not pattern:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"pattern {pattern!r} is not a regular expression: {error}") from None
    if not set(expression.groupindex) & set(_PATTERN_GROUPS):
        raise InputError(
            f"pattern {pattern!r} must have a group named subject, for example (?P<subject>\\d+)"
        )
    return expression


def _groups(expression: re.Pattern[str] | None, path: PurePosixPath) -> dict[str, str]:
    if expression is None:
        return {}
    match = expression.search(path.as_posix())
    if match is None:
        raise InputError(f"pattern {expression.pattern!r} does not match {path.as_posix()!r}")
    return {name: value for name, value in match.groupdict().items() if value and name in _PATTERN_GROUPS}


def _shown(root: Path) -> str:
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in root.iterdir())
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "an empty folder"
