"""Does the colour of the skin beat, and in all of its regions alike?

Blood changes the colour of skin by a fraction of a level. A replay shows the pulse of whoever was filmed, and
a mask hides that of whoever wears it, so a pulse speaks for nobody and its absence against few: it is told
beside the others, never in their place. Hard coding removes it, and less than five seconds hold too few
beats.

References:
    W. Wang, A. den Brinker, S. Stuijk and G. de Haan, "Algorithmic principles of remote PPG", IEEE Trans.
    Biomedical Engineering 64, 2017 (POS); G. de Haan and V. Jeanne, "Robust pulse rate from chrominance-based
    rPPG", the same 60, 2013 (CHROM).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import TrackedFrame

__all__ = ["FacePulse", "chrom", "pos"]

LEAST_S = 5.0
LEAST_RATE = 8.0  # pictures a second
LEAST_SHARE = 0.8
LONGEST_S = 30.0
REGIONS = (
    (30, 8, 66, 20),
    (14, 48, 36, 66),
    (60, 48, 82, 66),
)  # forehead and cheeks: x, y, x, y of the aligned face
BAND_HZ = (0.7, 3.0)
BEAT_HZ = 0.15  # half the width of a peak
CODED = 0.3  # of the pictures whose skin does not change at all
WINDOW_S = 1.6

Values = NDArray[np.float64]


class FacePulse:
    """``face_pulse``: how far one rate stands out of the colour of the skin, and whether its regions
    agree."""

    name = "face_pulse"
    title = "pulse"
    drawn = "colour of the skin (POS)"
    features: tuple[str, ...] = ("quality_pos", "quality_chrom", "agreement", "rates_apart_hz", "rate_hz")
    reasons: Mapping[str, str] = {
        **ALWAYS,
        "too_short": "fewer than five seconds, or than eight pictures a second, show no pulse",
        "coded_hard": "the clip is coded so hard that the colour of the skin stands still",
    }

    def watch(self) -> _Pulse:
        """Begin with a clip."""
        return _Pulse()


class _Pulse:
    def __init__(self) -> None:
        self._pictures = 0
        self._times: list[float] = []
        self._colours: list[Values] = []

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        if frame.face is None or (self._times and frame.time_s - self._times[0] > LONGEST_S):
            return
        regions = [frame.face[y1:y2, x1:x2].reshape(-1, 3).mean(axis=0) for x1, y1, x2, y2 in REGIONS]
        self._times.append(frame.time_s)
        self._colours.append(np.stack(regions).astype(np.float64))

    def measured(self) -> Measured:
        if len(self._times) < LEAST_SHARE * self._pictures or not self._times:
            return Measured("face_pulse", None, ("no_face",))
        times = np.array(self._times)
        lasts = float(times[-1] - times[0])
        if lasts < LEAST_S or len(times) < LEAST_RATE * lasts or np.diff(times).max() > 0.5:
            return Measured("face_pulse", None, ("too_short",))
        colours = np.stack(self._colours)
        if float(np.mean(np.abs(np.diff(colours, axis=0)).max(axis=(1, 2)) < 1e-3)) > CODED:
            return Measured("face_pulse", None, ("coded_hard",))
        rate = min(30.0, (len(times) - 1) / lasts)
        even = np.arange(times[0], times[-1], 1 / rate)
        resampled = np.stack(
            [[np.interp(even, times, colours[:, r, c]) for c in range(3)] for r in range(len(REGIONS))]
        )
        waves = [pos(region.T, rate) for region in resampled]
        whole, other = pos(resampled.mean(axis=0).T, rate), chrom(resampled.mean(axis=0).T)
        rates = [_peak(wave, rate)[0] for wave in waves]
        agreement = float(
            np.mean([np.corrcoef(waves[a], waves[b])[0, 1] for a, b in ((0, 1), (0, 2), (1, 2))])
        )
        beat, quality = _peak(whole, rate)
        values = [quality, _peak(other, rate)[1], agreement, float(np.ptp(rates)), beat]
        scale = max(float(np.abs(whole).max()), 1e-9)
        course = tuple(zip(even.tolist(), (whole / scale).tolist(), strict=True))
        return Measured("face_pulse", np.nan_to_num(np.array(values)), (), course)


def pos(colours: Values, rate: float) -> Values:
    """Plane orthogonal to skin: colours (N, 3) at ``rate`` a second → pulse (N,), without a unit."""
    length = max(4, round(WINDOW_S * rate))
    pulse = np.zeros(len(colours))
    for start in range(len(colours) - length + 1):
        part = colours[start : start + length]
        normal = part / np.maximum(part.mean(axis=0), 1e-6) - 1
        across, along = normal[:, 1] - normal[:, 2], normal[:, 1] + normal[:, 2] - 2 * normal[:, 0]
        wave = across + float(np.std(across)) / max(float(np.std(along)), 1e-9) * along
        pulse[start : start + length] += wave - wave.mean()
    return _without_drift(pulse, rate)


def chrom(colours: Values) -> Values:
    """Chrominance: colours (N, 3) → pulse (N,), without a unit."""
    red, green, blue = (colours / np.maximum(colours.mean(axis=0), 1e-6)).T
    across, along = 3 * red - 2 * green, 1.5 * red + green - 1.5 * blue
    wave = across - float(np.std(across)) / max(float(np.std(along)), 1e-9) * along
    return np.asarray(wave - wave.mean())


def _without_drift(wave: Values, rate: float) -> Values:
    length = max(3, round(1.5 * rate) | 1)
    padded = np.pad(wave, length // 2, mode="edge")
    return np.asarray(wave - np.convolve(padded, np.ones(length) / length, "valid"))


def _peak(wave: Values, rate: float) -> tuple[float, float]:
    """Return the strongest rate in Hz, and the logarithm of its power, harmonic included, over the rest."""
    size = 4 * len(wave)
    power = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(len(wave)), size)) ** 2
    hertz = np.fft.rfftfreq(size, 1 / rate)
    inside = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    beat = float(hertz[inside][np.argmax(power[inside])])
    own = inside & ((np.abs(hertz - beat) < BEAT_HZ) | (np.abs(hertz - 2 * beat) < BEAT_HZ))
    rest = float(power[inside & ~own].sum())
    return beat, float(np.log(max(float(power[own].sum()), 1e-12) / max(rest, 1e-12)))


cues.register("face_pulse")(FacePulse())
