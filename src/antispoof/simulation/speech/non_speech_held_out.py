"""Sounds in which nobody speaks that no limit of the gate for speech was chosen on: it is measured on them.

Machines, animals and signals that move as speech does, in pitch, in resonance or in rhythm, and are none.
`antispoof.simulation.speech.non_speech` plays them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.non_speech_parts import resonance, teeth
from antispoof.simulation.speech.recording import RATE

__all__ = ["HELD_OUT_NON_SPEECH"]

Sound = NDArray[np.float64]
Draw = np.random.Generator


def _course(time: Sound, points: int, low: float, high: float, rng: Draw) -> Sound:
    """A course through random values, on a logarithmic scale."""
    knots = np.exp(rng.uniform(np.log(low), np.log(high), points))
    return np.asarray(np.interp(time, np.linspace(0, time[-1], points), knots))


def _calls(time: Sound, low_s: float, high_s: float, rng: Draw) -> list[slice]:
    """Stretches of sound with pauses between them."""
    found, start = [], rng.uniform(0, 0.2)
    while start < time[-1] - low_s:
        length = rng.uniform(low_s, high_s)
        found.append(slice(int(start * RATE), min(int((start + length) * RATE), time.size)))
        start += length + rng.uniform(0.05, 0.5)
    return found


def _meow(time: Sound, rng: Draw) -> Sound:
    """A cat: a pitch that rises and falls, under one resonance that opens and shuts."""
    sound, base = np.zeros(time.size), rng.uniform(350, 750)
    for part in _calls(time, 0.3, 1.0, rng):
        own = np.linspace(0, 1, part.stop - part.start)
        call = teeth(base * (1 + rng.uniform(0.1, 0.4) * np.sin(np.pi * own)))
        dark, bright = resonance(call, 700, 300), resonance(call, rng.uniform(1500, 2500), 500)
        openness = np.sin(np.pi * own**0.7)
        sound[part] = ((1 - openness) * dark + openness * bright) * np.sin(np.pi * own) ** 0.5
    return sound


def _lowing(time: Sound, rng: Draw) -> Sound:
    """Cattle: a long low call whose pitch breaks."""
    sound, base = np.zeros(time.size), rng.uniform(90, 200)
    for part in _calls(time, 0.7, 2.0, rng):
        own = np.linspace(0, 1, part.stop - part.start)
        call = teeth(base * (1 + 0.5 * (own > rng.uniform(0.4, 0.8))) * (1 - 0.2 * own))
        sound[part] = resonance(call, rng.uniform(300, 700), 150) * np.sin(np.pi * own) ** 0.3
    return sound


def _croaks(time: Sound, rng: Draw) -> Sound:
    """Frogs: short trains of pulses, each ringing at one resonance."""
    sound, centre = np.zeros(time.size), rng.uniform(500, 2500)
    for part in _calls(time, 0.08, 0.4, rng):
        turns = np.cumsum(np.full(part.stop - part.start, rng.uniform(25, 120))) / RATE
        sound[part] = np.diff(np.floor(turns), prepend=0.0)
    return resonance(sound, centre, rng.uniform(60, 300))


def _crickets(time: Sound, rng: Draw) -> Sound:
    pulse = np.maximum(np.sin(2 * np.pi * rng.uniform(20, 60) * time), 0)
    chirp = (time * rng.uniform(1, 4)) % 1 < rng.uniform(0.2, 0.6)
    return np.asarray(np.sin(2 * np.pi * rng.uniform(2500, 5500) * time) * pulse * chirp)


def _caws(time: Sound, rng: Draw) -> Sound:
    """Crows: a rough pitch with noise in it, behind two resonances."""
    sound = np.zeros(time.size)
    for part in _calls(time, 0.15, 0.5, rng):
        own = np.linspace(0, 1, part.stop - part.start)
        rough = teeth(rng.uniform(300, 600) * (1 + 0.03 * rng.standard_normal(own.size)))
        call = resonance(rough, 1200, 250) + resonance(rough, rng.uniform(1800, 2600), 250)
        sound[part] = call * np.sin(np.pi * own)
    return sound


def _gearbox(time: Sound, rng: Draw) -> Sound:
    """An engine that is driven up and down, with a gust of noise and a tick every other turn."""
    hertz = _course(time, int(rng.integers(4, 12)), 35, 180, rng)
    ticks = np.diff(np.floor(np.cumsum(hertz) / RATE / 2), prepend=0.0)
    motor = resonance(teeth(hertz), rng.uniform(150, 600), rng.uniform(80, 300))
    return np.asarray(motor + 3 * resonance(ticks, rng.uniform(800, 3000), 300))


def _rotor(time: Sound, rng: Draw) -> Sound:
    """A helicopter or a fan: noise that beats as often as syllables come, and faster."""
    beat = np.maximum(np.sin(2 * np.pi * rng.uniform(3, 25) * time), 0) ** rng.uniform(1, 6)
    noise = resonance(rng.standard_normal(time.size), rng.uniform(100, 900), rng.uniform(100, 600))
    return np.asarray(noise * (0.1 + beat))


def _drips(time: Sound, rng: Draw) -> Sound:
    """Water: bubbles, each a short note that rises."""
    sound = np.zeros(time.size)
    for start in rng.integers(0, time.size - 2400, int(time[-1] * rng.uniform(2, 40)) + 1):
        own = np.arange(2400) / RATE
        hertz = rng.uniform(400, 2500) * (1 + own * rng.uniform(2, 12))
        note = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * np.exp(-own * rng.uniform(30, 90))
        sound[start : start + 2400] += note * rng.uniform(0.1, 1)
    return sound


def _crackle(time: Sound, rng: Draw) -> Sound:
    """Fire, paper, applause: very many short bursts of noise, in gusts."""
    density = rng.uniform(30, 600) * _course(time, 12, 0.1, 1, rng)
    strikes = (rng.random(time.size) < density / RATE) * rng.exponential(1.0, time.size)
    return resonance(strikes, rng.uniform(800, 3500), rng.uniform(300, 2000))


def _mouth_harp(time: Sound, rng: Draw) -> Sound:
    """A jaw harp: one pitch, struck again and again, while the mouth around it takes other shapes."""
    sound = teeth(np.full(time.size, rng.uniform(60, 130)))
    weights = _course(time, int(time[-1] * rng.uniform(3, 9)) + 2, 0.5, 5, rng)
    centres = np.geomspace(400, 3000, 5)
    shaped = sum(
        resonance(sound, c, 120) * np.maximum(1 - np.abs(weights - k), 0) for k, c in enumerate(centres)
    )
    return np.asarray(shaped * np.exp(-(time % rng.uniform(0.12, 0.5)) * rng.uniform(1, 8)))


def _didgeridoo(time: Sound, rng: Draw) -> Sound:
    """A drone with breath in it, whose two resonances are moved by a tongue, in a rhythm."""
    drone = teeth(rng.uniform(60, 90) * _course(time, 6, 0.99, 1.01, rng))
    drone = drone + rng.uniform(0, 0.1) * rng.standard_normal(time.size)
    wave = 2 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * time)
    place = 1 + np.sin(2 * np.pi * rng.uniform(1, 5) * time + wave)
    sound = np.zeros(time.size)
    for stage, (low, high) in enumerate(((300, 2200), (500, 1500), (800, 1000))):
        both = resonance(drone, low, 100) + 0.5 * resonance(drone, high, 150)
        sound += both * np.maximum(1 - np.abs(place - stage), 0)
    return sound


def _frequency_modulation(time: Sound, rng: Draw) -> Sound:
    """Bells and basses of a synthesiser: a tone that another one bends."""
    step = rng.uniform(0.12, 0.6)
    note, own = np.floor(time / step).astype(int), time % step
    hertz = rng.uniform(100, 600, note[-1] + 1)[note]
    ratio, depth = rng.choice((0.5, 1, 1.41, 2, 3.5)), rng.uniform(1, 8) * np.exp(-own * rng.uniform(1, 8))
    turns = np.cumsum(hertz) / RATE
    bent = np.sin(2 * np.pi * turns + depth * np.sin(2 * np.pi * ratio * turns))
    return np.asarray(bent * np.exp(-own * rng.uniform(1, 8)))


def _fax(time: Sound, rng: Draw) -> Sound:
    """Data over a telephone: two tones in turn, thousands of times a minute, with silences."""
    rate = rng.uniform(40, 1200)
    bits = rng.integers(0, 2, int(time[-1] * rate) + 2)[(time * rate).astype(int)]
    low = rng.uniform(900, 1800)
    tone = np.sin(2 * np.pi * np.cumsum(low + bits * rng.uniform(200, 800)) / RATE)
    return np.asarray(tone * (np.sin(2 * np.pi * rng.uniform(0.2, 3) * time) > -0.7))


def _stepper(time: Sound, rng: Draw) -> Sound:
    """A printer or a scanner: a motor that runs at another speed each time, under the resonances of a box."""
    sound = np.zeros(time.size)
    for part in _calls(time, 0.1, 0.8, rng):
        own = np.linspace(0, 1, part.stop - part.start)
        ramp = np.minimum(np.minimum(own, 1 - own) * 8, 1)
        sound[part] = teeth(rng.uniform(90, 500) * (0.3 + 0.7 * ramp) + 1) * ramp
    return np.asarray(sum(resonance(sound, c, rng.uniform(60, 300)) for c in rng.uniform(300, 4000, 3)))


def _creak(time: Sound, rng: Draw) -> Sound:
    """A door or a chair: sticking and slipping, quicker and slower, behind the resonances of wood."""
    turns = np.cumsum(_course(time, int(rng.integers(5, 25)), 20, 400, rng)) / RATE
    slips = np.diff(np.floor(turns + 0.1 * rng.random()), prepend=0.0) * _course(time, 20, 0.05, 1, rng)
    return np.asarray(sum(resonance(slips, c, rng.uniform(50, 200)) for c in rng.uniform(300, 3500, 4)))


def _grains(time: Sound, rng: Draw) -> Sound:
    """Grains of tones, buzz and hiss, one after the other as quickly as the sounds of speech."""
    sound = np.zeros(time.size)
    size = round(rng.uniform(0.06, 0.25) * RATE)
    for start in range(0, time.size, size):
        length = min(size, time.size - start)
        own = np.arange(length) / RATE
        hertz = rng.uniform(80, 800)
        grain = (
            np.sin(2 * np.pi * 3 * hertz * own),
            teeth(np.full(length, hertz)),
            rng.standard_normal(length),
        )[rng.integers(3)]
        sound[start : start + length] = grain * np.hanning(length) * rng.uniform(0.1, 1)
    return sound


HELD_OUT_NON_SPEECH: Mapping[str, Callable[[Sound, Draw], Sound]] = MappingProxyType(
    {
        "meow": _meow,
        "lowing": _lowing,
        "croaks": _croaks,
        "crickets": _crickets,
        "caws": _caws,
        "gearbox": _gearbox,
        "rotor": _rotor,
        "drips": _drips,
        "crackle": _crackle,
        "mouth_harp": _mouth_harp,
        "didgeridoo": _didgeridoo,
        "frequency_modulation": _frequency_modulation,
        "fax": _fax,
        "stepper": _stepper,
        "creak": _creak,
        "grains": _grains,
    }
)
"""Kinds by name: (seconds of every sample, generator) → (N,), of any level."""
