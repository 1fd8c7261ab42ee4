"""The ONE camera of bona fide and attack: exposure, optics, sensor noise, and what its firmware does."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.clip.flicker import flicker
from antispoof.simulation.clip.layers import Map, View
from antispoof.simulation.clip.motion import Motion, Track, still

__all__ = ["Camera", "Settings", "draw_settings"]

GAMMA = 2.2
LEVELS = 4096  # of the table from light to display values
BANK = 2_500_000  # numbers of noise that are drawn once; each frame begins somewhere else in them
METERED = 8  # px between places that the exposure looks at

_LINEAR = (np.arange(256, dtype=np.float32) / 255) ** np.float32(GAMMA)
_DISPLAY = np.clip(
    255 * (np.arange(LEVELS, dtype=np.float64) / (LEVELS - 1)) ** (1 / GAMMA) + 0.5, 0, 255
).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Settings:
    """A camera, and how it is held.

    Attributes:
        width, height: px.
        focal: px.
        fps: frames a second, nominal.
        in_hand: or on a table, where it does not move.
        turn, shift: how the hand that holds it moves, degrees and mm.
        target: mean light that the exposure aims at, of what the sensor holds.
        settle_s: time constant of the exposure.
        start: factor on the exposure at time 0.
        white: gains of red, green, blue.
        softness: blur of the optics, px.
        shot: variance of the noise a unit of light.
        read: deviation of the noise in the dark.
        pattern: deviation of the sensitivity of pixels, which stays.
        smoothed: share of spatial denoising, 0 to 1.
        kept: share of the frame before that temporal denoising keeps where nothing moved.
        sharpened: amount of an unsharp mask.
        mains_hz: what the lamps of the room flicker with.
        mains_depth: how much.
        exposure_s, rows_s: of a row, and from the first row to the last.
        jitter: deviation of the times of frames, as a share of the time between them.
        dropped: share of frames that are missing.
        seed: of noise and pattern.
    """

    width: int
    height: int
    focal: float
    fps: float
    in_hand: bool
    turn: tuple[Track, Track, Track]
    shift: tuple[Track, Track, Track]
    target: float
    settle_s: float
    start: float
    white: tuple[float, float, float]
    softness: float
    shot: float
    read: float
    pattern: float
    smoothed: float
    kept: float
    sharpened: float
    mains_hz: float
    mains_depth: float
    exposure_s: float
    rows_s: float
    jitter: float
    dropped: float
    seed: int


def draw_settings(
    rng: np.random.Generator,
    motion: Motion,
    seconds: float,
    size: tuple[int, int],
    fps: tuple[float, ...],
    noise: tuple[float, float],
) -> Settings:
    """Draw a camera: on a table in half of the cases, else in a hand.

    Args:
        rng: draws every parameter.
        motion: of the hand.
        seconds: of the clip.
        size: width and height, px.
        fps: frame rates to draw from.
        noise: range of the noise at full light, as a share of it.
    """
    in_hand = rng.random() < 0.5

    def shakes(most: float, hertz: float) -> Track:
        if not in_hand:
            return still()
        amount, track = most * rng.uniform(0.2, 1), motion(rng, seconds, hertz)
        return lambda time_s: amount * track(time_s)

    level = float(np.exp(rng.uniform(*np.log(noise))))
    return Settings(
        width=size[0],
        height=size[1],
        focal=float(rng.uniform(0.85, 1.35)) * max(size),
        fps=float(rng.choice(fps)),
        in_hand=bool(in_hand),
        turn=(shakes(1.0, 1.2), shakes(1.0, 1.2), shakes(0.7, 1.0)),
        shift=(shakes(9, 0.8), shakes(9, 0.8), shakes(9, 0.6)),
        target=float(np.exp(rng.uniform(np.log(0.10), np.log(0.30)))),
        settle_s=float(rng.uniform(0.15, 1.0)),
        start=float(np.exp(rng.normal(0, 0.12))),
        white=tuple(np.exp(rng.normal(0, 0.06, 3)).tolist()),
        softness=float(rng.uniform(0.3, 1.1)),
        shot=0.7 * level**2,
        read=0.25 * level,
        pattern=float(rng.uniform(0.002, 0.01)),
        smoothed=float(rng.uniform(0, 0.8)) if rng.random() < 0.6 else 0.0,
        kept=float(rng.uniform(0.2, 0.6)) if rng.random() < 0.3 else 0.0,
        sharpened=float(rng.uniform(0, 0.8)),
        mains_hz=float(rng.choice([100.0, 120.0])),
        mains_depth=float(rng.uniform(0, 0.25)) if rng.random() < 0.4 else 0.0,
        exposure_s=1 / float(rng.uniform(30, 120)),
        rows_s=float(rng.uniform(0.010, 0.028)),
        jitter=float(rng.uniform(0, 0.04)),
        dropped=float(rng.choice([0.0, 0.0, 0.03])),
        seed=int(rng.integers(2**31)),
    )


class Camera:
    """Takes one picture after the other; it remembers its exposure and the picture before."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._rng = np.random.default_rng(settings.seed)
        self._bank = self._rng.standard_normal(
            max(BANK, 2 * settings.width * settings.height * 3), np.float32
        )
        shape = (settings.height, settings.width, 1)
        self._pattern = 1 + np.float32(settings.pattern) * self._rng.standard_normal(shape, np.float32)
        across = np.linspace(-1, 1, settings.width, dtype=np.float32)
        down = np.linspace(-1, 1, settings.height, dtype=np.float32)
        corners = 1 - np.float32(0.18) * (across[None, :, None] ** 2 + down[:, None, None] ** 2) / 2
        self._sensitivity = self._pattern * corners * np.array(settings.white, np.float32)
        self._rows = np.linspace(0, 1, settings.height, dtype=np.float32)[:, None, None]
        self._mains = flicker(
            settings.mains_hz,
            settings.mains_depth,
            settings.exposure_s,
            settings.rows_s,
            float(self._rng.uniform(0, 6.28)),
        )
        self._gain: float | None = None
        self._last_s = 0.0
        self._before: NDArray[np.uint8] | None = None

    def view(self, time_s: float) -> View:
        """Where it is and looks at a time."""
        s = self.settings
        yaw, pitch, roll = (track(time_s) for track in s.turn)
        x, y, z = (track(time_s) for track in s.shift)
        return View(s.width, s.height, s.focal, (yaw, pitch, roll), (x, y, z))

    def times(self, seconds: float) -> list[float]:
        """When frames are taken: regular but for a jitter, and for those that are dropped."""
        s = self.settings
        count = max(2, round(seconds * s.fps))
        rng = np.random.default_rng(s.seed + 1)
        times = (np.arange(count) + s.jitter * np.clip(rng.standard_normal(count), -3, 3)) / s.fps
        kept = rng.random(count) >= s.dropped
        kept[0] = True
        return [float(t) for t in np.maximum(times[kept] - times[0], 0)]

    def take(self, time_s: float, picture: NDArray[np.uint8], light: Map) -> NDArray[np.uint8]:
        """Make a frame of what is before it.

        Args:
            time_s: later than of the frame before.
            picture: uint8, (H, W, 3), display values of things in even light.
            light: float32, (H, W, 3), factors on the light of each pixel.

        Returns:
            uint8, (H, W, 3), RGB.
        """
        s = self.settings
        linear: Map = np.asarray(cv2.LUT(picture, _LINEAR), np.float32)
        linear *= light
        cv2.GaussianBlur(linear, (0, 0), s.softness, dst=linear)
        linear *= self._sensitivity
        if s.mains_depth:
            linear *= self._mains(time_s, self._rows)
        linear *= np.float32(self._exposed(linear, time_s))
        start = int(self._rng.integers(len(self._bank) - linear.size + 1))
        noise = self._bank[start : start + linear.size].reshape(linear.shape)
        np.clip(linear, 0, 1, out=linear)
        linear += noise * np.sqrt(np.float32(s.shot) * linear + np.float32(s.read**2))
        np.clip(linear, 0, 1, out=linear)
        frame = _DISPLAY[(linear * np.float32(LEVELS - 1)).astype(np.uint16)]
        return self._processed(frame)

    def _exposed(self, linear: Map, time_s: float) -> float:
        s = self.settings
        wanted = s.target / max(float(np.minimum(linear[::METERED, ::METERED], 1).mean()), 1e-3)
        if self._gain is None:
            self._gain = wanted * s.start
        else:
            share = 1 - np.exp(-max(time_s - self._last_s, 0) / s.settle_s)
            self._gain *= float((wanted / self._gain) ** share)
        self._last_s = time_s
        return self._gain

    def _processed(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        s = self.settings
        if s.smoothed:
            frame = cv2.addWeighted(
                frame, 1 - s.smoothed, cv2.GaussianBlur(frame, (0, 0), 1.0), s.smoothed, 0
            )  # type: ignore[assignment]
        if s.kept and self._before is not None:
            still_there = (cv2.absdiff(frame, self._before).max(axis=2, keepdims=True) < 14) * s.kept
            mixed = frame + (self._before.astype(np.float32) - frame) * still_there.astype(np.float32)
            frame = (mixed + np.float32(0.5)).astype(np.uint8)
        if s.kept:
            self._before = frame
        if s.sharpened > 0.05:
            blurred = cv2.GaussianBlur(frame, (0, 0), 1.2)
            frame = cv2.addWeighted(frame, 1 + s.sharpened, blurred, -s.sharpened, 0)  # type: ignore[assignment]
        return np.asarray(frame, np.uint8)
