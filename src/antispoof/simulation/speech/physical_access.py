"""Replays before a microphone in a room, in the conditions of the physical access part of ASVspoof 2019.

Somebody speaks at a distance from a microphone: bona fide. An attacker has recorded the same person in the
same room, from another distance, and plays it from where the person would stand, through a device of one of
three qualities. Room, reverberation, distances and quality are classes whose bounds are those of the
evaluation; what it leaves open (devices of one quality, microphones, surroundings) is drawn. Beyond 8 kHz
nothing is heard here, so that the upper end of a device of high quality cannot be told from a perfect one's.

Rooms are image sources up to the fourth order, then noise that decays, as loud as the reverberation of a
diffuse field is beside what comes straight.

References:
    X. Wang et al., "ASVspoof 2019: A large-scale public database of synthesized, converted and replayed
    speech", Computer Speech and Language 64, 2020, and the evaluation plan of 2019 (classes and bounds).
    J. Allen, D. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 1979.
    H. Kuttruff, "Room Acoustics", 2009 (Eyring's formula, critical distance).
    R. Small, "Direct-radiator loudspeaker system analysis", JAES 1972 (resonance of a closed box).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.acoustics import filtered, hum, microphone, reverberated

__all__ = [
    "ATTACKER_M",
    "QUALITIES",
    "ROOM_M2",
    "T60_S",
    "TALKER_M",
    "Attack",
    "Place",
    "Site",
    "draw_attack",
    "draw_place",
    "draw_site",
    "replay",
    "replayed",
    "spoken",
]

RATE = 16000
SOUND = 343.0  # metres a second
ORDER = 4  # of image sources, to either side of each wall
DIFFUSE = 0.057  # critical distance in metres is this times the root of volume over reverberation time
AWAY_M = 0.1  # from walls

Rng = np.random.Generator
Speech = NDArray[np.float32]
Vector = NDArray[np.float64]
Bounds = Mapping[str, tuple[float, float]]

ROOM_M2: Bounds = MappingProxyType({"a": (2, 5), "b": (5, 10), "c": (10, 20)})
"""Class → floor, square metres."""
T60_S: Bounds = MappingProxyType({"a": (0.05, 0.2), "b": (0.2, 0.6), "c": (0.6, 1.0)})
"""Class → seconds until reverberation has fallen by 60 dB."""
TALKER_M: Bounds = MappingProxyType({"a": (0.1, 0.5), "b": (0.5, 1.0), "c": (1.0, 1.5)})
"""Class → metres from talker, or loudspeaker, to the microphone."""
ATTACKER_M: Bounds = MappingProxyType({"A": (0.1, 0.5), "B": (0.5, 1.0), "C": (1.0, 1.5)})
"""Class → metres from the talker to the attacker's microphone; the evaluation's C has no upper bound."""
QUALITIES: Mapping[str, str] = MappingProxyType(
    {
        "A": "perfect",
        "B": "high: from below 600 Hz to over 10 kHz",
        "C": "low: from above 600 Hz to below 10 kHz",
    }
)
"""Class → device that replays."""


@dataclass(frozen=True, slots=True)
class Device:
    """A loudspeaker.

    Attributes:
        low_hz: of its resonance, below which it falls by 12 dB an octave.
        resonance: quality factor there; above 0.7 it rings.
        high_hz: where its upper end has fallen by 3 dB.
        peaks: hertz, decibels and natural-log width of what else is uneven.
        bent: level of the second and of the third power beside the sound, where it is loudest.
    """

    low_hz: float
    resonance: float
    high_hz: float
    peaks: tuple[tuple[float, float, float], ...]
    bent: tuple[float, float]

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Play (N,)."""
        loud = samples / max(float(np.abs(samples).max()), 1e-6)
        second, third = self.bent
        return filtered(loud + second * (loud**2 - np.mean(loud**2)) + third * loud**3, self._response)

    def _response(self, f: NDArray[Any]) -> Any:
        ratio = f / self.low_hz
        low = 20 * np.log10(ratio**2 / np.sqrt((1 - ratio**2) ** 2 + (ratio / self.resonance) ** 2))
        high = -10 * np.log10(1 + (f / self.high_hz) ** 6)
        return (
            low + high + sum(g * np.exp(-0.5 * (np.log(f / at) / width) ** 2) for at, g, width in self.peaks)
        )


@dataclass(frozen=True, slots=True)
class Site:
    """Where a microphone stands that is to be convinced.

    Attributes:
        room: class of its floor.
        t60: class of its reverberation.
        size: metres.
        decay_s: reverberation time.
        microphone: hertz → decibels, the one that listens.
        devices: quality → the attacker's loudspeaker here; None is perfect.
    """

    room: str
    t60: str
    size: tuple[float, float, float]
    decay_s: float
    microphone: Callable[[NDArray[Any]], Any]
    devices: Mapping[str, Device | None]

    def response(self, metres: float, rng: Rng) -> Vector:
        """Draw two places so far apart, and return the impulse response from one to the other."""
        size = np.array(self.size)
        listening, source = _places(size, metres, rng)
        volume, walls = float(np.prod(size)), 2 * float(size @ np.roll(size, 1))
        kept = np.exp(-0.161 * volume / (walls * self.decay_s)) ** 0.5  # of the pressure, at a wall
        n = np.stack(np.meshgrid(*[np.arange(-ORDER, ORDER + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        images = np.where(n % 2 == 0, n * size + source, (n + 1) * size - source)
        distance = np.linalg.norm(images - listening, axis=1)
        straight = float(np.linalg.norm(source - listening))
        gain = kept ** np.abs(n).sum(axis=1) * straight / np.maximum(distance, straight)
        out = np.zeros(int(RATE * self.decay_s) + 512)
        delay = (distance - straight) / SOUND * RATE
        whole = delay.astype(int)
        inside = whole < len(out) - 1
        part = (delay - whole)[inside]
        np.add.at(out, whole[inside], gain[inside] * (1 - part))
        np.add.at(out, whole[inside] + 1, gain[inside] * part)
        begins = ORDER * float(size.min()) / SOUND  # from here on images of higher orders are missing
        time = np.arange(len(out)) / RATE
        fading = 10 ** (-3 * time / self.decay_s) * (time > begins)
        diffuse = (straight / DIFFUSE) ** 2 * self.decay_s / volume  # its energy, beside what comes straight
        level = np.sqrt(diffuse * 6 * np.log(10) / (self.decay_s * RATE))
        return np.asarray(out + level * fading * rng.standard_normal(len(out)), np.float64)


@dataclass(frozen=True, slots=True)
class Place:
    """How far the talker, or what is put in the talker's place, stands from the microphone: class, metres."""

    distance: str
    metres: float


@dataclass(frozen=True, slots=True)
class Attack:
    """How an attacker recorded, and plays: class and metres of the recording, quality of the device."""

    distance: str
    metres: float
    quality: str


def draw_site(rng: Rng) -> Site:
    """Draw a room, a microphone, and a device of every quality."""
    room, t60 = str(rng.choice([*ROOM_M2])), str(rng.choice([*T60_S]))
    floor, shape = rng.uniform(*ROOM_M2[room]), rng.uniform(1, 1.6)
    size = (float(np.sqrt(floor * shape)), float(np.sqrt(floor / shape)), float(rng.uniform(2.3, 3.2)))
    decay = float(rng.uniform(*T60_S[t60]))
    devices = {"A": None, "B": _high(rng), "C": _low(rng)}
    return Site(room, t60, size, decay, microphone(rng), devices)


def draw_place(rng: Rng) -> Place:
    """Draw where somebody speaks."""
    distance = str(rng.choice([*TALKER_M]))
    return Place(distance, float(rng.uniform(*TALKER_M[distance])))


def draw_attack(rng: Rng, quality: str = "") -> Attack:
    """Draw an attack; of a quality, or of any."""
    distance = str(rng.choice([*ATTACKER_M]))
    return Attack(
        distance, float(rng.uniform(*ATTACKER_M[distance])), quality or str(rng.choice([*QUALITIES]))
    )


def replay(samples: Speech, rng: Rng) -> Speech:
    """Replay speech at a site of its own, through any device; the length stays."""
    return replayed(samples, draw_site(rng), draw_place(rng), draw_attack(rng), rng)


def spoken(samples: Speech, site: Site, place: Place, rng: Rng) -> Speech:
    """Let somebody speak there: bona fide; the length stays."""
    return _heard(reverberated(samples, site.response(place.metres, rng)), site, rng)


def replayed(samples: Speech, site: Site, place: Place, attack: Attack, rng: Rng) -> Speech:
    """Record the same person in the same room, and play it in the person's place; the length stays."""
    stolen = reverberated(samples, site.response(attack.metres, rng))
    device = site.devices[attack.quality]
    played = stolen if device is None else device(stolen)
    return _heard(reverberated(played, site.response(place.metres, rng)), site, rng)


def _heard(samples: NDArray[Any], site: Site, rng: Rng) -> Speech:
    """Record with the microphone of the site, among what else is heard there."""
    recorded = filtered(samples, site.microphone)
    noise = filtered(rng.standard_normal(len(samples)), hum)
    level = float(np.sqrt(np.mean(recorded**2))) + 1e-9
    noise *= level * 10 ** (-rng.uniform(20, 50) / 20) / (float(np.sqrt(np.mean(noise**2))) + 1e-9)
    mixed = recorded + noise
    return np.asarray(0.5 * mixed / max(float(np.abs(mixed).max()), 1e-6), np.float32)


def _high(rng: Rng) -> Device:
    return Device(
        low_hz=float(np.exp(rng.uniform(np.log(50), np.log(500)))),
        resonance=float(rng.uniform(0.6, 1.2)),
        high_hz=float(rng.uniform(10_000, 20_000)),
        peaks=_peaks(rng, 2.0),
        bent=_bent(rng, (45, 70)),
    )


def _low(rng: Rng) -> Device:
    return Device(
        low_hz=float(rng.uniform(600, 1100)),
        resonance=float(rng.uniform(0.8, 3.0)),
        high_hz=float(rng.uniform(4500, 9500)),
        peaks=_peaks(rng, 4.0),
        bent=_bent(rng, (20, 45)),
    )


def _peaks(rng: Rng, decibels: float) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        (float(np.exp(rng.uniform(np.log(400), np.log(7000)))), float(rng.normal(0, decibels)), float(width))
        for width in rng.uniform(0.06, 0.3, 5)
    )


def _bent(rng: Rng, below_db: tuple[float, float]) -> tuple[float, float]:
    second, third = 10 ** (-rng.uniform(*below_db, 2) / 20)
    return float(second), float(-third)


def _places(size: Vector, metres: float, rng: Rng) -> tuple[Vector, Vector]:
    """Draw where the microphone is and where the sound comes from, both away from the walls."""
    for _ in range(200):
        listening = rng.uniform(AWAY_M, size - AWAY_M)
        turn, lift = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        way = np.array([np.cos(turn) * np.cos(lift), np.sin(turn) * np.cos(lift), np.sin(lift)])
        source = listening + metres * way
        if np.all(source > AWAY_M) and np.all(source < size - AWAY_M):
            break
    return listening, np.clip(source, AWAY_M, size - AWAY_M)
