"""Evidence from time, one cue a file: numbers of a clip that no single picture holds.

A cue looks at the pictures of a clip as they come (`CueWatch.see`), keeps a few numbers of each, and ends in
a vector of numbers of fixed length, or says why it could not measure. What could not be measured is absent:
it speaks neither for bona fide nor for an attack. What the numbers are worth is learned, see
`antispoof.runtime.cues`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from antispoof.registry import Registry
from antispoof.sensing.track import TrackedFrame

__all__ = ["ALWAYS", "UNASKED", "Cue", "CueWatch", "Measured", "Unasked", "cues"]

ALWAYS: Mapping[str, str] = {
    "no_face": "the face was not in the picture for most of the clip",
    "too_short": "the clip is too short, or has too few pictures a second",
    "interlaced": "the clip is interlaced: lines of two moments lie in one picture",
}
"""Reasons that every cue has."""

UNASKED: Mapping[str, str] = {
    "no_sound": "no voice of the same file was given",
    "not_asked": "no challenge asked for it",
}
"""Reasons of a cue that needs more than pictures, where there is no more: then nothing is told of it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a cue found in a clip.

    Attributes:
        name: of the cue.
        features: float64, (F,), the numbers that `Cue.features` names; None where it could not measure.
        reasons: why not, as codes of `Cue.reasons`; empty where it could.
        course: what it saw when, for the eye: (time in seconds, value); empty where there is nothing to draw.
    """

    name: str
    features: NDArray[np.float64] | None
    reasons: tuple[str, ...] = ()
    course: tuple[tuple[float, float], ...] = ()


class CueWatch(Protocol):
    """A cue at work on one clip."""

    def see(self, frame: TrackedFrame) -> None:
        """Take in the next picture; of the pixels nothing may be kept but those of the last one."""
        ...

    def measured(self) -> Measured:
        """Tell what was found so far; may be asked at any time, and again."""
        ...


class Cue(Protocol):
    """One kind of evidence from time.

    Attributes:
        name: the registered name, for example ``face_relief``.
        title: what it looks at, in words.
        features: what each of its numbers is called, with the unit in the name where it has one.
        drawn: what the values of `Measured.course` are, in words.
        reasons: every ``code`` for which it may not be measurable → what it means, in neutral words.
    """

    name: str
    title: str
    features: tuple[str, ...]
    drawn: str
    reasons: Mapping[str, str]

    def watch(self) -> CueWatch:
        """Begin with a clip."""
        ...


class Unasked:
    """What a clip alone tells of a cue that a challenge has to ask for: nothing.

    Args:
        name: of the cue.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def see(self, frame: TrackedFrame) -> None:
        """Pictures alone tell nothing."""

    def measured(self) -> Measured:
        """Say that nobody asked."""
        return Measured(self._name, None, ("not_asked",))


cues: Registry[Cue] = Registry("cue", __name__)
