"""What evidence from time is worth: numbers of a cue → a bounded log likelihood ratio, by a rule that was
learned.

A rule is one JSON file in ``bundles/cues``: which numbers, how they are scaled, a small perceptron, its
calibration, and where it comes from, like a bundle. It was learned on simulated clips, so its ratio is
bounded, and one that was weak on simulation held out is a hint: told, without a say.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from antispoof.errors import BundleError
from antispoof.files import first_error, read_text
from antispoof.runtime.bundle import MeasuredResult, OperatingPointEntry, Training
from antispoof.runtime.verdict import CueEvidence
from antispoof.scores.calibration import Calibration, calibrate
from antispoof.sensing.cues import UNASKED, Measured, cues

__all__ = [
    "ALL_BOUNDS",
    "CueRule",
    "Layer",
    "answers",
    "judge_cues",
    "read_rule",
    "shipped_rules",
]

ALL_BOUNDS = (-5.0, 1.0)
"""What all cues together may add to the score, natural-log likelihood ratio: simulation is not the world, and
a clip that was injected may show all that a live one does."""

LEAST_KNOWN = 0.8  # of the numbers have to lie where the rule has learned something: else it has no say
UNLIKE = {"unlike_learned": "the clip is unlike those that its rule was learned on"}
MOST = 4.0  # scaled numbers are taken for at most so many spreads: beyond, nobody has learned anything

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Layer(_Part):
    """``values @ weight + bias``; tanh follows all but the last.

    Attributes:
        weight: (from, to).
        bias: (to,).
    """

    weight: list[list[Number]]
    bias: list[Number]


class CueRule(_Part):
    """What is known of one cue's numbers.

    Attributes:
        cue: its name.
        version: of this rule.
        description: what it was learned on, and what it is good for.
        licence: of the rule.
        features: names of the numbers, all of those of the cue, in its order.
        middle: (F,), is taken off the numbers.
        spread: (F,), they are divided by; then they are limited to ±4.
        layers: the last one gives one number, higher = bona fide; or one for each kind of attack, of which
            the least counts, smoothly: who looks like any of them looks like an attack.
        calibration: of that number to a natural-log likelihood ratio.
        bounds: the least and the highest ratio; both 0 for a hint, which has no say.
        operating_points: what the ratio alone does on the data held out.
        training: how it came to be.
        results: what was measured.
    """

    format_version: Literal[1] = 1
    cue: str
    version: str
    description: str
    licence: str
    features: tuple[str, ...]
    middle: list[Number]
    spread: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    layers: Annotated[list[Layer], Field(min_length=1)]
    calibration: Calibration
    bounds: tuple[Annotated[float, Field(ge=-5, le=0)], Annotated[float, Field(ge=0, le=2)]]
    operating_points: dict[str, OperatingPointEntry] = {}
    training: Training
    results: list[MeasuredResult]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.features != cues[self.cue].features:
            raise ValueError(f"the numbers of {self.cue} are {', '.join(cues[self.cue].features)}")
        width = len(self.features)
        if len(self.middle) != width or len(self.spread) != width:
            raise ValueError(f"middle and spread must have {width} numbers")
        for layer in self.layers:
            shape = np.shape(layer.weight)
            if len(shape) != 2 or shape[0] != width or shape[1] != len(layer.bias):
                raise ValueError(f"a layer of shape {shape} does not take {width} numbers")
            width = shape[1]
        return self

    @property
    def hint(self) -> bool:
        """Whether it has no say."""
        return self.bounds == (0, 0)

    def knows(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell of numbers (N, F) whether they are like those that the rule was learned on: (N,)."""
        far = np.abs(features - np.array(self.middle)) > MOST * np.array(self.spread)
        return np.asarray(1 - far.mean(axis=1) >= LEAST_KNOWN)

    def raw(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the perceptron says of numbers (N, F): (N,), higher = bona fide."""
        values = np.clip((features - np.array(self.middle)) / np.array(self.spread), -MOST, MOST)
        for number, layer in enumerate(self.layers):
            values = values @ np.array(layer.weight) + np.array(layer.bias)
            if number < len(self.layers) - 1:
                values = np.tanh(values)
        return np.asarray(-np.logaddexp.reduce(-values, axis=1))

    def ratio(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the natural-log likelihood ratios of numbers (N, F), within the bounds: (N,)."""
        return np.clip(calibrate(self.raw(features), self.calibration), *self.bounds)


def read_rule(path: str | Path) -> CueRule:
    """Read the rule of a cue.

    Raises:
        BundleError: it is none.
        InputError: there is no such file.
    """
    try:
        return CueRule.model_validate_json(read_text(path, "rule of a cue"))
    except ValidationError as error:
        raise BundleError(f"{str(path)!r} is no rule of a cue: {first_error(error)}") from None


@cache
def shipped_rules() -> dict[str, CueRule]:
    """Return the rules that are installed with the package: cue → rule."""
    folder = Path(__file__).parents[1] / "bundles" / "cues"
    rules = [read_rule(path) for path in sorted(folder.glob("*.json"))]
    return {rule.cue: rule for rule in rules}


def judge_cues(measured: Sequence[Measured], counted: bool = True) -> tuple[CueEvidence, ...]:
    """Tell what each cue of a clip speaks for, and how much of it counts.

    Args:
        measured: of one clip; what needs more than pictures, and had no more, is left out.
        counted: whether they may have a say: a policy that counts decisions leaves them as hints.
    """
    rules = shipped_rules()
    measured = [found for found in measured if not set(found.reasons) & set(UNASKED)]
    asked = {
        found.name: (rules[found.name], found.features[np.newaxis])
        for found in measured
        if found.features is not None and found.name in rules and not rules[found.name].hint
    }
    unlike = {name for name, (rule, features) in asked.items() if not rule.knows(features)[0]}
    said = {
        name: float(rule.ratio(features)[0])
        for name, (rule, features) in asked.items()
        if counted and name not in unlike
    }
    total = sum(said.values())
    share = float(np.clip(total, *ALL_BOUNDS)) / total if total else 1.0
    return tuple(
        _told(found, said.get(found.name), share, ("unlike_learned",) if found.name in unlike else ())
        for found in measured
    )


def answers(found: Measured) -> bool:
    """Tell whether what a challenge measured is an answer: its ratio speaks for a person, by however little.

    What was not measured is none, nor what its rule knows nothing like.
    """
    rule = shipped_rules().get(found.name)
    if rule is None or found.features is None:
        return False
    features = found.features[np.newaxis]
    return bool(rule.knows(features)[0] and calibrate(rule.raw(features), rule.calibration)[0] > 0)


def _told(found: Measured, score: float | None, share: float, unlike: tuple[str, ...]) -> CueEvidence:
    cue = cues[found.name]
    values = () if found.features is None else found.features.tolist()
    return CueEvidence(
        found.name,
        cue.title,
        "not_measurable" if found.features is None else "hint" if score is None else "used",
        score,
        0.0 if score is None else score * share,
        (*found.reasons, *unlike),
        tuple({**cue.reasons, **UNLIKE}[code] for code in (*found.reasons, *unlike)),
        dict(zip(cue.features, values, strict=False)),
        found.course,
        cue.drawn,
    )
