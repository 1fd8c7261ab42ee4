"""Places at which a recording was damaged on its way: bytes lost, flipped, overwritten or sent twice.

None of it comes from a mouth or through a microphone: single samples that stand out of all around them,
blocks of nothing within a syllable, blocks that come twice, samples stuck at one value, and noise louder
and brighter than any voice. A recording that was compressed, telephoned or overdriven has none of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["broken_blocks", "clicks"]

Samples = NDArray[np.float64]

FRAME = 400  # samples: 25 ms at 16 kHz
CLICK = 6.0  # times higher than what lies 4 to 11 samples to either side
CLICK_LEVEL = 0.2  # of the loud frames; what is lower is left alone
STEPS = 6  # of the quantiser: in 8 bits a soft voice moves by one or two
RUN = 32  # samples: 2 ms without any change
LONGEST_DROPOUT = 4_000  # samples: a silence that is longer may be meant
EDGE = 80  # samples before and after a dropout that are louder than
EDGE_LEVEL = 0.1  # of the loud frames, and into or out of which it
ABRUPT = 0.25  # of the loud frames, within four samples
STUCK = 0.25  # of the peak
OVERDRIVEN = 3.0  # times the loud frames: a voice that is overdriven throughout has no higher peak
BLOCK = 64  # samples that come again, exactly, within
APART = 4_000  # samples
MOVING, AUDIBLE = 0.01, 0.2  # of the loud frames: what stands still or is soft may well be the same twice
MARK = 8  # samples of which a landmark is made; one in as many places is one
NOISY = 0.9  # times the loud frames, at the low and at the high end at once, and
NOISY_PEAK = 0.25  # of the peak, as bytes at random are and a puff of breath is not, for
LASTING = 160  # samples: 10 ms, and the block that is looked at
LOUDER, SHORTER = 2.0, 64  # times the loud frames; no speech is as loud at both ends for 35 samples
MULTIPLIER = 0x9E3779B97F4A7C15  # odd, without a pattern


def clicks(samples: NDArray[np.float32]) -> int:
    """Count single samples that stand out of all around them; flat tops of an overdriven voice are none."""
    if len(samples) < 32:
        return 0
    sharp = _sharpness(samples)
    ahead = _highest_of_8(sharp)
    near = np.zeros_like(sharp)
    near[: len(ahead) - 4] = ahead[4:]
    near[11:] = np.maximum(near[11:], ahead[: len(sharp) - 11])
    found = (sharp > CLICK * near) & (sharp > max(CLICK_LEVEL * _loud(samples), STEPS * _step(samples)))
    found[:12] = found[-12:] = False
    places = np.flatnonzero(found)
    size = np.abs(samples)
    flat = np.zeros(len(samples), np.bool_)
    flat[1:] = (samples[1:] == samples[:-1]) & (size[1:] > 0.9 * size.max())
    topped = np.convolve(flat, np.ones(7), "same") > 0
    places = places[~topped[places]]
    return int(np.count_nonzero(np.diff(places, prepend=-99) > 3))


def broken_blocks(samples: NDArray[np.float32]) -> int:
    """Count blocks that were lost, sent again, stuck at one value or overwritten by noise."""
    loud = _loud(samples) if len(samples) >= 2 * BLOCK else 0.0
    if loud == 0:
        return 0
    return _runs(samples, loud) + _repeats(samples, loud) + _bursts(samples, loud)


def _loud(samples: NDArray[np.float32]) -> float:
    """Root mean square of the loud frames: nine in ten of those in which there is anything are below it."""
    half = FRAME // 2
    blocks = np.pad(samples, (0, -len(samples) % half + half)).astype(np.float64).reshape(-1, half)
    sums = np.einsum("bn,bn->b", blocks, blocks)
    power = (sums[1:] + sums[:-1])[: -(-max(len(samples) - FRAME, 1) // half)] / FRAME
    return float(np.sqrt(np.percentile(power[power > 0], 90))) if power.any() else 0.0


def _step(samples: NDArray[np.float32]) -> float:
    """Smallest change between two samples: the step of the quantiser, or next to nothing."""
    changes = np.abs(np.diff(samples))
    return float(np.min(changes, initial=1.0, where=changes > 0))


def _sharpness(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Magnitude of the fourth differences, which leave nothing of low notes and all of a click."""
    kernel = np.array([1, -4, 6, -4, 1], np.float32) / 6
    return np.asarray(np.abs(np.convolve(samples, kernel, "same")), np.float32)


def _highest_of_8(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maximum of every value and the seven after it."""
    for step in (1, 2, 4):
        values = np.maximum(values, np.concatenate([values[step:], np.zeros(step, values.dtype)]))
    return values


def _runs(samples: NDArray[np.float32], loud: float) -> int:
    """Count runs of one value: of nothing between loud edges, or of a value far from nothing."""
    edges = np.flatnonzero(np.diff(samples, prepend=np.nan, append=np.nan))
    starts, lengths = edges[:-1], np.diff(edges)
    peak, found = float(np.abs(samples).max()), 0
    limit = max(ABRUPT * loud, STEPS * _step(samples))
    for start, length in zip(starts[lengths >= RUN], lengths[lengths >= RUN], strict=True):
        value, end = abs(float(samples[start])), start + length
        if STUCK * peak < value < 0.9 * peak or value > OVERDRIVEN * loud:
            found += 1
        elif value < 1e-3 * loud and length <= LONGEST_DROPOUT and start > 0 and end < len(samples):
            before, after = samples[max(start - EDGE, 0) : start], samples[end : end + EDGE]
            abrupt = max(np.abs(before[-4:]).max(), np.abs(after[:4]).max()) > limit
            found += bool(abrupt and min(_level(before), _level(after)) > EDGE_LEVEL * loud)
    return found


def _level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _repeats(samples: NDArray[np.float32], loud: float) -> int:
    """Count blocks that come again within a quarter of a second, to the last bit.

    What follows the same few samples is compared, and that only at landmarks, which the samples themselves
    choose: both copies of a block have them at the same places.
    """
    bits = np.ascontiguousarray(samples, np.float32).view(np.uint32).astype(np.uint64)
    keys = np.zeros(len(bits) - BLOCK, np.uint64)
    for step in range(MARK):
        keys = (keys + bits[step : step + len(keys)]) * np.uint64(MULTIPLIER)
    audible = _above(samples, max(AUDIBLE * loud, STEPS * _step(samples)))
    moving = _above(np.diff(samples), MOVING * loud, BLOCK - 1)
    marks = (keys >> np.uint64(40)) % np.uint64(MARK) == 0
    places = np.flatnonzero(marks & audible[: len(keys)] & moving[: len(keys)])
    order = places[np.argsort(keys[places], kind="stable")]
    first, second = order[:-1], order[1:]
    near = (keys[first] == keys[second]) & (second - first <= APART)
    first, second = first[near], second[near]
    same = np.ones(len(first), np.bool_)
    for step in range(BLOCK):
        same &= samples[first + step] == samples[second + step]
    return int(np.count_nonzero(np.diff(np.sort(second[same]), prepend=-9 * BLOCK) > BLOCK))


def _bursts(samples: NDArray[np.float32], loud: float) -> int:
    """Count stretches of noise that is as loud as a voice at the low and at the high end at once.

    The louder, the shorter they need to be.
    """
    least = NOISY_PEAK * float(np.abs(samples).max())
    bright = _sharpness(samples) * (6 / 70**0.5)
    if bright.max() <= max(NOISY * loud, least):  # as in nearly every recording of speech
        return 0
    smooth = np.convolve(samples, np.array([1, 4, 6, 4, 1], np.float32) / 70**0.5, "same")

    def stretches(times: float) -> NDArray[np.intp]:
        level = max(times * loud, least)
        found = _above(smooth, level) & _above(bright, level)
        return np.flatnonzero(np.diff(found, prepend=False, append=False)).reshape(-1, 2)

    louder = stretches(LOUDER)
    louder = louder[np.diff(louder)[:, 0] >= SHORTER, 0]
    starts, ends = stretches(NOISY).T
    holds = np.searchsorted(louder, ends) > np.searchsorted(louder, starts)
    return int(np.count_nonzero((ends - starts >= LASTING) | holds))


def _above(samples: NDArray[np.float32], level: float, length: int = BLOCK) -> NDArray[np.bool_]:
    """Tell of every block whether its root mean square is above a level."""
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    return np.asarray(sums[length:] - sums[:-length] > length * level**2)
