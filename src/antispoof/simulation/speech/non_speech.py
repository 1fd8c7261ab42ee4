"""Sounds in which nobody speaks: what a detector of spoofed speech must not take for a person.

Every one is float32, shape (N,), within [-1, 1], at 16 kHz, and drawn anew from a generator: pitch, rhythm,
colour, level, a floor of noise under two of five, an echo on one of four.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, UnknownNameError
from antispoof.simulation.speech.non_speech_held_out import HELD_OUT_NON_SPEECH
from antispoof.simulation.speech.non_speech_parts import resonance, teeth
from antispoof.simulation.speech.recording import RATE

__all__ = ["NON_SPEECH", "non_speech"]

Sound = NDArray[np.float64]
Draw = np.random.Generator

_LEVELS_DB = (-50.0, -6.0)  # of the root mean square
_NOISE_DB = (-40.0, -3.0)  # against the sound


def non_speech(kind: str, rng: Draw, seconds: float = 4.0) -> NDArray[np.float32]:
    """Return one sound of a kind.

    Args:
        kind: a key of `NON_SPEECH` or of `HELD_OUT_NON_SPEECH`.
        rng: decides everything about it.
        seconds: how long it is, at least 0.5.

    Raises:
        UnknownNameError: there is no such kind.
        InputError: it would be shorter than half a second.
    """
    kinds = {**NON_SPEECH, **HELD_OUT_NON_SPEECH}
    if kind not in kinds:
        raise UnknownNameError("kind of sound", kind, tuple(kinds))
    if seconds < 0.5:
        raise InputError(f"seconds must be at least 0.5, got {seconds}")
    time = np.arange(round(seconds * RATE)) / RATE
    sound = _scaled(kinds[kind](time, rng))
    if rng.random() < 0.4:
        floor = _coloured(time.size, rng.uniform(0, 2), rng)
        sound = sound + 10 ** (rng.uniform(*_NOISE_DB) / 20) * _scaled(floor)
    if rng.random() < 0.25:
        tail = np.arange(round(rng.uniform(0.1, 0.6) * RATE)) / RATE
        echo = rng.standard_normal(tail.size) * np.exp(-tail * rng.uniform(8, 40))
        sound = sound + rng.uniform(0.2, 1.0) * _scaled(_convolved(sound, echo))
    level = 10 ** (rng.uniform(*_LEVELS_DB) / 20)
    return np.asarray(np.clip(_scaled(sound) * level, -1, 1), np.float32)


def _scaled(sound: Sound) -> Sound:
    return np.asarray(sound / max(float(np.sqrt(np.mean(sound**2))), 1e-12))


def _convolved(sound: Sound, answer: Sound) -> Sound:
    size = sound.size + answer.size
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(answer, size), size)[: sound.size])


def _coloured(count: int, slope: float, rng: Draw) -> Sound:
    """Noise whose power falls with frequency to the ``slope``: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    return np.asarray(np.fft.irfft(spectrum / np.maximum(np.arange(spectrum.size), 20) ** (slope / 2), count))


def _phase(time: Sound, hertz: float, rng: Draw, waver: float = 0.0) -> Sound:
    """Phase, in turns, of a pitch that wavers slowly by a share of itself."""
    course = np.interp(time, np.linspace(0, time[-1], 9), rng.uniform(-1, 1, 9))
    return np.asarray(np.cumsum(hertz * (1 + waver * course)) / RATE)


def _overtones(phase: Sound, hertz: float, fall: float) -> Sound:
    """A buzz: harmonics whose amplitudes fall with their number to the power of ``fall``."""
    count = max(1, int(RATE / 2.2 / hertz / 1.2))
    return np.asarray(sum(np.sin(2 * np.pi * k * phase) / k**fall for k in range(1, min(count, 60) + 1)))


def _gates(time: Sound, rate: float, rng: Draw) -> Sound:
    """Open and shut at a rhythm, with edges of 10 ms."""
    count = max(2, int(time[-1] * rate))
    steps = np.repeat((rng.random(count) < 0.7).astype(float), -(-time.size // count))[: time.size]
    edge = np.hanning(320)
    return np.asarray(np.convolve(steps, edge / edge.sum(), "same"))


def _tone(time: Sound, rng: Draw) -> Sound:
    return np.asarray(np.sin(2 * np.pi * _phase(time, rng.uniform(80, 3000), rng)))


def _beats(time: Sound, rng: Draw) -> Sound:
    """Several tones without a common pitch, as they beat."""
    return np.asarray(
        sum(np.sin(2 * np.pi * rng.uniform(100, 3000) * time) for _ in range(rng.integers(2, 7)))
    )


def _buzz(time: Sound, rng: Draw) -> Sound:
    hertz = rng.uniform(60, 400)
    return _overtones(_phase(time, hertz, rng), hertz, rng.uniform(0, 1.5))


def _wavering_buzz(time: Sound, rng: Draw) -> Sound:
    hertz = rng.uniform(60, 400)
    return _overtones(_phase(time, hertz, rng, rng.uniform(0.005, 0.1)), hertz, rng.uniform(0, 1.5))


def _buzz_in_bursts(time: Sound, rng: Draw) -> Sound:
    return _wavering_buzz(time, rng) * _gates(time, rng.uniform(2, 8), rng)


def _swelling_buzz(time: Sound, rng: Draw) -> Sound:
    """A buzz that swells as often as syllables come, every other time with a pitch that moves as quickly."""
    depth, rate = rng.uniform(0.3, 1), rng.uniform(1, 12)
    sway = 1 + rng.uniform(0.02, 0.15) * rng.integers(2) * np.sin(2 * np.pi * rng.uniform(0.5, 6) * time)
    hertz = rng.uniform(60, 300)
    sound = _overtones(np.cumsum(hertz * sway) / RATE, hertz * 1.15, rng.uniform(0, 1.5))
    return np.asarray(sound * (1 + depth * np.sin(2 * np.pi * rate * time)))


def _resonant_buzz(time: Sound, rng: Draw) -> Sound:
    """A buzz behind fixed resonances, like a horn."""
    sound = _buzz(time, rng)
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    centres, widths = rng.uniform(300, 3500, 3), rng.uniform(60, 250, 3)
    gain = sum(1 / (1 + ((hertz - c) / w) ** 2) for c, w in zip(centres, widths, strict=True))
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) * gain, sound.size))


def _pulse_train(time: Sound, rng: Draw) -> Sound:
    turns = _phase(time, rng.uniform(20, 400), rng, rng.uniform(0, 0.03))
    return np.asarray(np.diff(np.floor(turns), prepend=0.0) * np.sign(rng.uniform(-1, 1)))


def _clicks(time: Sound, rng: Draw) -> Sound:
    sound = np.zeros(time.size)
    places = rng.integers(0, time.size, max(2, int(time[-1] * rng.uniform(1, 40))))
    sound[places] = rng.uniform(-1, 1, places.size)
    ring = np.arange(400) / RATE
    ring = np.exp(-ring * rng.uniform(200, 3000)) * np.cos(2 * np.pi * rng.uniform(300, 6000) * ring)
    return _convolved(sound, ring)


def _knocks(time: Sound, rng: Draw) -> Sound:
    sound = np.zeros(time.size)
    beat = rng.uniform(0.12, 0.6)
    sound[(np.arange(0, time[-1], beat) * RATE).astype(int)] = 1.0
    tail = np.arange(3200) / RATE
    body = sum(
        np.sin(2 * np.pi * rng.uniform(80, 1500) * tail) * np.exp(-tail * rng.uniform(15, 80))
        for _ in range(4)
    )
    return _convolved(sound, np.asarray(body))


def _chirp(time: Sound, rng: Draw) -> Sound:
    """A sweep, once or again and again; every other time with overtones."""
    low, high = np.sort(rng.uniform(80, 4000, 2))
    turn = (time * rng.uniform(0.2, 6)) % 1
    course = low * (high / low) ** (turn if rng.random() < 0.5 else 1 - turn)
    phase = np.cumsum(course) / RATE
    return _overtones(phase, high, 1.0) if rng.random() < 0.5 else np.asarray(np.sin(2 * np.pi * phase))


def _birds(time: Sound, rng: Draw) -> Sound:
    sound, length = np.zeros(time.size), 1600
    own = np.linspace(0, 1, length)
    for start in np.arange(0, time[-1] - 0.15, rng.uniform(0.12, 0.5)):
        course = rng.uniform(1500, 4000) + rng.uniform(-1500, 1500) * own
        part = slice(int(start * RATE), int(start * RATE) + length)
        sound[part] += np.sin(2 * np.pi * np.cumsum(course) / RATE) * np.hanning(length)
    return sound


def _howl(time: Sound, rng: Draw) -> Sound:
    """A dog, the wind, feedback: a high, wide vibrato that comes and goes."""
    hertz = rng.uniform(300, 900)
    sway = 1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.3, 2) * time)
    comes = np.maximum(np.sin(2 * np.pi * rng.uniform(0.5, 2) * time) + 0.5, 0)
    return np.asarray(comes * _overtones(np.cumsum(hertz * sway) / RATE, hertz * 1.2, rng.uniform(0.5, 2)))


def _siren(time: Sound, rng: Draw) -> Sound:
    centre, depth = rng.uniform(400, 1500), rng.uniform(0.1, 0.5)
    wave = np.sin(2 * np.pi * rng.uniform(0.2, 6) * time)
    if rng.random() < 0.5:
        wave = np.sign(wave)
    return _overtones(np.cumsum(centre * (1 + depth * wave)) / RATE, centre * 1.5, 1.0)


def _noise(time: Sound, rng: Draw) -> Sound:
    return _coloured(time.size, rng.uniform(0, 2), rng)


def _modulated_noise(time: Sound, rng: Draw) -> Sound:
    depth, rate = rng.uniform(0.5, 1), rng.uniform(1, 150)
    return _noise(time, rng) * (1 + depth * np.sin(2 * np.pi * rate * time))


def _noise_in_bursts(time: Sound, rng: Draw) -> Sound:
    sound = _noise(time, rng)
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    centre, width = rng.uniform(300, 5000), rng.uniform(100, 2000)
    shaped = np.fft.irfft(np.fft.rfft(sound) * np.exp(-(((hertz - centre) / width) ** 2)), sound.size)
    return np.asarray(shaped * _gates(time, rng.uniform(2, 10), rng))


def _music(time: Sound, rng: Draw) -> Sound:
    """Plucked or blown notes of a scale, up to three at a time."""
    scale = 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    base, sound = rng.uniform(110, 440), np.zeros(time.size)
    decay, fall = rng.uniform(0.5, 8), rng.uniform(0.6, 2)
    for _ in range(rng.integers(1, 4)):
        start = 0.0
        while start < time[-1]:
            length = rng.choice((0.125, 0.25, 0.5)) * 1.2
            part = slice(int(start * RATE), min(int((start + length) * RATE), time.size))
            own = time[part] - start
            vibrato = 0.004 * np.sin(2 * np.pi * 5.5 * own)
            hertz = base * rng.choice(scale)
            phase = hertz * own + hertz * np.cumsum(vibrato) / RATE
            attack = np.minimum(own / 0.015, 1) * np.exp(-own * decay)
            sound[part] += attack * _overtones(phase, hertz, fall)
            start += length
    return sound


def _filter_sweep(time: Sound, rng: Draw) -> Sound:
    """A synthesiser: notes of a sawtooth whose one resonance sweeps with each of them."""
    step = rng.uniform(0.1, 0.35)
    note = np.floor(time / step).astype(int)
    pitches = rng.uniform(80, 200) * 2 ** (rng.choice((0, 3, 5, 7, 10, 12), note[-1] + 1) / 12)
    sound, own = teeth(pitches[note]), (time / step) % 1
    stages = np.stack([resonance(sound, c, 120) for c in np.geomspace(300, 3000, 6)])
    place = 5 * (1 - own) ** rng.uniform(0.5, 2)
    weights = np.maximum(1 - np.abs(np.arange(6)[:, None] - place), 0)
    return np.asarray((stages * weights).sum(axis=0) * np.minimum(own / 0.05, 1) * (1 - own) ** 0.5)


def _hum(time: Sound, rng: Draw) -> Sound:
    """Mains or a motor: harmonics of a low pitch, rattling."""
    hertz = rng.choice((50.0, 60.0, 100.0, 120.0, rng.uniform(25, 200)))
    phase = _phase(time, hertz, rng, rng.uniform(0, 0.01))
    strengths = rng.random(30) ** 3
    sound = sum(s * np.sin(2 * np.pi * (k + 1) * phase + rng.uniform(0, 6)) for k, s in enumerate(strengths))
    rattle = 1 + rng.uniform(0, 0.5) * np.sin(2 * np.pi * rng.uniform(1, 30) * time)
    return np.asarray(sound * rattle)


def _keys(time: Sound, rng: Draw) -> Sound:
    """Signalling: a keypad's pairs of tones, or beeps."""
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    sound, step = np.zeros(time.size), round(rng.uniform(0.1, 0.4) * RATE)
    for start in range(0, time.size, step):
        part = slice(start, min(start + round(0.6 * step), time.size))
        pair = (rng.choice(rows), rng.choice(columns))
        sound[part] = sum(np.sin(2 * np.pi * hertz * time[part]) for hertz in pair)
    return sound


NON_SPEECH: Mapping[str, Callable[[Sound, Draw], Sound]] = MappingProxyType(
    {
        "tone": _tone,
        "beats": _beats,
        "buzz": _buzz,
        "wavering_buzz": _wavering_buzz,
        "buzz_in_bursts": _buzz_in_bursts,
        "swelling_buzz": _swelling_buzz,
        "resonant_buzz": _resonant_buzz,
        "pulse_train": _pulse_train,
        "clicks": _clicks,
        "knocks": _knocks,
        "chirp": _chirp,
        "siren": _siren,
        "birds": _birds,
        "howl": _howl,
        "noise": _noise,
        "modulated_noise": _modulated_noise,
        "noise_in_bursts": _noise_in_bursts,
        "music": _music,
        "filter_sweep": _filter_sweep,
        "hum": _hum,
        "keys": _keys,
    }
)
"""Kinds by name: (seconds of every sample, generator) → (N,), of any level."""
