"""A folder of portraits → people to simulate from, and a collection of captures simulated of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from antispoof.data.files import IMAGE_SUFFIXES
from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.data.splitting import split
from antispoof.errors import InputError, MediaError
from antispoof.sensing.modalities import modalities
from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.presentations import simulate_pairs

__all__ = ["portrait_files", "read_portrait", "read_portraits", "write_faces"]

_FRACTIONS = (0.6, 0.2, 0.2)


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
    portraits: list[Portrait] = []
    for path in portrait_files(folder):
        portrait = read_portrait(CaptureFile(path), path.stem, skipped)
        if portrait is None:
            continue
        if any(one.subject == portrait.subject for one in portraits):
            skipped(f"{path.name}: there is a portrait of {path.stem!r} already")
            continue
        portraits.append(portrait)
    if not portraits:
        raise InputError(f"no usable portrait in {str(folder)!r}")
    return portraits


def portrait_files(folder: Path) -> list[Path]:
    """List the pictures of a folder that may be portraits."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def read_portrait(file: CaptureFile, subject: str, skipped: Callable[[str], None]) -> Portrait | None:
    """Read one picture; ``skipped`` is told why it is None, where it shows no usable face."""
    modality = modalities["face_rgb"]
    try:
        sample = modality.load(file.recording)
    except MediaError as error:
        skipped(f"{file.path.name}: {error}")
        return None
    quality = modality.quality(sample)
    if quality.region is None or not quality.usable or quality.quarter_turns:
        skipped(f"{file.path.name}: {', '.join(quality.reasons) or 'not_upright'}")
        return None
    return Portrait.of(subject, sample.array, quality.region)


def write_faces(
    portraits: Sequence[Portrait],
    out: Path,
    *,
    licence: str,
    variants: int,
    instruments: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Path:
    """Simulate a bona fide capture and one of every attack, ``variants`` times a person; write the manifest.

    Args:
        portraits: the people.
        out: an empty or new folder.
        licence: terms of the portraits, which the manifest repeats.
        variants: pairs a person.
        instruments: names of face instruments; empty means all.
        seed: the same seed makes the same collection.
        progress: called after each person.

    Returns:
        Path of ``manifest.csv``, divided into train, dev and test by person where there are people enough.

    Raises:
        InputError: ``out`` holds something, or cannot be made.
        UnknownNameError: no such instrument.
    """
    kinds = tuple(instruments) or tuple(face_instruments)
    for kind in kinds:
        face_instruments[kind]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"out must be an empty or new folder, {str(out)!r} holds something")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {str(out)!r}: {error.strerror}") from None
    rows = []
    for index, portrait in enumerate(portraits):
        for variant in range(variants):
            for face in simulate_pairs(portraits, index, variant, seed, kinds):
                kind = face.pai_species or "bona_fide"
                name = f"{portrait.subject}-{variant:03d}-{kind}"
                # PNG: the simulated camera has compressed the picture already.
                cv2.imwrite(str(out / f"{name}.png"), cv2.cvtColor(face.image, cv2.COLOR_RGB2BGR))
                rows.append(
                    Presentation(
                        id=name,
                        dataset="simulated-faces",
                        captures={"face_rgb": CaptureFile(out / f"{name}.png")},
                        pai_species=face.pai_species,
                        subject=portrait.subject,
                        licence=licence,
                        simulated=True,
                    )
                )
        progress()
    if len(portraits) >= 2 * len(_FRACTIONS):
        rows = list(split(rows, _FRACTIONS, seed))
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest
