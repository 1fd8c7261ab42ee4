"""Who a rendered person is: drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from antispoof.simulation.scene.grid import Rng
from antispoof.simulation.scene.physics import INTERPUPILLARY_MM

__all__ = ["Person", "draw_person"]


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same from one recording of a person to the next.

    Attributes:
        melanin: 0 lightest to 1 darkest skin.
        shape: geometry by name, in millimetres or as factors.
        hair: ``bald``, ``short``, ``medium`` or ``long``.
        hair_colour: red, green, blue, 850 nm reflectance.
        beard: 0 none to 1 full.
        iris: red, green, blue reflectance.
        glasses: whether the person wears spectacles.
        seed: of the marks on the skin.
    """

    melanin: float
    shape: dict[str, float]
    hair: str
    hair_colour: tuple[float, float, float, float]
    beard: float
    iris: tuple[float, float, float]
    glasses: bool
    seed: int

    @property
    def skin_tone(self) -> str:
        """The tone in six steps, I lightest to VI darkest."""
        return ("I", "II", "III", "IV", "V", "VI")[min(5, int(self.melanin * 6))]


def draw_person(rng: Rng) -> Person:
    """Draw somebody."""
    melanin = float(rng.uniform(0, 1) ** 1.5)
    dark_hair = rng.uniform() < 0.35 + 0.6 * melanin
    grey = rng.uniform() < 0.15
    colour = (0.020, 0.015, 0.012, 0.20) if dark_hair else _pick(rng, _HAIR_COLOURS)
    if grey:
        colour = (0.30, 0.29, 0.28, 0.45)
    male = rng.uniform() < 0.5
    hair = str(
        rng.choice(
            ["bald", "short", "medium", "long"], p=[0.12, 0.68, 0.15, 0.05] if male else [0, 0.2, 0.35, 0.45]
        )
    )
    brown, blue = (0.07, 0.04, 0.025), (0.16, 0.22, 0.28)
    return Person(
        melanin=melanin,
        shape={
            "ipd": float(np.clip(rng.normal(*INTERPUPILLARY_MM), 54, 73)),
            "width": float(rng.normal(1.0, 0.05)),
            "length": float(rng.normal(1.0, 0.04)),
            "jaw": float(rng.normal(1.04 if male else 0.95, 0.06)),
            "nose_length": float(rng.normal(42, 3)),
            "nose_width": float(rng.normal(1.0, 0.14)) * (1.0 + 0.22 * melanin),
            "nose_height": float(rng.normal(20 - 3 * melanin, 2.2)),
            "brow": float(rng.normal(4.5 if male else 2.5, 1.0)),
            "cheek": float(rng.normal(5.0, 1.5)),
            "lips": float(rng.normal(1.0 + 0.4 * melanin, 0.15)),
            "mouth_width": float(rng.normal(25, 2)),
            "mouth_y": float(rng.normal(68, 2.5)),
            "chin": float(rng.normal(5, 2)),
            "forehead": float(rng.normal(0, 3)),
            "hairline": float(rng.normal(-66 if male else -60, 6)),
            "brow_y": float(rng.normal(-17, 1.5)),
            "brow_weight": float(rng.uniform(0.5, 1.0)),
            "asymmetry": float(rng.normal(0, 0.8)),
        },
        hair=hair,
        hair_colour=colour,
        beard=float(rng.uniform(0.2, 1)) if male and rng.uniform() < 0.4 else 0.0,
        iris=brown if melanin > 0.45 or rng.uniform() < 0.5 else blue,
        glasses=bool(rng.uniform() < 0.25),
        seed=int(rng.integers(2**31)),
    )


_HAIR_COLOURS = (
    (0.09, 0.055, 0.03, 0.30),
    (0.30, 0.20, 0.10, 0.48),
    (0.16, 0.06, 0.025, 0.36),
    (0.05, 0.03, 0.02, 0.25),
)


def _pick(
    rng: Rng, options: tuple[tuple[float, float, float, float], ...]
) -> tuple[float, float, float, float]:
    return options[int(rng.integers(len(options)))]
