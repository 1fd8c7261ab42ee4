"""What was presented to the sensors, and the contract every modality fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from antispoof.sensing.cues import Measured

__all__ = [
    "Box",
    "Capture",
    "FilmedModality",
    "Frames",
    "Modality",
    "Quality",
    "Recording",
    "Sample",
    "SingleModality",
    "Source",
    "Sources",
    "WindowedModality",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sensor's array plus what is needed to read it.

    Attributes:
        array: the data, in the unit and shape that its modality states (``face_rgb``: uint8, (H, W, 3), RGB).
        metadata: what the array alone does not say, for example ``{"sample_rate": 16000}``.
    """

    array: NDArray[Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reduced(self) -> int:
        """By what both sides of the picture were divided when it was decoded; 1 where it is whole."""
        return int(self.metadata.get("reduced", 1))


@dataclass(frozen=True, slots=True)
class Recording:
    """One sensor's file plus what the file does not say.

    Attributes:
        source: path, or the file's bytes.
        unit: what its numbers mean, in the words of its modality (``"0.1 mm"``, ``"12 bit"``); empty where
            the file, or the usual unit, tells.
        frames: half-open range (first, stop) of the frames that count, of a video, a stack of pictures or
            (samples) a recording of sound; None means all.
        picked: how many frames of a clip, or of a stack, are judged, spread over its time; None leaves that
            to `antispoof.sensing.frames.PICKED`, and 1 takes the middle one.
    """

    source: str | Path | bytes
    unit: str = ""
    frames: tuple[int, int] | None = None
    picked: int | None = None


Source = str | Path | bytes | NDArray[Any] | Sample | Recording
"""What a caller may hand in for one sensor: a path, the file's bytes, a decoded array, or one of these
together with what is needed to read it."""

Sources = Source | Sequence[Source]
"""What a caller may hand in for one sensor of a presentation: one source, or several, taken one after the
other."""

Capture = Mapping[str, Sample]
"""Modality name → `Sample`. A sensor that is not there has no key."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What one sensor saw of one presentation.

    Attributes:
        samples: one or more, in the order in which they were taken.
        spans_s: of a clip: from when to when each of them stands for what was seen, in seconds from the first
            picture; empty where nobody knows when they were taken.
        reasons: why they are no pictures that one camera took of one presentation, as codes of
            `antispoof.sensing.frames.REASONS`.
        measurements: what was measured to find that out.
        cues: what the course of a clip in colour shows; empty where there is none, or nobody asked.
        in_one_run: whether a camera was watched between them, and no cuts were seen.
        filmed: whether they are of one film or stream, in its order.
    """

    samples: tuple[Sample, ...]
    spans_s: tuple[tuple[float, float], ...] = ()
    reasons: tuple[str, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    cues: tuple[Measured, ...] = ()
    in_one_run: bool = False
    filmed: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels; it may reach outside the image.

    Attributes:
        x: left edge.
        y: top edge.
        width: extent to the right.
        height: extent downwards.
    """

    x: float
    y: float
    width: float
    height: float

    def scaled(self, factor: float) -> Box:
        """Return it in a picture whose sides are ``factor`` times as long."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a sample can be judged at all.

    Attributes:
        reasons: why it cannot, as ``code`` strings; empty means that it can.
        measurements: the numbers that the gate looked at, by name, with the unit in the name.
        region: where in the sample the subject is; None where the modality has no such notion, or none was
            found.
        quarter_turns: how often the region has to be turned anticlockwise for the subject to be upright;
            `Modality.prepare` does so.
    """

    reasons: tuple[str, ...]
    measurements: Mapping[str, float]
    region: Box | None = None
    quarter_turns: int = 0

    @property
    def usable(self) -> bool:
        """True when nothing speaks against judging the sample."""
        return not self.reasons


class Modality(Protocol):
    """One kind of sensor.

    Attributes:
        name: the registered name, for example ``face_rgb``.
        unit: dtype, shape, unit and range of the array, in words.
        title: what one sample is, in words: ``picture of the face``.
        folders: names that folders with its samples go by, beside its own name.
        unnamed: which files are taken for its samples where nobody says what they are: see
            `antispoof.sensing.content`.
        windowed: whether a sample is judged in windows, because it lasts; then it is a `WindowedModality`.
        reasons: every ``code`` that `quality` may give → what it means and what to do, in neutral words that
            may be shown to the person in front of the sensor.
    """

    name: str
    unit: str
    title: str
    folders: tuple[str, ...]
    unnamed: tuple[str, ...]
    windowed: bool
    reasons: Mapping[str, str]

    def load(self, source: Source) -> Sample:
        """Decode a path, bytes or an array under limits; raise `MediaError` when that cannot be done."""
        ...

    def quality(self, sample: Sample) -> Quality:
        """Measure whether the sample can be judged, and find the subject in it."""
        ...

    def frame(self, sample: Sample, quality: Quality, *_: Any, **arguments: Any) -> Box | None:
        """Tell which part of the sample `prepare` cuts out; None where that notion makes no sense."""
        ...

    def prepare(self, sample: Sample, quality: Quality, *_: Any, **arguments: Any) -> NDArray[np.float32]:
        """Cut and scale a usable sample into the array a network takes; where windowed, one a window (W, …).

        ``arguments`` are keywords that each modality names for itself; their values come from the bundle.
        """
        ...


@runtime_checkable
class WindowedModality(Modality, Protocol):
    """A modality whose samples last, and are judged in windows."""

    def timeline(
        self, sample: Sample, quality: Quality, *_: Any, **arguments: Any
    ) -> tuple[tuple[float, float], ...]:
        """Tell where the windows of `prepare` lie: W pairs of start and end, in seconds."""
        ...


@runtime_checkable
class FilmedModality(Modality, Protocol):
    """A modality whose samples are the pictures of a clip, or of a stack of frames.

    Attributes:
        filmed: in ``colour``, stacks being (T, H, W, 3), or in ``grey`` values that are kept as they are,
            stacks being (T, H, W).
    """

    filmed: Literal["colour", "grey"]


@runtime_checkable
class SingleModality(Modality, Protocol):
    """A modality of which one picture is judged, since nothing tells whether several are of one person.

    Attributes:
        single: True.
    """

    single: Literal[True]
