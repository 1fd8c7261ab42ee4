"""A folder of portraits → people to simulate from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from antispoof.data.simulation.portrait import Portrait
from antispoof.errors import InputError, MediaError
from antispoof.sensing.modalities import modalities

__all__ = ["read_portraits"]

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def read_portraits(folder: Path, skipped: Callable[[str], None]) -> list[Portrait]:
    """Read every picture of a folder that shows one usable face; the file name is the subject.

    Args:
        folder: one picture a person.
        skipped: told why, for each picture that cannot be used.

    Raises:
        InputError: there is no such folder, or no usable picture in it.
    """
    if not folder.is_dir():
        raise InputError(f"portraits must be a folder with one picture a person, got {str(folder)!r}")
    modality = modalities["face_rgb"]
    portraits = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES):
        try:
            sample = modality.load(path)
        except MediaError as error:
            skipped(f"{path.name}: {error}")
            continue
        quality = modality.quality(sample)
        if quality.region is None or not quality.usable:
            skipped(f"{path.name}: {', '.join(quality.reasons)}")
            continue
        portraits.append(Portrait.of(path.stem, sample.array, quality.region))
    if not portraits:
        raise InputError(f"no usable portrait in {str(folder)!r}")
    return portraits
