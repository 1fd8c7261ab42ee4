"""Attack instruments before an iris sensor: each is a function, in a file here, that builds what is seen.

A print, a screen or a lens is made of something, by a process; what tells it from an eye follows from that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.registry import Registry
from antispoof.simulation.iris.person import EyeState, Person
from antispoof.simulation.iris.sensors import Sensor
from antispoof.simulation.iris.view import View

__all__ = ["Instrument", "Setting", "iris_instruments"]

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Setting:
    """What an instrument is made for.

    Attributes:
        view: where the sensor looks.
        sensor: that it is presented to.
        person: whose eye it imitates; of a worn instrument, whose lids are around it.
        state: of that eye.
        target: display values, (H, W), 0 to 1: a picture of that eye that the attacker has, in this view.
    """

    view: View
    sensor: Sensor
    person: Person
    state: EyeState
    target: Callable[[], Map]


Instrument = Callable[[Setting, np.random.Generator], Map]
"""Returns the light that comes back, float32, (H, W), 1 being a white sheet."""

iris_instruments: Registry[Instrument] = Registry("iris attack instrument", __name__)
