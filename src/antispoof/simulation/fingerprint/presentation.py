"""One simulated presentation: a finger, live or copied, pressed on a sensor once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import UnknownNameError
from antispoof.simulation.fingerprint.finger import Finger, grow
from antispoof.simulation.fingerprint.instruments import INSTRUMENTS, copied, live
from antispoof.simulation.fingerprint.press import draw_press, touch
from antispoof.simulation.fingerprint.sensors import SENSORS, Contact, take

__all__ = ["PrintSpec", "present"]


@dataclass(frozen=True, slots=True)
class PrintSpec:
    """What is presented to which sensor.

    Attributes:
        seed: of the collection.
        subject: whose finger.
        index: which presentation of that finger; a live one and an attack of the same ``place`` are pressed
            alike, by somebody with as dry a finger, on the same sensor.
        instrument: name of the instrument; None for the finger itself.
        sensor: name of the sensor.
        place: which press.
        partition: ``train``, ``dev`` or ``test``.
    """

    seed: int
    subject: int
    index: int
    instrument: str | None
    sensor: str
    place: int
    partition: str = ""


def present(spec: PrintSpec) -> tuple[NDArray[np.uint8], Mapping[str, str]]:
    """Simulate a presentation.

    Returns:
        the picture, uint8, (H, W), at the resolution of the sensor, ridges dark; and what is known of it:
        ``pattern``, ``moisture`` and, of an attack, ``process``.

    Raises:
        UnknownNameError: there is no such instrument or sensor.
    """
    for kind, name, known in (
        ("simulated instrument", spec.instrument, INSTRUMENTS),
        ("simulated fingerprint sensor", spec.sensor, SENSORS),
    ):
        if name is not None and name not in known:
            raise UnknownNameError(kind, name, known)
    finger, sensor = _finger(spec.seed, spec.subject), SENSORS[spec.sensor]
    press = draw_press(_generator(spec.seed, 1, spec.subject, spec.place), *sensor.size)
    rng = _generator(spec.seed, 2, spec.subject, spec.index)
    about: dict[str, str] = {"pattern": finger.pattern}
    seen: Mapping[str, Any] = {}
    if spec.instrument is None:
        skin = live(finger, rng)
    else:
        skin, about["process"], seen = copied(finger, INSTRUMENTS[spec.instrument], rng)
    about["moisture"] = "dry" if press.moisture < -0.35 else "wet" if press.moisture > 0.35 else "usual"
    touched, area = touch(skin, press)
    return take(sensor, Contact(touched, area, **seen), rng), about


@functools.lru_cache(maxsize=4)
def _finger(seed: int, subject: int) -> Finger:
    return grow(_generator(seed, 0, subject, 0))


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([n & 0xFFFFFFFF for n in numbers])))
