"""Syllables of a formant synthesiser, made in the tests: nobody's voice, and yet speech to those who listen.

Harmonics through four resonances in cascade that glide from vowel to vowel, with a hiss after each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
VOWELS = np.array(
    [(730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (300, 870, 2240), (570, 840, 2410)]
)
FOURTH = 3400.0
WIDTHS = (80, 100, 140, 250)


def spoken(seed: int, syllables: int = 11, pitch_hz: float = 125.0, fall: float = 0.3) -> NDArray[np.float32]:
    """Speak: float32, (N,), 16 kHz, some 0.3 s a syllable; ``fall`` is the slope of the harmonics."""
    rng = np.random.default_rng(seed)
    parts, last = [np.zeros(3000)], VOWELS[0]
    for syllable in range(syllables):
        time = np.arange(int(RATE * rng.uniform(0.14, 0.22))) / RATE
        share = time / time[-1]
        waver = np.interp(share, np.linspace(0, 1, 6), rng.normal(0, 0.01, 6))
        pitch = pitch_hz * (1 - 0.1 * (syllable % 4)) * (1 + 0.12 * np.sin(np.pi * share)) * (1 + waver)
        goal = rng.choice(VOWELS)
        course, last = last + (goal - last) * np.clip(share / 0.4, 0, 1)[:, None], goal
        tone = np.zeros_like(time)
        for harmonic in range(1, 50):
            hertz = harmonic * pitch
            gain = (hertz < 7600) / harmonic**fall
            for centre, width in zip((*course.T, FOURTH), WIDTHS, strict=True):
                gain = gain * centre**2 / np.sqrt((centre**2 - hertz**2) ** 2 + (width * hertz) ** 2)
            tone += gain * np.sin(2 * np.pi * np.cumsum(hertz) / RATE)
        tone *= np.clip(np.minimum(share / 0.15, (1 - share) / 0.25), 0, 1) / np.abs(tone).max()
        parts += [tone, 0.25 * np.diff(rng.normal(size=901)) * np.hanning(900)]
        if syllable % 4 == 3:
            parts.append(np.zeros(4000))
    sound = np.concatenate(parts)
    return np.asarray(sound / np.abs(sound).max() * 0.5 + 1e-4 * rng.normal(size=sound.size), np.float32)
