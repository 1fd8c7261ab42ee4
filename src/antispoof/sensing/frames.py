"""Several frames of one presentation: a burst of files or arrays, a stack, a clip.

They have to be what one camera took of one presentation, one picture after the other. Where they repeat,
stand still or jump, the `Frames` say so; what that means for a verdict is for the runtime to say.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.arrays import read_numpy
from antispoof.sensing.capture import Frames, Recording, Sample, SingleModality, Source, Sources
from antispoof.sensing.content import content_of
from antispoof.sensing.kinds import VIDEOS, kind_of
from antispoof.sensing.modalities import modalities
from antispoof.sensing.repetition import (
    REPEATED_ADVICE,
    alternates,
    find_jumps,
    find_repetition,
    find_splices,
    in_one_run,
    plays_again,
)
from antispoof.sensing.source import (
    DEFAULT_LIMITS,
    MediaLimits,
    decoding,
    middle,
    name_of,
    read_bytes,
    read_head,
)

if TYPE_CHECKING:
    from antispoof.sensing.video import Clip

__all__ = ["PICKED", "REASONS", "Course", "course_of", "joined", "load_frames", "load_member", "members"]

SPARSE = 4096  # values of a sample that are compared first
FROZEN_SHARE = 0.5  # of a clip: so long in one piece without any change is frozen
PICKED = 8  # frames of a clip or a stack that are looked at

REASONS: Mapping[str, str] = {
    "repeated": "the same picture or recording was handed in more than once: take each of them anew",
    "frozen": REPEATED_ADVICE,
    "looped": REPEATED_ADVICE,
    "still": "nothing in the face moved: a still picture? Move the head a little, and take it anew",
    "spliced": "the clip is not in one piece: record it anew, without stopping in between",
    "several_people": "the pictures show different people: take all of them of one person",
    "few_usable": "most of the pictures could not be used: see what was wrong with them, and take them anew",
}
"""What may be wrong with frames that are to be of one presentation, as codes, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Course:
    """What `course_of` finds.

    Attributes:
        reasons: codes of `REASONS`.
        measurements: what was measured for them.
        in_one_run: whether a camera was watched from the first picture to the last, and no cut was seen.
    """

    reasons: tuple[str, ...]
    measurements: Mapping[str, float]
    in_one_run: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    time_s: float
    digest: str
    thumbnail: NDArray[np.float32]


def load_frames(name: str, source: Sources, limits: MediaLimits = DEFAULT_LIMITS) -> Frames:
    """Decode what one sensor saw of one presentation: `members`, each loaded, and `joined`."""
    return joined([load_member(name, member, limits) for member in members(name, source, limits)])


def members(name: str, source: Sources, limits: MediaLimits = DEFAULT_LIMITS) -> tuple[Source, ...]:
    """Tell the sources of one presentation apart.

    Args:
        name: of the modality.
        source: one source, or a list of them, of which each is one frame.
        limits: of how many there may be.

    Raises:
        MediaError: ``empty`` where the list is, ``frame_limit`` where it is too long or one picture is all
            that the modality judges, ``film`` where a clip stands in it.
        InputError: there is a list in the list.
    """
    if not isinstance(source, (list, tuple)):
        return (cast("Source", source),)
    if not source:
        raise MediaError("empty", f"{name}: the list of frames is empty; hand in one at least")
    if len(source) > limits.max_clip_frames:
        raise MediaError(
            "frame_limit",
            f"{name}: {len(source)} frames, and one presentation may have {limits.max_clip_frames}: "
            "leave some out",
        )
    _one_where_one_is_judged(name, len(source))
    for one in source:
        if isinstance(one, (list, tuple)):
            raise InputError(f"{name}: a frame is a path, bytes or an array, not a list")
        file = one.source if isinstance(one, Recording) else one
        if len(source) == 1 or not isinstance(file, (str, Path, bytes)) or modalities[name].windowed:
            continue
        if content_of(file) == "film":
            raise MediaError(
                "film", f"{name}: {name_of(file)} is a clip among frames: hand in the clip by itself"
            )
    return tuple(source)


def load_member(
    name: str, source: Source, limits: MediaLimits = DEFAULT_LIMITS, *, cues: bool = False
) -> Frames:
    """Decode one source: a sample, or a clip by path or a stack of frames, of which eight are picked, or as
    many as its `Recording` says.

    They are the sharpest of as many stretches of time.

    Args:
        name: of the modality.
        source: one.
        limits: of what is decoded.
        cues: whether to look at the whole course of a clip in colour, see `antispoof.sensing.cues`.

    Raises:
        MediaError: it is no usable media, or a clip beyond the limits.
        InputError: it is neither path nor bytes nor array.
    """
    modality = modalities[name]
    filmed = getattr(modality, "filmed", None)  # of `FilmedModality`; asking the protocol takes 0.1 ms
    if filmed is not None and _picked(source) > 1:
        found = _stack(source, filmed) or _clip(source, filmed, limits, cues)
        if found is not None:
            loaded = tuple(modality.load(sample) for sample in found.samples)
            return replace(found, samples=loaded)
    sample = modality.load(source)
    if not (isinstance(source, Recording) and source.frames):
        _one_where_one_is_judged(name, sample.metadata.get("frames", 1))
    return Frames((sample,))


def _one_where_one_is_judged(name: str, count: int) -> None:
    """Refuse several pictures of a modality that cannot tell whether they are of one person."""
    modality = modalities[name]
    if count > 1 and isinstance(modality, SingleModality):
        raise MediaError(
            "frame_limit",
            f"{name}: one presentation has one {modality.title}, got {count}; nothing tells whether several "
            "are of one person: check each by itself",
        )


def joined(parts: Sequence[Frames]) -> Frames:
    """Join what was loaded one by one: of several, no picture may be there twice."""
    if len(parts) == 1:
        return parts[0]
    samples = tuple(sample for part in parts for sample in part.samples)
    reasons = (*_repeated(samples), *(reason for part in parts for reason in part.reasons))
    return Frames(samples, reasons=tuple(dict.fromkeys(reasons)))


def _repeated(samples: Sequence[Sample]) -> tuple[str, ...]:
    """A camera never delivers the same picture twice: noise alone sees to that."""
    alike: dict[bytes, list[NDArray[Any]]] = {}
    for array in (sample.array for sample in samples):
        few = array.reshape(-1)[:: max(1, array.size // SPARSE)].tobytes()  # quick, then surely
        if any(np.array_equal(array, other) for other in alike.setdefault(few, [])):
            return ("repeated",)
        alike[few].append(array)
    return ()


def _picked(source: Source) -> int:
    return (source.picked if isinstance(source, Recording) else None) or PICKED


def _stack(source: Source, filmed: str) -> Frames | None:
    """Take an array of several frames apart; None where it is none."""
    frames, metadata, most = None, dict[str, Any](), _picked(source)
    if isinstance(source, Recording):
        metadata = {"unit": source.unit} if source.unit else {}
        frames, source = source.frames, source.source
    if isinstance(source, Sample):
        metadata, source = {**source.metadata}, source.array
    if isinstance(source, (str, Path, bytes)):
        if kind_of(read_head(source)) != "npy":
            return None
        with decoding(name_of(source)):
            source = read_numpy(read_bytes(source), name_of(source), DEFAULT_LIMITS)
    if not isinstance(source, np.ndarray):
        return None
    stacked = source.ndim == 4 if filmed == "colour" else source.ndim == 3 and source.shape[2] not in (1, 3)
    if not stacked or not source.size:
        return None
    middle(len(source), frames, "the array")
    first, stop = frames or (0, len(source))
    if stop - first < 2:
        return None
    places = np.unique(np.linspace(first, stop - 1, min(most, stop - first)).round().astype(int))
    samples = tuple(Sample(source[place], metadata) for place in places)
    return Frames(samples, reasons=_repeated(samples))


def _clip(source: Source, filmed: str, limits: MediaLimits, cues: bool) -> Frames | None:
    """Read a clip by its path; None where it is none."""
    frames, unit, most = None, "", _picked(source)
    if isinstance(source, Recording):
        frames, unit, source = source.frames, source.unit, source.source
    if not isinstance(source, (str, Path)):
        return None
    kind, name = kind_of(read_head(source)), name_of(source)
    if kind not in VIDEOS or (frames is not None and frames[1] - frames[0] < 2):
        return None
    from antispoof.sensing.video import read_clip  # a picture needs none

    watch = None
    if cues and filmed == "colour":
        from antispoof.sensing.watch import Watch  # a picture needs none

        watch = Watch()
    with decoding(name):
        clip = read_clip(source, kind, name, frames, limits, most, filmed == "grey", watch)
    metadata = {"unit": unit} if unit else {}
    samples = tuple(
        Sample(
            one.array,
            {
                "frames": one.frames,
                "frame": one.index,
                "seconds": one.seconds,
                "time_s": one.time_s,
                **metadata,
            },
        )
        for one in clip.frames
    )
    course = course_of(clip.times_s, list(clip.thumbnails), clip.between)
    found = Frames(samples, _spans(clip), course.reasons, course.measurements, in_one_run=course.in_one_run)
    if watch is None:
        return found
    reasons = tuple(dict.fromkeys((*course.reasons, *watch.reasons)))
    return replace(found, reasons=reasons, cues=watch.measured())


def _spans(clip: Clip) -> tuple[tuple[float, float], ...]:
    """Give every moment of a clip to the picture that is nearest to it."""
    times = np.array([one.time_s for one in clip.frames])
    inner = (times[1:] + times[:-1]) / 2
    edges = [float(clip.times_s[0]), *inner.tolist(), max(clip.end_s, float(clip.times_s[-1]))]
    return tuple(itertools.pairwise(edges))


def _shown(time_s: float, thumbnail: NDArray[np.float32]) -> _Shown:
    return _Shown(time_s, hashlib.sha256(thumbnail.tobytes()).hexdigest(), thumbnail)


def course_of(
    times_s: Sequence[float] | NDArray[np.float64],
    thumbnails: Sequence[NDArray[np.float32]],
    between: Sequence[tuple[float, NDArray[np.float32]]] = (),
) -> Course:
    """Look whether the pictures of a clip stand still, return or jump.

    Args:
        times_s: (T,), when they are shown, about 12 a second.
        thumbnails: (T, 24, 24): their luminance, 0 to 255.
        between: times and thumbnails of pictures that were shown in between.
    """
    shown = [_shown(float(at), thumbnail) for at, thumbnail in zip(times_s, thumbnails, strict=True)]
    every = sorted([*shown, *(_shown(*one) for one in between)], key=lambda one: one.time_s)
    repetition, splices = find_repetition(shown), find_splices(shown)
    # Hard compression keeps people still for a second: it has to be half of the clip, however short that is.
    lasts = shown[-1].time_s - shown[0].time_s
    checks = (
        ("frozen", lasts > 0 and repetition.frozen_s >= FROZEN_SHARE * lasts),
        ("looped", "looped" in repetition.reasons or plays_again(shown)),
        ("spliced", bool(splices) or alternates(every)),
    )
    reasons = tuple(code for code, found in checks if found)
    measurements = {
        "frozen_s": repetition.frozen_s,
        "returned_frames": float(repetition.returned),
        "loop_ratio": repetition.loop_ratio,
        "splices": float(len(splices)),
        "jumps": float(len(find_jumps(shown))),
    }
    return Course(reasons, measurements, "spliced" not in reasons and in_one_run(shown))
