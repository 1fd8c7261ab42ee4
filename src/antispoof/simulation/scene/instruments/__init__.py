"""Attack instruments in front of the sensors: each is a function, in a file here, that builds what is there.

Prints and screens are panels that carry a picture of the target; masks change the surface of the attacker's
head; a mannequin is a head of its own. What tells them from people follows from what they are made of.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import UnknownNameError
from antispoof.simulation.scene.head import Head, make_head
from antispoof.simulation.scene.person import Person
from antispoof.simulation.scene.surface import Panel, Pose

__all__ = ["INSTRUMENTS", "Setup", "Stage", "instrument", "stage_bona_fide"]

Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stage:
    """What an instrument is made with.

    Attributes:
        rng: its own randomness.
        target: whose face is imitated.
        attacker: who presents it.
        pose: where the attacker's head stands.
        ambient_c: room temperature.
        picture: linear (H, W, 3) photograph of the target, head and shoulders, eyes at 0.42 of its height;
            white is 1.
        portrait: texture of the target's face, if there is one.
    """

    rng: np.random.Generator
    target: Person
    attacker: Person
    pose: Pose
    ambient_c: float
    picture: Callable[[], Map]
    portrait: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True)
class Setup:
    """What stands before the sensors.

    Attributes:
        head: nearest head, or None.
        pose: of that head.
        torso: whether shoulders are seen.
        panel: sheet or screen, or None.
        held: whether a hand holds the panel.
    """

    head: Head | None
    pose: Pose
    torso: bool = True
    panel: Panel | None = None
    held: bool = False


INSTRUMENTS: dict[str, Callable[[Stage], Setup]] = {}
"""Name of the kind of attack → what builds it."""


def instrument(name: str) -> Callable[[Callable[[Stage], Setup]], Callable[[Stage], Setup]]:
    """Register a kind of attack instrument."""

    def file_under(build: Callable[[Stage], Setup]) -> Callable[[Stage], Setup]:
        INSTRUMENTS[name] = build
        return build

    return file_under


def stage_bona_fide(stage: Stage) -> Setup:
    """Build the target as they are."""
    return Setup(make_head(stage.target, stage.rng, stage.ambient_c, stage.portrait), stage.pose)


def build(name: str | None, stage: Stage) -> Setup:
    """Build a kind of attack, or a bona fide presentation for None.

    Raises:
        UnknownNameError: no such instrument; the message lists what exists.
    """
    if name is None:
        return stage_bona_fide(stage)
    if name not in INSTRUMENTS:
        raise UnknownNameError("simulated instrument", name, INSTRUMENTS)
    return INSTRUMENTS[name](stage)


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
