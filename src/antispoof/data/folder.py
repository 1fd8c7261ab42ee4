"""Read a tree of folders that somebody sorted by hand: ``bona_fide/…``, ``attack/print/…``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from antispoof.data.files import MEDIA_SUFFIXES
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import InputError
from antispoof.sensing.modalities import modalities

__all__ = ["FolderImport", "import_folder"]

_BONA_FIDE = frozenset({"bona_fide", "bonafide", "bona-fide", "genuine", "live", "real"})
_ATTACK = frozenset({"attack", "attacks", "fake", "impostor", "presentation_attack", "spoof", "spoofs"})
_PARTITIONS = {
    "train": "train", "training": "train",
    "dev": "dev", "devel": "dev", "development": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_PATTERN_GROUPS = ("subject", "session")


@dataclass(frozen=True, slots=True)
class FolderImport:
    """What a tree holds.

    Attributes:
        presentations: one per file, or per set of files that differ only in the modality folder.
        skipped: media files, relative to the root, of which no folder name tells the class.
    """

    presentations: tuple[Presentation, ...]
    skipped: tuple[str, ...]


def import_folder(
    root: str | Path,
    *,
    dataset: str = "",
    modality: str = "face_rgb",
    pattern: str = "",
    licence: str = "",
    consent_basis: str = "",
) -> FolderImport:
    r"""Read the labels of a tree from the names of its folders.

    A folder called ``bona_fide`` (``live``, ``real``, ``genuine``) holds bona fide presentations; one called
    ``attack`` (``spoof``, ``fake``) holds attacks, and the folder below it names the kind; where there is
    none such, a folder beside a bona fide one names a kind of attack. ``train``, ``dev``/``val`` and
    ``test`` set the partition; ``rgb``, ``depth``, ``ir``, ``thermal``, … the modality, and files that
    differ only there become one presentation.

    Args:
        root: the folder.
        dataset: what to call it; empty means the name of the folder.
        modality: of files in whose path no folder names one.
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
    files = sorted(p.relative_to(root) for p in root.rglob("*") if p.suffix.lower() in MEDIA_SUFFIXES)
    names = [PurePosixPath(p.as_posix()) for p in files]
    genuine_parents = _parents(names, _BONA_FIDE) - _parents(names, _ATTACK)
    grouped: dict[str, dict[str, CaptureFile]] = defaultdict(dict)
    sensors_by_folder = _sensors_by_folder()
    labels: dict[str, tuple[str | None, str, dict[str, str]]] = {}
    skipped = []
    for path in names:
        folders = path.parts[:-1]
        label = _label(path, genuine_parents)
        if label == "":
            skipped.append(path.as_posix())
            continue
        sensors = [i for i, name in enumerate(folders) if _plain(name) in sensors_by_folder]
        rest = [name for i, name in enumerate(folders) if i not in sensors]
        identifier = "/".join([*rest, path.stem])
        sensor = sensors_by_folder[_plain(folders[sensors[-1]])] if sensors else modality
        if sensor in grouped[identifier]:  # a.jpg beside a.png
            identifier = "/".join([*rest, path.name])
        grouped[identifier][sensor] = CaptureFile(root / path)
        partition = next((_PARTITIONS[_plain(name)] for name in folders if _plain(name) in _PARTITIONS), "")
        labels[identifier] = (label, partition, _groups(expression, path))
    if not labels:
        raise InputError(
            f"{root} holds no labelled media file: expected folders named bona_fide and attack "
            f"(or live/spoof, real/fake), found {_shown(root)}"
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
    )


def _sensors_by_folder() -> dict[str, str]:
    """Name of a folder → the modality whose samples it holds."""
    return {folder: name for name in modalities for folder in (name, *modalities[name].folders)}


def _label(path: PurePosixPath, genuine_parents: set[str]) -> str | None:
    """Return None for bona fide, a kind of attack, or "" when the path does not say."""
    folders = path.parts[:-1]
    plain = [_plain(name) for name in folders]
    genuine = any(name in _BONA_FIDE for name in plain)
    attacks = [i for i, name in enumerate(plain) if name in _ATTACK]
    if genuine and attacks:
        raise InputError(f"the folders of {path.as_posix()!r} say both bona fide and attack")
    if genuine:
        return None
    if attacks:
        below = [
            n for n in plain[attacks[-1] + 1 :] if n not in _sensors_by_folder() and n not in _PARTITIONS
        ]
        return below[0] if below else "unspecified"
    beside = [i for i in range(len(folders)) if _above(path, i) in genuine_parents]
    return plain[beside[0]] if beside and plain[beside[0]] not in _PARTITIONS else ""


def _parents(paths: Iterable[PurePosixPath], names: frozenset[str]) -> set[str]:
    return {_above(p, i) for p in paths for i, name in enumerate(p.parts[:-1]) if _plain(name) in names}


def _above(path: PurePosixPath, index: int) -> str:
    return "/".join(path.parts[:index])


def _plain(name: str) -> str:
    return name.lower()


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
