"""Pictures that no camera delivered in a row: frozen, looped, duplicated, spliced, or sent before.

A camera never delivers the same picture twice: noise alone sees to that. So equal bytes are proof that
something other than a camera feeds the page, except right after one another, when a page reads faster than
its camera delivers. A loop that was compressed anew is found by its thumbnails: while something moves, the
picture follows the one a period ago far more closely than the movement of a few frames. Where two takes are
joined, the picture jumps once, and does not move like that just before or after; where a clip cuts to and
fro, it jumps back to where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "REPEATED_ADVICE",
    "THUMBNAIL_SIDE",
    "Repetition",
    "Shown",
    "alternates",
    "find_jumps",
    "find_repetition",
    "find_splices",
    "in_one_run",
    "plays_again",
]

THUMBNAIL_SIDE = 24  # px
REPEATED_ADVICE = (
    "the camera picture could not be used: close other programs that use the camera, and try again"
)
FROZEN_S = 1.0
FROZEN_LEVELS = 0.02  # of 255: less change than this between thumbnails is none
RETURNED = 3  # equal pictures that are not neighbours
MIN_PERIOD = 8  # frames
MIN_LOOPED = 20  # frames that return one after the other
MOTION_FRAMES = 4
LOOP_RATIO = 0.07  # of the motion over four frames: loops measured up to 0.064, nods from 0.077 (rendered)
MIN_MOTION = 1.0  # levels over four frames: without motion nothing can be said of a loop
AGAIN = 0.5  # of the change between neighbours: played again 0.28 and 0.43, films of people from 1.3
MIN_STEP = 0.2  # levels between neighbours: where less moves, nothing can be said
SPLICE_LEVELS = 8.0  # of 255: between neighbouring thumbnails
SPLICE_RATIO = 4.0  # to the largest change within three frames before and after: films of people reach 2.2
SPLICE_ALIKE = 0.9  # correlation across it: a change of exposure alone leaves it near 1
SPLICE_WITHIN_S = 0.25  # frames that are further apart may differ
RUN_S = SPLICE_WITHIN_S  # between the pictures of one run: over a longer gap nobody sees whether it was cut
CUT_SHARE = 0.25  # of the steps: where more of them jump, cuts come so often that none stands out


class Shown(Protocol):
    """A picture of a live capture or of a clip: what `find_repetition` looks at."""

    @property
    def time_s(self) -> float:
        """When it was shown, in seconds."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of it."""
        ...

    @property
    def thumbnail(self) -> NDArray[np.float32]:
        """Luminance of the whole picture, (24, 24), 0 to 255."""
        ...


@dataclass(frozen=True, slots=True)
class Repetition:
    """What was found.

    Attributes:
        frozen_s: longest time without any change, in seconds.
        duplicated: share of pictures equal to their predecessor, 0 to 1.
        returned: pictures equal to an earlier one that is not their predecessor.
        earlier: pictures that were sent in an earlier capture.
        loop_ratio: distance to the pictures a period ago over the motion of four frames, at the period and
            in the stretch where it is smallest: near 0 for a loop; at most 1.
        reasons: ``frozen``, ``looped``, ``seen_before``; empty when nothing repeats.
    """

    frozen_s: float
    duplicated: float
    returned: int
    earlier: int
    loop_ratio: float
    reasons: tuple[str, ...]


def find_repetition(
    frames: Sequence[Shown], earlier: Collection[str] = (), *, loops: bool = True
) -> Repetition:
    """Look for pictures that repeat.

    Args:
        frames: in the order of their times.
        earlier: `Shown.digest` of every picture of earlier captures.
        loops: whether to look for loops that were compressed anew, too.
    """
    digests = [frame.digest for frame in frames]
    neighbours = sum(a == b for a, b in pairwise(digests))
    runs = Counter(d for i, d in enumerate(digests) if i == 0 or d != digests[i - 1])
    returned = sum(count - 1 for count in runs.values())
    seen = len(set(digests) & set(earlier))
    frozen, ratio = _frozen_s(frames), _loop_ratio(frames) if loops else 1.0
    checks = (
        ("frozen", frozen >= FROZEN_S),
        ("looped", returned >= RETURNED or ratio < LOOP_RATIO),
        ("seen_before", seen > 0),
    )
    return Repetition(
        frozen_s=frozen,
        duplicated=neighbours / max(len(frames) - 1, 1),
        returned=returned,
        earlier=seen,
        loop_ratio=ratio,
        reasons=tuple(code for code, found in checks if found),
    )


def _frozen_s(frames: Sequence[Shown]) -> float:
    longest, since = 0.0, 0
    for i in range(1, len(frames)):
        if np.abs(frames[i].thumbnail - frames[i - 1].thumbnail).mean() > FROZEN_LEVELS:
            since = i
        longest = max(longest, frames[i].time_s - frames[since].time_s)
    return longest


def _loop_ratio(frames: Sequence[Shown]) -> float:
    count = len(frames)
    if count < MIN_PERIOD + MIN_LOOPED + MOTION_FRAMES:
        return 1.0
    flat = np.stack([frame.thumbnail.ravel() for frame in frames])
    motion = np.abs(flat[MOTION_FRAMES:] - flat[:-MOTION_FRAMES]).mean(axis=1)
    window = np.ones(MIN_LOOPED) / MIN_LOOPED
    best = 1.0
    for part in (0.0, 0.25, 0.5, 0.75):  # a period need not be a whole number of frames
        between = (1 - part) * flat[:-1] + part * flat[1:]
        for period in range(MIN_PERIOD, count - MIN_LOOPED - MOTION_FRAMES + 1):
            length = len(motion) - period
            going = np.convolve(np.minimum(motion[:length], motion[period:]), window, "valid")
            moving = going >= MIN_MOTION
            if moving.any():
                back = np.abs(flat[:length] - between[period : period + length]).mean(axis=1)
                returned = np.convolve(back, window, "valid")
                best = min(best, float((returned[moving] / going[moving]).min()))
    return best


def plays_again(frames: Sequence[Shown]) -> bool:
    """Tell whether a clip plays itself again, forwards or backwards, however it was coded since.

    For at least a third of it every picture is nearer to its earlier self than to the picture just before. A
    person moves to and fro, but not so exactly, and not for so long.

    Args:
        frames: in the order of their times, about twelve a second.
    """
    count = len(frames)
    least = max(MIN_LOOPED, count // 3)
    if count < least + MIN_PERIOD:
        return False
    flat = np.stack([frame.thumbnail.ravel() for frame in frames])
    step = float(np.median(np.abs(np.diff(flat, axis=0)).mean(axis=1)))
    if step < MIN_STEP:
        return False
    apart = np.stack([np.abs(flat - one).mean(axis=1) for one in flat])
    forwards = [np.diag(apart, period) for period in range(MIN_PERIOD, count - least + 1)]
    place = np.arange(count)
    pairs = [(place, at - place) for at in range(2 * count - 1)]
    backwards = [
        apart[one[there], other[there]]
        for one, other in pairs
        if (there := (other < count) & (other - one >= MIN_PERIOD)).sum() >= least
    ]
    return any(float(np.median(again)) < AGAIN * step for again in (*forwards, *backwards))


def find_splices(frames: Sequence[Shown]) -> tuple[float, ...]:
    """Tell when one take ends and another begins, in seconds: the time of the first picture of each.

    Two takes of one scene that hardly differ are not told apart. Where a clip cuts so often that no jump
    stands out, three that lead back to an earlier picture are splices.

    Args:
        frames: in the order of their times, about twelve a second.
    """
    if len(frames) < 3:
        return ()
    flat = np.stack([frame.thumbnail.ravel() for frame in frames])
    change = np.abs(np.diff(flat, axis=0)).mean(axis=1)
    jumps = find_jumps(frames)
    found = set(_back(flat, change, jumps))
    for k in jumps:
        around = np.concatenate([change[max(k - 3, 0) : k], change[k + 1 : k + 4]])
        if change[k] >= SPLICE_RATIO * max(float(around.max()), 0.5):
            found.add(k)
    return tuple(frames[k + 1].time_s for k in sorted(found))


def alternates(frames: Sequence[Shown]) -> bool:
    """Tell whether pictures jump to and fro, between neighbours of whatever distance in time.

    Args:
        frames: in the order of their times.
    """
    if len(frames) < 3:
        return False
    flat = np.stack([frame.thumbnail.ravel() for frame in frames])
    return bool(_back(flat, np.abs(np.diff(flat, axis=0)).mean(axis=1), find_jumps(frames)))


def _back(flat: NDArray[np.float32], change: NDArray[np.float32], jumps: Sequence[int]) -> tuple[int, ...]:
    """Return the jumps that lead back to an earlier picture, where there are enough of them."""
    back = tuple(
        k
        for k in jumps
        if k and change[k] >= SPLICE_RATIO * float(np.abs(flat[:k] - flat[k + 1]).mean(axis=1).min())
    )
    return back if len(back) >= RETURNED else ()


def in_one_run(frames: Sequence[Shown]) -> bool:
    """Tell whether a camera was watched from the first picture to the last: no gap, and no cut that is seen.

    Args:
        frames: in the order of their times.
    """
    if len(frames) < 2:
        return True
    gaps = np.diff([frame.time_s for frame in frames])
    cut = find_splices(frames) or len(find_jumps(frames)) >= CUT_SHARE * len(gaps)
    return not cut and float(gaps.max()) <= RUN_S


def find_jumps(frames: Sequence[Shown]) -> tuple[int, ...]:
    """Tell after which pictures the next shows something else, which a cut does, or a camera that is pulled.

    Args:
        frames: in the order of their times, about twelve a second.
    """
    if len(frames) < 2:
        return ()
    flat = np.stack([frame.thumbnail.ravel() for frame in frames])
    change = np.abs(np.diff(flat, axis=0)).mean(axis=1)
    shape = flat - flat.mean(axis=1, keepdims=True)
    shape /= np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-6)
    alike = np.sum(shape[1:] * shape[:-1], axis=1)
    near = np.diff([frame.time_s for frame in frames]) <= SPLICE_WITHIN_S
    return tuple(np.flatnonzero((change >= SPLICE_LEVELS) & (alike < SPLICE_ALIKE) & near).tolist())
