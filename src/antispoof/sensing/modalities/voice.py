"""A recording of somebody who speaks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Quality, Sample, Source
from antispoof.sensing.modalities import modalities
from antispoof.sensing.sound_damage import broken_blocks, clicks
from antispoof.sensing.speech_activity import SPEECH_FRAME, speech_probability

__all__ = ["Voice"]

Speech = NDArray[np.float32]

FRAME, STEP = 400, 160  # samples: 25 ms every 10 ms
PART = 80  # samples that both are made of
SHORTEST_VOICE_S = 0.75
LOWEST_LEVEL_DB = -75.0  # full scale, root mean square of the loudest frames
MIN_PERIODIC = 0.03  # share of the active frames that repeat themselves as a voice does
MAX_STEADY = 0.3  # likeness of spectra 0.2 s apart: clear speech stays below 0.2
MAX_HELD = 0.24  # share of the active frames that hold their pitch; speech stays below 0.2
MAX_CLIPPED = 0.25  # share of the louder samples within 1 % of the highest: 0.5 when overdriven by 20 dB
SPEAKING = 0.7  # probability of speech in a moment
SHORTEST_SPEECH_S = 0.4
MIN_SPEECH = 0.2  # of the time in which anything is heard; speech in noise as loud as it has 0.24 or more
MIN_RANGE_DB = 6.5  # between soft and loud moments of speech; in noise as loud as it 6.7 or more
MOUTH_HZ = (150, 7000)
MIN_MOVEMENT = 0.025  # of the spectrum; a buzz that swells in noise stays below 0.02
BAND_FLOOR = 10 ** (-50 / 20)  # of the loudest frequency; what lies lower is not heard
MAX_CLICKS = 0.7  # a second, and at least three
PERIODIC = 0.3  # autocorrelation of the magnitudes, normalised
PITCH_HZ = (60, 400)
PITCH_BAND_HZ = (100, 1500)
APART = 20  # frames: 0.2 s
HELD, SOON = 0.002, 2  # a pitch that changes by less than this share of itself within 20 ms is held
HELD_BAND_HZ = (100, 2500)
HALF = 4  # bins of 16 Hz to either side, over which a spectrum is levelled
WIDE = 2 * HALF + 1
PITCH_FRAME = 1024
PITCH_FRAMES = 80  # looked at, spread over the recording

MARGIN_S = 0.05  # kept before the first and after the last active frame
PAUSE_S = 0.2  # shorter ones belong to the voice
SEAM_S = 0.02  # over which a short recording blends into its own beginning
MIN_ACTIVE = 0.25  # of a window; emptier ones are left out


class Voice:
    """``voice``: speech, of one person as far as anybody can tell.

    A recording is judged in windows. Those in which hardly anybody speaks are left out.
    """

    name = "voice"
    title = "voice recording"
    folders: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ("sound",)
    unit = "float32, (N,), full scale -1 to 1, at 16 kHz"
    windowed = True
    reasons: Mapping[str, str] = {
        "silent": "nothing can be heard: check the microphone, and that it is not muted",
        "too_short": "too little speech: speak for at least two or three seconds",
        "only_noise": "no voice can be made out: speak closer to the microphone, in a quieter place",
        "music": "music, or a tone that does not move, covers the voice: speak without it",
        "clipped": "the recording is overdriven: lower the gain, or speak further from the microphone",
        "no_speech": "there is sound, but nobody can be heard speaking: speak, without other sounds around",
        "damaged": "parts of the recording are lost, repeated or overwritten: record or transfer it again",
    }

    def load(self, source: Source) -> Sample:
        """Decode a recording, as `load_audio` does; raise `MediaError` when that cannot be done."""
        return load_audio(source)

    def quality(self, sample: Sample) -> Quality:
        """Tell whether somebody can be heard well enough.

        The measurements are ``duration_s``, ``voice_s`` (how long somebody speaks), ``level_db`` (of the
        loudest frames, full scale), ``periodic`` (0 to 1, the share of active frames with a pitch),
        ``steady`` (-1 to 1, how little the spectrum changes within 0.2 s), ``held`` (0 to 1, the share of
        active frames whose pitch stands still), ``clipped`` (0 to 1, the share
        of the louder samples that lie at the peak), and, where none of these is a reason, ``speech_s`` (how
        long it is speech what is heard), ``range_db`` (between its soft and its loud moments), ``movement``
        (0 to 1, how much its spectrum changes beside becoming louder), ``clicks`` and ``broken_blocks``
        (how many). Of the way to the file ``band_hz`` (up to where the voice is heard) and ``background_db``
        (how far what is heard beside it lies below).
        """
        samples = sample.array
        measurements = {"duration_s": len(samples) / RATE, "level_db": _loudest_db(samples)}
        if measurements["level_db"] < LOWEST_LEVEL_DB:
            return Quality(("silent",), measurements)
        active = _active(samples)
        periodic, steady, held = _pitch_and_change(samples, active)
        measurements |= {
            "voice_s": float(active.sum()) * STEP / RATE,
            "periodic": periodic,
            "steady": steady,
            "held": held,
            "clipped": _clipped(samples),
        }
        checks = (
            ("too_short", measurements["voice_s"] < SHORTEST_VOICE_S),
            ("only_noise", measurements["periodic"] < MIN_PERIODIC),
            ("music", measurements["steady"] > MAX_STEADY or measurements["held"] > MAX_HELD),
            ("clipped", measurements["clipped"] > MAX_CLIPPED),
        )
        reasons = tuple(code for code, failed in checks if failed)
        if reasons:
            return Quality(reasons, measurements)
        speech_s, range_db = _speech(samples)
        band_hz, background_db = _way(samples, active)
        measurements |= {
            "band_hz": band_hz,
            "background_db": background_db,
            "speech_s": speech_s,
            "range_db": range_db,
            "movement": _movement(samples, active),
            "clicks": float(clicks(samples)),
            "broken_blocks": float(broken_blocks(samples)),
        }
        shortest = max(SHORTEST_SPEECH_S, MIN_SPEECH * measurements["voice_s"])
        unmoved = range_db < MIN_RANGE_DB or measurements["movement"] < MIN_MOVEMENT
        most_clicks = max(3.0, MAX_CLICKS * measurements["duration_s"])
        broken = measurements["broken_blocks"] > 0 or measurements["clicks"] >= most_clicks
        if speech_s < shortest or unmoved:
            reasons += ("no_speech",)
        if broken:
            reasons += ("damaged",)
        return Quality(reasons, measurements)

    def frame(self, sample: Sample, quality: Quality, **_: Any) -> None:
        """Sound has no part that would be cut out as a rectangle."""

    def prepare(
        self,
        sample: Sample,
        quality: Quality,  # noqa: ARG002
        *,
        seconds: float,
        hop: float,
        low_hz: float,
        high_hz: float,
        level_db: float,
        floor_db: float,
    ) -> Speech:
        """Cut a recording into windows that differ in nothing but the voice.

        Silent edges are cut. A recording shorter than a window is repeated, blending into its own
        beginning. Every window has the same band, the same level while somebody speaks, and the same faint
        noise in its pauses, so that neither rate, nor loudness, nor digital silence tells where it came from.

        Args:
            sample: from `load`.
            quality: of the sample.
            seconds: length of a window.
            hop: from one window to the next at most, seconds.
            low_hz: where the band begins.
            high_hz: where it ends; both edges are 50 Hz and 200 Hz wide, inside the band.
            level_db: root mean square of the active frames of a window, decibels of full scale.
            floor_db: of the noise, decibels of full scale.

        Returns:
            float32, (W, N), -1 to 1, at 16 kHz; N is ``seconds`` of samples.
        """
        plan = _plan(sample.array, seconds, hop)
        length = round(seconds * RATE)
        samples = _band(sample.array[plan.begin : plan.end], low_hz, high_hz)
        if len(samples) < length:
            windows = _repeated(samples, length)[None]
        else:
            windows = samples[(plan.starts - plan.begin)[:, None] + np.arange(length)]
        level = np.array([[_speech_power(window) ** 0.5] for window in windows], np.float32)
        even = windows * (10 ** (level_db / 20) / np.maximum(level, 1e-9))
        even = even + 10 ** (floor_db / 20) * _noise(length)
        return np.ascontiguousarray(np.clip(even, -1, 1), np.float32)

    def timeline(
        self,
        sample: Sample,
        quality: Quality,  # noqa: ARG002
        *,
        seconds: float,
        hop: float,
        **_: Any,
    ) -> tuple[tuple[float, float], ...]:
        """Tell where the windows of `prepare` lie in the recording: W pairs of start and end, in seconds."""
        plan = _plan(sample.array, seconds, hop)
        ends = np.minimum(plan.starts + round(seconds * RATE), plan.end)
        spans = np.stack([plan.starts, ends], axis=1) / RATE
        return tuple((start, end) for start, end in spans.tolist())


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the windows of a recording begin; it is spoken in from ``begin`` to ``end``. In samples."""

    begin: int
    end: int
    starts: NDArray[np.int64]


def _plan(samples: Speech, seconds: float, hop: float) -> _Plan:
    length = round(seconds * RATE)
    active = _active(samples)
    frames = np.flatnonzero(active)
    margin = round(MARGIN_S * RATE)
    begin = max(int(frames[0]) * STEP - margin, 0)
    end = min(int(frames[-1]) * STEP + FRAME + margin, len(samples))
    if end - begin <= length:
        return _Plan(begin, end, np.array([begin]))
    count = 1 + int(np.ceil((end - begin - length) / (hop * RATE)))
    starts = np.round(np.linspace(begin, end - length, count)).astype(np.int64)
    spoken = np.concatenate([[0], np.cumsum(active)])
    first, last = (np.minimum(edge // STEP, len(active)) for edge in (starts, starts + length))
    share = (spoken[last] - spoken[first]) * STEP / length
    return _Plan(begin, end, starts[share >= min(MIN_ACTIVE, float(share.max()))])


def _frame_powers(samples: Speech) -> NDArray[np.float64]:
    """Mean square of frames after pre-emphasis, which keeps hum and rumble from passing for speech."""
    bright = np.diff(samples.astype(np.float64), prepend=samples[:1])
    bright = np.pad(bright, (0, max(FRAME - len(bright), 0)))
    frames = (len(bright) - FRAME) // STEP + 1
    parts = bright[: len(bright) // PART * PART].reshape(-1, PART)
    sums = np.einsum("pn,pn->p", parts, parts)
    each = FRAME // PART
    starts = np.arange(frames)[:, None] * (STEP // PART) + np.arange(each)
    return np.asarray(sums[starts].sum(axis=1) / FRAME)


def _active(samples: Speech) -> NDArray[np.bool_]:
    """Tell the frames in which somebody speaks, short pauses included, from the others: (F,)."""
    level = 10 * np.log10(_frame_powers(samples) + 1e-12)
    floor, peak = np.percentile(level, [10, 95])
    threshold = max(peak - 35, min(floor + 9, peak - 15))
    active = level > threshold
    frames = np.flatnonzero(active)
    pauses = np.diff(frames, append=frames[-1:])
    bridged = np.repeat(pauses <= PAUSE_S * RATE / STEP, pauses)
    active[frames[0] : frames[-1]] |= bridged
    return np.asarray(active)


def _loudest_db(samples: Speech) -> float:
    """Level of the loudest twentieth of the frames, decibels of full scale."""
    powers = _frame_powers(samples)
    return float(10 * np.log10(np.percentile(powers, 95) + 1e-12))


def _pitch_and_change(samples: Speech, active: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Measure what tells a voice from noise, and from music.

    Returns:
        the share of active frames that repeat themselves at the pitch of a voice; how alike the log spectra
        of moments 0.2 s apart are, as a correlation: a voice has moved on by then, a held note has not; and
        the share of active frames whose pitch is the same 20 ms later, as no throat can hold it. Magnitudes,
        rather than powers, keep the low end of coloured noise from passing for a pitch.
    """
    frames = np.flatnonzero(active)
    frames = frames[:: -(-frames.size // PITCH_FRAMES)]
    padded = np.pad(samples, (0, PITCH_FRAME + APART * STEP))
    starts = np.concatenate([frames, frames + APART, frames + SOON])
    frames_of = np.lib.stride_tricks.sliding_window_view(padded, PITCH_FRAME)
    spectra = np.abs(scipy.fft.rfft(frames_of[starts * STEP] * _hann(PITCH_FRAME)))
    now, _, soon = np.split(spectra, 3)
    hertz = np.fft.rfftfreq(PITCH_FRAME, 1 / RATE)
    likeness, _ = _pitch(now, PITCH_BAND_HZ)
    shape = np.log(spectra[: 2 * frames.size, (hertz > 100) & (hertz < 4000)] + 1e-6)
    around = np.cumsum(shape, axis=1)
    shape = shape[:, HALF + 1 : -HALF] - (around[:, WIDE:] - around[:, :-WIDE]) / WIDE
    shape = shape / np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-9)
    alike = np.sum(shape[: frames.size] * shape[frames.size :], axis=1)
    (sure, period), (still_sure, next_period) = _pitch(now, HELD_BAND_HZ), _pitch(soon, HELD_BAND_HZ)
    held = np.abs(next_period - period) < HELD * period
    held &= np.minimum(sure, still_sure) > PERIODIC
    return float(np.mean(likeness > PERIODIC)), float(np.mean(alike)), float(np.mean(held))


def _pitch(spectra: NDArray[Any], band_hz: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Say how surely frames repeat themselves at the pitch of a voice, 0 to 1, and after how many samples."""
    hertz = np.fft.rfftfreq(PITCH_FRAME, 1 / RATE)
    correlation = scipy.fft.irfft(spectra * ((hertz > band_hz[0]) & (hertz < band_hz[1])))
    longest, shortest = (RATE // pitch for pitch in PITCH_HZ)
    peak = correlation[:, shortest:longest].argmax(axis=1) + shortest
    before, at, after = (correlation[np.arange(len(peak)), peak + step] for step in (-1, 0, 1))
    bend = np.minimum(before - 2 * at + after, -1e-12)
    period = peak + np.clip((before - after) / (2 * bend), -0.5, 0.5)
    return at / np.maximum(correlation[:, 0], 1e-12), period


def _speech(samples: Speech) -> tuple[float, float]:
    """Measure how long somebody speaks, in seconds, and how much the level moves meanwhile, in decibels."""
    samples = samples - samples.mean()  # an offset would cover soft speech
    speaking = speech_probability(samples) > SPEAKING
    if not speaking.any():
        return 0.0, 0.0
    frames = np.pad(samples, (0, -len(samples) % SPEECH_FRAME)).reshape(-1, SPEECH_FRAME)[speaking]
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    soft, loud = np.percentile(level, [5, 95])
    return float(speaking.sum()) * SPEECH_FRAME / RATE, float(loud - soft)


def _movement(samples: Speech, active: NDArray[np.bool_]) -> float:
    """Measure how much the spectrum of the active frames changes beside becoming louder and softer.

    What does no more than that over its background is made of two spectra; what is left beside the best two
    are the movements of a mouth.
    """
    starts = np.flatnonzero(active)[:: SPEECH_FRAME // STEP] * STEP
    padded = np.pad(samples, (0, SPEECH_FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, SPEECH_FRAME)[starts]
    powers = np.abs(scipy.fft.rfft(frames * _hann(SPEECH_FRAME))) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(SPEECH_FRAME, 1 / RATE), np.geomspace(*MOUTH_HZ, 9))
    bands = np.add.reduceat(powers, edges[:-1], axis=1)
    bands = np.sqrt(bands / np.maximum(bands.mean(axis=0), 1e-12))
    strengths = np.linalg.svd(bands, compute_uv=False) ** 2
    return float(strengths[2:].sum() / max(strengths.sum(), 1e-12))


def _way(samples: Speech, active: NDArray[np.bool_]) -> tuple[float, float]:
    """Measure up to which frequency a voice is heard, and how far its background lies below, decibels."""
    powers = _frame_powers(samples)
    voice, rest = np.percentile(powers[active], 75), np.percentile(powers, 5)
    starts = np.flatnonzero(active)[:: SPEECH_FRAME // STEP] * STEP
    padded = np.pad(samples, (0, SPEECH_FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, SPEECH_FRAME)[starts]
    loud = np.percentile(np.abs(scipy.fft.rfft(frames * _hann(SPEECH_FRAME))), 90, axis=0)
    heard = np.flatnonzero(loud > BAND_FLOOR * loud.max())
    return float(heard[-1] * RATE / SPEECH_FRAME), float(10 * np.log10((voice + 1e-12) / (rest + 1e-12)))


@functools.lru_cache(maxsize=4)
def _hann(length: int) -> Speech:
    return np.hanning(length).astype(np.float32)


def _clipped(samples: Speech) -> float:
    """Share of the louder half of the samples that lie within 1 % of the highest."""
    size = np.abs(samples)
    loud = size[size >= np.median(size)]
    return float(np.mean(loud >= 0.99 * size.max()))


def _band(samples: Speech, low_hz: float, high_hz: float) -> Speech:
    """Keep what lies between two frequencies, with cosine edges and no shift in time."""
    samples = samples - samples.mean()  # an offset would ring at the ends
    size = -(-(len(samples) + RATE // 4) // 4096) * 4096  # quick to transform; the rest keeps ends apart
    spectrum = np.fft.rfft(samples, size) * _gain(size, low_hz, high_hz)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(samples)], np.float32)


@functools.lru_cache(maxsize=8)
def _gain(size: int, low_hz: float, high_hz: float) -> Speech:
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    rise = np.clip((hertz - low_hz) / 50, 0, 1)
    fall = np.clip((high_hz - hertz) / 200, 0, 1)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2, np.float32)


def _repeated(samples: Speech, length: int) -> Speech:
    """Repeat until it is long enough; each end blends into the next beginning."""
    seam = min(round(SEAM_S * RATE), len(samples) // 2)
    fade = np.sin(np.pi / 2 * (np.arange(seam, dtype=np.float32) + 0.5) / max(seam, 1)) ** 2
    period = samples[: len(samples) - seam].copy()
    period[:seam] = period[:seam] * fade + samples[len(samples) - seam :] * (1 - fade)
    body = np.concatenate([samples[: len(samples) - seam], np.resize(period, max(length - len(period), 0))])
    return np.asarray(body[:length], np.float32)


def _speech_power(samples: Speech) -> float:
    """Mean square of the frames in which somebody speaks."""
    active = _active(samples)
    squares = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    starts = np.flatnonzero(active) * STEP
    ends = np.minimum(starts + FRAME, len(samples))
    return float(np.sum(squares[ends] - squares[starts]) / max(int(np.sum(ends - starts)), 1))


@functools.lru_cache(maxsize=4)
def _noise(length: int) -> Speech:
    """White noise of unit power, always the same."""
    return np.random.default_rng(0).standard_normal(length, np.float32)


modalities.register("voice")(Voice())
