"""What happens to speech on its way, drawn alike for both classes.

`scene` is what stands between the mouth and the file that a vocoder would be given: room, noise, microphone,
an old codec. `delivery` is what happens to the finished clip: room, band limit, distortion, what is heard
beside it, codec. A spoof passes its scene before and its delivery after the vocoder, a bona fide clip passes
both as well, so that only the vocoder tells the classes apart. What a vocoder makes anew (a hum, a hiss, a
room) is added in both places: were it in scenes alone, only people would have it untouched, and it would
speak for a person wherever it is added later.

The distortion follows H. Tak et al., "RawBoost: A raw data boosting and augmentation method applied to
automatic speaker verification anti-spoofing", ICASSP 2022.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.acoustics import filtered, microphone, reverberated, room
from antispoof.simulation.speech.codecs import through_codec

__all__ = ["delivery", "in_room", "level", "noise", "scaled", "scene", "surroundings"]

Rng = np.random.Generator
Speech = NDArray[np.float32]

_OLD_CODECS = ("mp3_64k", "mp3_32k", "opus_24k", "aac_32k")
_CODECS = ("opus_24k", "opus_16k", "opus_12k", "mp3_64k", "mp3_32k", "aac_32k", "g711_mu", "g711_a", "g722")


def scene(samples: Speech, rng: Rng) -> Speech:
    """Put speech into a room, before a microphone, and perhaps into a file; the length stays."""
    out: NDArray[Any] = samples
    if rng.random() < 0.4:
        out = in_room(out, rng)
    if rng.random() < 0.6:
        out = filtered(out, microphone(rng))
    if rng.random() < 0.7:
        out = out + surroundings(out, rng) * level(out) * 10 ** (-rng.uniform(4, 45) / 20)
    out = scaled(out)
    if rng.random() < 0.3:
        out = through_codec(out, str(rng.choice(_OLD_CODECS)))
    return np.asarray(out, np.float32)


def delivery(samples: Speech, rng: Rng) -> Speech:
    """Filter and distort a finished clip, add what is heard beside it, and encode it; the length stays."""
    out: NDArray[Any] = scaled(samples)
    if rng.random() < 0.15:
        out = in_room(out, rng)
    if rng.random() < 0.4:
        out = filtered(out, _tilt(rng))
    if rng.random() < 0.3:
        out = _low_passed(out, float(np.exp(rng.uniform(np.log(3200), np.log(7600)))))
    if rng.random() < 0.12:
        out = _distorted(out, rng)
    if rng.random() < 0.65:
        out = out + surroundings(out, rng) * level(out) * 10 ** (-rng.uniform(8, 50) / 20)
    if rng.random() < 0.08:
        out = np.clip(out, *(np.quantile(out, [0.001, 0.999]) * rng.uniform(0.6, 1)))
    out = scaled(out)
    if rng.random() < 0.6:
        out = through_codec(np.asarray(out, np.float32), str(rng.choice(_CODECS)))
    return np.asarray(out, np.float32)


def in_room(samples: NDArray[Any], rng: Rng, share: tuple[float, float] = (0.2, 1)) -> NDArray[Any]:
    """Draw a room and mix what is heard in it with what reaches the microphone first; the length stays.

    Args:
        samples: waveform, 16 kHz.
        rng: decides the room.
        share: range of the share that the room has in the mixture.
    """
    wet = reverberated(samples, room(rng))
    mix = rng.uniform(*share)
    return np.asarray((1 - mix) * samples + mix * wet * level(samples) / level(wet))


def level(samples: NDArray[Any]) -> float:
    """Return the root mean square, never 0."""
    return float(np.sqrt(np.mean(samples**2))) + 1e-7


def scaled(samples: NDArray[Any]) -> Speech:
    """Bring speech to 0.05 root mean square, or as loud as fits."""
    even = samples * 0.05 / level(samples)
    return np.asarray(even / max(1.0, float(np.abs(even).max())), np.float32)


def noise(length: int, rng: Rng) -> NDArray[Any]:
    """Coloured noise of unit level, steady or in gusts."""
    slope, knee = rng.uniform(-2, 0.3), rng.uniform(100, 1500)
    f = np.fft.rfftfreq(length, 1 / 16000)
    spectrum = np.fft.rfft(rng.standard_normal(length)) * (1 + f / knee) ** slope
    made = np.fft.irfft(spectrum, length)
    if rng.random() < 0.4:
        points = np.exp(rng.normal(0, 0.8, length // 4000 + 2))
        made = made * np.interp(np.arange(length), np.arange(len(points)) * 4000, points)
    return made / level(made)


def surroundings(speech: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """What is heard beside a speaker, of level 1 to 1.4: noise, hiss, voices, a hum, things put down."""
    kind = rng.choice(["noise", "hiss", "babble", "hum", "clatter"], p=[0.3, 0.2, 0.15, 0.25, 0.1])
    length = len(speech)
    if kind == "noise":
        return noise(length, rng)
    if kind == "hiss":
        white = rng.standard_normal(length)
        return white / level(white)
    if kind == "babble":  # the voice itself, backwards, at other speeds and other times
        others = np.zeros(length)
        for _ in range(int(rng.integers(3, 9))):
            speed = rng.uniform(0.8, 1.25)
            at = (np.arange(length) * speed + rng.integers(length)) % length
            others += np.interp(at, np.arange(length), speech[::-1]) * rng.uniform(0.3, 1)
        far = filtered(others, _tilt(rng))
        return far / level(far) + 0.1 * noise(length, rng)
    if kind == "hum":
        # The mains and twice that, machines, and single tones up to where the band ends; some all but pure.
        lowest = rng.choice([50.0, 60.0, 100.0, 120.0, rng.uniform(80, 400), np.exp(rng.uniform(6, 8.9))])
        turns = 2 * np.pi * lowest * np.arange(length) / 16000
        highest = min(int(rng.integers(1, 24)), int(7500 / lowest))
        tones = sum(
            (rng.normal() / k if k > 1 else 1) * np.sin(k * turns + rng.uniform(0, 6.3))
            for k in range(1, highest + 1)
        )
        return np.asarray(tones / level(tones) + 10 ** -rng.uniform(0, 3) * noise(length, rng))
    blows = np.zeros(length)
    for start in rng.integers(length, size=max(1, int(length / 16000 * rng.uniform(1, 8)))):
        t = np.arange(min(int(rng.integers(400, 4000)), length - start)) / 16000
        ring = np.sin(2 * np.pi * np.exp(rng.uniform(5.3, 8.7)) * t) + rng.standard_normal(len(t))
        blows[start : start + len(t)] += ring * np.exp(-t * rng.uniform(30, 300)) * rng.uniform(0.2, 1)
    return blows / level(blows) + 0.1 * noise(length, rng)


def _tilt(rng: Rng) -> Any:
    slope = rng.normal(0, 2.0)
    bumps = [
        (np.exp(rng.uniform(np.log(100), np.log(7000))), rng.normal(0, 3), rng.uniform(0.1, 0.6))
        for _ in range(4)
    ]

    def response(f: NDArray[Any]) -> Any:
        octaves = np.log2(np.maximum(f, 30) / 1000)
        return slope * octaves + sum(
            g * np.exp(-0.5 * (np.log(np.maximum(f, 30) / centre) / width) ** 2) for centre, g, width in bumps
        )

    return response


def _low_passed(samples: NDArray[Any], edge: float) -> NDArray[Any]:
    f = np.fft.rfftfreq(len(samples), 1 / 16000)
    return np.fft.irfft(np.fft.rfft(samples) * np.clip((edge + 150 - f) / 300, 0, 1), len(samples))


def _distorted(samples: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """A few powers of the signal, each filtered, and impulses that follow its strength."""
    peak = float(np.abs(samples).max()) + 1e-7
    unit = samples / peak
    out = unit.copy()
    for power in range(2, int(rng.integers(3, 6))):
        out = out + 10 ** (-rng.uniform(10, 30) / 20) * filtered(unit**power, _tilt(rng))
    if rng.random() < 0.5:
        chosen = rng.random(len(out)) < rng.uniform(0.0005, 0.01)
        out = out + chosen * rng.standard_normal(len(out)) * np.abs(out) * rng.uniform(0.1, 0.8)
    return out * peak
