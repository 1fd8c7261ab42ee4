"""One simulated presentation: a person, or an instrument that imitates one, before a camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.instruments import Setting, iris_instruments
from antispoof.simulation.iris.person import EyeState, Person, draw_person, draw_state
from antispoof.simulation.iris.scene import eye_light, live_globe
from antispoof.simulation.iris.sensors import draw_sensor, take
from antispoof.simulation.iris.view import View

__all__ = ["Simulated", "simulate_iris"]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A picture, and what is true of it.

    Attributes:
        picture: uint8, (H, W).
        iris: x, y and radius of the limbus of the eye that is shown, pixels.
        pupil: the same of its pupil.
    """

    picture: NDArray[np.uint8]
    iris: tuple[float, float, float]
    pupil: tuple[float, float, float]


def simulate_iris(seed: int, subject: int, index: int, instrument: str | None, family: str) -> Simulated:
    """Simulate a presentation; the same arguments make the same picture.

    Args:
        seed: of the collection.
        subject: whose eye; an instrument imitates it, or is worn over it.
        index: of the presentation.
        instrument: of `iris_instruments`; None is bona fide.
        family: of `antispoof.simulation.iris.sensors.FAMILIES`.
    """
    person = draw_person(_rng(seed, subject))
    rng = _rng(seed, subject, 1 + index)
    sensor, state = draw_sensor(family, rng), draw_state(rng)
    state = replace(state, gaze=_within(state, person))
    view = View.of(sensor, rng)
    if instrument is None:
        globe = live_globe(view, person, state, rng)
        light = eye_light(view, person, state, sensor, globe, rng)
    else:
        target = partial(_target, view, person, state, family, rng)
        light = iris_instruments[instrument](Setting(view, sensor, person, state, target), rng)
    place = view.pixel(*state.gaze)
    middle = view.pixel(state.gaze[0] + state.apart[0], state.gaze[1] + state.apart[1])
    radius = person.iris_radius * view.pitch
    return Simulated(take(light, sensor, rng), (*place, radius), (*middle, radius * state.pupil))


def _target(
    view: View, person: Person, state: EyeState, family: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a good picture of the eye, from a camera of its own: what an attacker prints or shows."""
    sensor = replace(draw_sensor(family, rng), shape=view.x.shape, pitch=view.pitch, motion=(0.0, 0.0))
    globe = live_globe(view, person, state, rng)
    light = eye_light(view, person, state, sensor, globe, rng)
    return np.asarray(take(light, sensor, rng), np.float32) / np.float32(255)


def _within(state: EyeState, person: Person) -> tuple[float, float]:
    """Keep the iris between the lids."""
    reach = max(0.5, person.opening[0] - person.iris_radius - 4)
    return float(np.clip(state.gaze[0], -reach, reach)), float(np.clip(state.gaze[1], -1.0, 1.0))


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([n & 0xFFFFFFFF for n in numbers])))
