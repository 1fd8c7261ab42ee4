"""What the cues measure in every clip of a manifest: once, one line a clip, so that a stop costs one clip."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError, MediaError
from antispoof.sensing.cues import Measured, cues
from antispoof.sensing.frames import load_member

__all__ = ["MeasuredClip", "measure_clips", "numbers_of", "read_measured"]

MODALITY = "face_rgb"


@dataclass(frozen=True, slots=True)
class MeasuredClip:
    """One clip and its numbers.

    Attributes:
        id: of the presentation.
        subject: who is shown.
        pai_species: None for bona fide.
        partition: of the manifest.
        licence: of the files.
        simulated: whether a program made it.
        cues: by cue: its numbers, (F,), or the reasons why there are none.
    """

    id: str
    subject: str
    pai_species: str | None
    partition: str
    licence: str
    simulated: bool
    cues: dict[str, NDArray[np.float64] | tuple[str, ...]]

    def as_line(self) -> str:
        """Return a line of JSON that `read_measured` reads."""
        told = {
            name: found.tolist() if isinstance(found, np.ndarray) else list(found)
            for name, found in self.cues.items()
        }
        return json.dumps({**asdict(replace(self, cues={})), "cues": told}) + "\n"


def numbers_of(found: Sequence[Measured]) -> dict[str, NDArray[np.float64] | tuple[str, ...]]:
    """Return, by cue, the numbers, (F,), or the reasons why there are none."""
    return {one.name: one.reasons if one.features is None else one.features for one in found}


def measure_clips(
    manifests: Sequence[Path], out: Path, progress: Callable[[int, int], None]
) -> tuple[str, ...]:
    """Let every cue look at every clip, and write a line of JSON for each; what is there already stays.

    Args:
        manifests: of clips in colour.
        out: file to write, or to go on with.
        progress: told how many are done, and of how many.

    Returns:
        what could not be read, and why.

    Raises:
        InputError: an id occurs twice, or ``out`` is no such file.
    """
    rows = [row for manifest in manifests for row in read_manifest(manifest) if MODALITY in row.captures]
    if len({row.id for row in rows}) < len(rows):
        raise InputError("an id occurs in two of the manifests: simulate them with different seeds")
    done = {clip.id for clip in read_measured(out)} if out.exists() else set()
    skipped = []
    with out.open("a", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            progress(number, len(rows))
            if row.id in done:
                continue
            try:
                file.write(_measured(row).as_line())
            except MediaError as error:
                skipped.append(f"{row.id}: {error}")
            file.flush()
    progress(len(rows), len(rows))
    return tuple(skipped)


def _measured(row: Presentation) -> MeasuredClip:
    found = load_member(MODALITY, row.captures[MODALITY].recording, cues=True).cues
    if not found:
        raise MediaError("unsupported_media", "is no clip")
    return MeasuredClip(
        row.id, row.subject, row.pai_species, row.partition, row.licence, row.simulated, numbers_of(found)
    )


def read_measured(path: Path) -> tuple[MeasuredClip, ...]:
    """Read what `measure_clips` wrote; numbers of a cue that has others by now are refused.

    Raises:
        InputError: it is no such file.
    """
    clips = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            content = json.loads(line)
            numbers = {name: _numbers(name, values) for name, values in content.pop("cues").items()}
            clips.append(MeasuredClip(**content, cues=numbers))
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{str(path)!r} holds no measured clips: {error}") from None
    return tuple(clips)


def _numbers(name: str, values: list[float] | list[str]) -> NDArray[np.float64] | tuple[str, ...]:
    if all(isinstance(value, str) for value in values):
        return tuple(str(value) for value in values)
    if len(values) != len(cues[name].features):
        raise InputError(
            f"{name} has {len(cues[name].features)} numbers, {len(values)} were measured: measure them anew"
        )
    return np.array(values, np.float64)
