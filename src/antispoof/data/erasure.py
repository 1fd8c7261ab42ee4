"""Remove a person: rows, files, and word of which trained bundles remember them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from antispoof.data.manifest import manifest_digest, read_manifest, write_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

__all__ = ["Erasure", "bundles_naming", "erase", "plan_erasure"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What erasing a person comes to.

    Attributes:
        removed: the person's presentations.
        kept: everybody else's.
        files: what is deleted.
        shared: files that rows of other people name too; they stay, and somebody has to look at them.
    """

    removed: tuple[Presentation, ...]
    kept: tuple[Presentation, ...]
    files: tuple[Path, ...]
    shared: tuple[Path, ...]


def plan_erasure(presentations: Sequence[Presentation], subject: str, dataset: str = "") -> Erasure:
    """Say what erasing a subject would remove; nothing is touched.

    Raises:
        InputError: nobody has that subject id, several datasets have it and none is named, or nobody would
            be left.
    """
    people = {p.person for p in presentations if p.subject == subject and dataset in ("", p.dataset)} - {None}
    if not subject or not people:
        where = f" of dataset {dataset!r}" if dataset else ""
        raise InputError(f"no presentation has the subject {subject!r}{where}; nothing was removed")
    if len(people) > 1:
        names = ", ".join(sorted(person[0] for person in people if person))
        raise InputError(f"subject {subject!r} stands in several datasets ({names}): name one with --dataset")
    removed = tuple(p for p in presentations if p.person in people)
    kept = tuple(p for p in presentations if p.person not in people)
    theirs = {file.path.resolve() for p in removed for file in p.captures.values()}
    others = {file.path.resolve() for p in kept for file in p.captures.values()}
    return Erasure(removed, kept, tuple(sorted(theirs - others)), tuple(sorted(theirs & others)))


def erase(manifest: Path, plan: Erasure) -> None:
    """Delete the files of ``plan``, then rewrite the manifest without its rows.

    Files go first: if one cannot be deleted, the rows stay, so that the erasure can be repeated. When
    nobody is left, the manifest itself is deleted.

    Raises:
        InputError: the manifest has changed since the plan was made, or a file cannot be deleted.
    """
    if {p.id for p in read_manifest(manifest)} != {p.id for p in (*plan.removed, *plan.kept)}:
        raise InputError(f"{manifest} has changed in the meantime: start again")
    for path in plan.files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot delete {path}: {error.strerror}; the manifest still holds its row"
            ) from None
    if plan.kept:
        write_manifest(plan.kept, manifest)
    else:
        manifest.unlink()


def bundles_naming(manifest: Path, folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the ONNX bundles below ``folders`` whose metadata holds the manifest's SHA-256 or its file name.

    ONNX stores metadata as plain UTF-8 (protocol buffers), so the bytes are searched, whatever the format
    version.
    """
    needles = (manifest_digest(manifest).encode(), manifest.name.encode())
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*.onnx")):
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.append(path)
    return tuple(found)
