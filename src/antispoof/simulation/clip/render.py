"""One simulated clip: frame after frame, never all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import UnknownNameError
from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.camera import Camera, Settings, draw_settings
from antispoof.simulation.clip.codecs import CODECS, Codec, encode
from antispoof.simulation.clip.layers import Layer, film
from antispoof.simulation.clip.motion import MOTIONS, Motion, Track
from antispoof.simulation.clip.person import Body, act, body_of, head_layer
from antispoof.simulation.clip.stage import FACE_MM, Layers, Picture, Stage, room
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.portrait import Portrait

__all__ = ["ClipSpec", "SimulatedClip", "simulate_clip"]

FILM_FPS = (24.0, 25.0, 30.0)


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """Everything that decides a clip, but for the portraits.

    Attributes:
        seed: of the collection.
        subject: number of the person who is presented or imitated.
        take: number of the clip of that person; the bona fide and the attack of one take share the camera.
        instrument: one of `clip_instruments`, or None for bona fide.
        suite: one of `SUITES`.
        seconds: how long.
        liveliness: factor on all that the head of a bona fide clip does by itself, see `person.act`.
    """

    seed: int
    subject: int
    take: int
    instrument: str | None
    suite: str
    seconds: float = 2.0
    liveliness: float = 1.0


@dataclass(frozen=True, slots=True)
class SimulatedClip:
    """A clip that nobody was filmed for.

    Attributes:
        spec: what decided it.
        subject: who is shown.
        settings: the camera.
        codec: name of the codec that writes it.
        quality: of the codec.
        layers: what stands before the camera.
    """

    spec: ClipSpec
    subject: str
    settings: Settings
    codec: str
    quality: int
    layers: tuple[Layer, ...]

    @property
    def bona_fide(self) -> bool:
        """Whether a person is before the camera."""
        return self.spec.instrument is None

    @property
    def fps(self) -> float:
        """Frames a second, nominal."""
        return self.settings.fps

    @property
    def suffix(self) -> str:
        """Of the file that it is written into."""
        return self._codec.suffix

    @property
    def _codec(self) -> Codec:
        return CODECS[self.codec]

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Film: seconds from the first frame, and uint8, (H, W, 3), RGB."""
        shot = _Shot(self.settings, self.layers)
        for time_s in shot.camera.times(self.spec.seconds):
            yield time_s, shot.take(time_s)

    def write(self, path: Path) -> None:
        """Write it with its codec into a file."""
        encode(self.frames(), path, self._codec, self.quality, self.fps)


def simulate_clip(
    spec: ClipSpec, person: Portrait, attacker: Portrait, mouth: Track | None = None
) -> SimulatedClip:
    """Set up a clip; its frames are filmed when they are asked for.

    Args:
        spec: what it shows.
        person: who is presented or imitated.
        attacker: who wears the mask, or stands behind what is held.
        mouth: how far that of a bona fide clip is open, 0 to 1, instead of what is drawn.

    Raises:
        UnknownNameError: no such suite or instrument.
        InputError: eyes and mouth are not found in the portrait.
    """
    if spec.suite not in SUITES:
        raise UnknownNameError("suite of clips", spec.suite, list(SUITES))
    instrument = None if spec.instrument is None else clip_instruments[spec.instrument]
    suite, motion = SUITES[spec.suite], MOTIONS[SUITES[spec.suite].motion]
    shared = _rng(spec, 1)  # the camera and its distance give no class away
    size = suite.sizes[int(shared.integers(len(suite.sizes)))]
    settings = draw_settings(shared, motion, spec.seconds, size, suite.fps, suite.noise)
    codec = suite.codecs[int(shared.integers(len(suite.codecs)))]
    quality = int(shared.integers(CODECS[codec].quality[0], CODECS[codec].quality[1] + 1))
    face_px = float(shared.uniform(*suite.face)) * min(size)
    rng = _rng(spec, 2 if instrument is None else 3)
    body, other = body_of(person, _rng(spec, 4)), body_of(attacker, _rng(spec, 5))
    view_mm = (1000 * size[0] / settings.focal, 1000 * size[1] / settings.focal)
    layers: Layers = room(_rng(spec, 6), view_mm)
    stage = Stage(
        rng,
        spec.seconds,
        motion,
        settings.focal,
        face_px,
        body,
        other,
        lambda seconds, width, height: _recorded(body, rng, motion, seconds, (width, height)),
    )
    if instrument is None:
        acting = act(rng, spec.seconds, motion, stage.distance_mm(), spec.liveliness)
        if mouth is not None:
            acting = replace(acting, mouth=mouth)
        layers.append(head_layer(body, acting))
    else:
        if rng.random() < 0.35 and not spec.instrument.startswith("mask"):  # type: ignore[union-attr]
            behind = act(rng, spec.seconds, motion, 1.6 * stage.distance_mm(), liveliness=0.5)
            layers.append(head_layer(other, behind))
        layers += instrument(stage)
    return SimulatedClip(spec, person.subject, settings, codec, quality, tuple(layers))


class _Shot:
    """A camera before what it films; a camera on a table sees the room behind everything once."""

    def __init__(self, settings: Settings, layers: Sequence[Layer]) -> None:
        self.camera = Camera(settings)
        resting = len(list(takewhile(lambda layer: layer.rests and not settings.in_hand, layers)))
        self._canvas = np.zeros((settings.height, settings.width, 3), np.uint8)
        self._light = np.ones((settings.height, settings.width, 3), np.float32)
        for layer in layers[:resting]:
            film(layer, self.camera.view(0.0), 0.0, self._canvas, self._light)
        self._layers = layers[resting:]

    def take(self, time_s: float) -> Picture:
        canvas, light = self._canvas.copy(), self._light.copy()
        for layer in self._layers:
            film(layer, self.camera.view(time_s), time_s, canvas, light)
        return self.camera.take(time_s, canvas, light)


def _recorded(
    body: Body, rng: np.random.Generator, motion: Motion, seconds: float, size: tuple[int, int]
) -> Callable[[float], Picture]:
    """Film a person for a replay: each picture once, in the order of their times."""
    settings = draw_settings(rng, motion, seconds, size, FILM_FPS, (0.004, 0.02))
    view_mm = (1000 * size[0] / settings.focal, 1000 * size[1] / settings.focal)
    distance = settings.focal * FACE_MM / (float(rng.uniform(0.4, 0.56)) * min(size))
    layers = [*room(rng, view_mm), head_layer(body, act(rng, seconds, motion, distance))]
    shot = _Shot(settings, layers)
    begin = float(rng.uniform(0, 1 / settings.fps))
    kept: dict[int, Picture] = {}

    def picture(time_s: float) -> Picture:
        number = int((time_s + begin) * settings.fps)
        if number not in kept:
            kept.clear()
            kept[number] = shot.take(number / settings.fps)
        return kept[number]

    return picture


def _rng(spec: ClipSpec, use: int) -> np.random.Generator:
    numbers = [spec.seed, list(SUITES).index(spec.suite), spec.subject, spec.take, use]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([n & 0xFFFFFFFF for n in numbers])))
