"""Numbers of a cue → a calibrated rule: a small perceptron, learned on train, calibrated on dev.

Every kind of attack weighs the same, and all of them as much as bona fide.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.optimize import minimize

from antispoof.errors import InputError
from antispoof.runtime.bundle import MeasuredResult, Training, TrainingData
from antispoof.runtime.cues import MOST, CueRule, Layer
from antispoof.scores.calibration import calibrate, supported_ratio
from antispoof.scores.logistic import balanced_weights
from antispoof.sensing.cues import cues
from antispoof.training.cue_rules.measuring import MeasuredClip
from antispoof.training.operating_points import calibration_of, figures, operating_points

__all__ = ["CueExperiment", "RulesExperiment", "fit_rule", "said"]

Values = NDArray[np.float64]
STEPS = 400
LEAST = 8  # clips of a class, on train and on dev each


class CueExperiment(BaseModel):
    """How one cue learns.

    Attributes:
        description: what the rule tells of itself.
        against: kinds of attack that it learns from and is measured on, as patterns.
        hidden: units of the hidden layer; 0 means that there is none.
        each: whether every kind of attack has a layer of its own, without a hidden one, see `CueRule.layers`.
        doubt: added to the log likelihood ratio before its bounds: so much surer it has to be to speak
            against somebody.
        ridge: penalty on the weights.
        bounds: of the log likelihood ratio; ``supported`` takes what errors on dev leave, see `_supported`.
        without: numbers that are left out, because simulation draws them as it likes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    against: tuple[str, ...] = ("*",)
    hidden: Annotated[int, Field(ge=0, le=64)] = 8
    each: bool = False
    doubt: Annotated[float, Field(ge=0, le=5)] = 0.0
    ridge: Annotated[float, Field(gt=0)] = 0.01
    bounds: (
        tuple[Annotated[float, Field(ge=-5, le=0)], Annotated[float, Field(ge=0, le=2)]]
        | Literal["supported"]
    )
    without: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.each and self.hidden:
            raise ValueError("each kind of attack has a layer of its own: hidden must be 0")
        return self


class RulesExperiment(BaseModel):
    """The file that says how the rules come to be.

    Attributes:
        version: of the rules.
        licence: of the rules.
        seed: of the first weights.
        cues: by cue.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    licence: str
    seed: int
    cues: dict[str, CueExperiment]


def fit_rule(
    name: str, experiment: RulesExperiment, taught: Sequence[MeasuredClip], held_out: Sequence[MeasuredClip]
) -> CueRule:
    """Learn what the numbers of a cue say.

    Args:
        name: of the cue.
        experiment: how.
        taught: clips divided into train and dev.
        held_out: clips that nothing is learned from; figures are of them. May be empty.

    Raises:
        InputError: there are too few clips of a class that could be measured.
    """
    cue, settings = cues[name], experiment.cues[name]
    unknown = set(settings.without) - set(cue.features)
    if unknown:
        raise InputError(f"{name} measures no {', '.join(sorted(unknown))}")
    train, dev = (
        _Table.of(name, settings.against, [clip for clip in taught if clip.partition == partition])
        for partition in ("train", "dev")
    )
    for where, table in (("train", train), ("dev", dev)):
        for label, count in (
            ("bona fide", table.bona_fide.sum()),
            (f"attack ({', '.join(settings.against)})", (~table.bona_fide).sum()),
        ):
            if count < LEAST:
                raise InputError(
                    f"{name}: {count} clips of the class {label} on {where} were measurable, {LEAST} are "
                    "needed: simulate and measure more of them"
                )
    middle = np.median(train.values, axis=0)
    spread = np.maximum(np.subtract(*np.quantile(train.values, (0.84, 0.16), axis=0)) / 2, 1e-3)
    views = [train.against(kind) for kind in sorted(set(train.species) - {""})] if settings.each else [train]
    learned = [_learned(view, middle, spread, settings, experiment.seed, cue.features) for view in views]
    layers = _beside(learned) if settings.each else learned[0]
    draft = CueRule(
        cue=name,
        version=experiment.version,
        description=settings.description,
        licence=experiment.licence,
        features=cue.features,
        middle=middle.tolist(),
        spread=spread.tolist(),
        layers=layers,
        calibration=calibration_of(np.array([0.0, 1.0]), np.array([-1.0, 0.0])),
        bounds=(0.0, 0.0) if settings.bounds == "supported" else settings.bounds,
        training=_training(experiment, taught),
        results=[],
    )
    raw = draft.raw(dev.values)
    calibration = calibration_of(raw[dev.bona_fide], raw[~dev.bona_fide])
    people = min(len(set(dev.subject[dev.bona_fide])), len(set(dev.subject[~dev.bona_fide])))
    calibration = calibration.model_copy(
        update={"limit": supported_ratio(people), "intercept": calibration.intercept + settings.doubt}
    )
    ratio = calibrate(raw, calibration)
    points = operating_points(ratio[dev.bona_fide], dev.by_species(ratio), "dev, SIMULATED")
    results = []
    for data, clips in (("dev of what taught, SIMULATED", dev), ("held out, SIMULATED", None)):
        table = clips or _Table.of(name, settings.against, held_out)
        if table.bona_fide.any() and not table.bona_fide.all():
            scores = calibrate(draft.raw(table.values), calibration)
            told = figures(scores[table.bona_fide], table.by_species(scores))
            told["not_measurable"] = table.absent
            results.append(MeasuredResult(data=data, simulated=True, metrics=told))
    bounds = draft.bounds
    if settings.bounds == "supported":
        bounds = _supported(ratio[dev.bona_fide], dev.by_species(ratio))
    return draft.model_copy(
        update={
            "calibration": calibration,
            "bounds": bounds,
            "operating_points": points,
            "results": results,
        }
    )


def _supported(bona_fide: Values, attacks: Mapping[str, Values]) -> tuple[float, float]:
    """Return the bounds that errors at a ratio of 0 leave, within −5 and 2.

    Where a share of the people looks like no person, and a share of attacks, the mean over their kinds, looks
    like one, no number says more than the ratio of the two: see `antispoof.scores.calibration.unseen_ratio`.
    """
    people = (np.sum(bona_fide > 0) + 1) / (len(bona_fide) + 2)  # Laplace's rule of succession
    passing = float(np.mean([(np.sum(one > 0) + 1) / (len(one) + 2) for one in attacks.values()]))
    low, high = np.log((1 - people) / (1 - passing)), np.log(people / passing)
    return float(np.clip(low, -5, 0).round(2)), float(np.clip(high, 0, 2).round(2))


class _Table:
    """Clips of one cue that could be measured: numbers, class, kind of attack, person."""

    def __init__(self, clips: Sequence[MeasuredClip], values: Values, absent: float) -> None:
        self.values, self.absent = values, absent
        self.species = np.array([clip.pai_species or "" for clip in clips], object)
        self.subject = np.array([clip.subject for clip in clips], object)
        self.bona_fide = self.species == ""

    @classmethod
    def of(cls, name: str, against: Sequence[str], clips: Sequence[MeasuredClip]) -> _Table:
        wanted = [clip for clip in clips if name in clip.cues and _counts(clip, against)]
        kept = [(clip, found) for clip in wanted if isinstance(found := clip.cues.get(name), np.ndarray)]
        values = np.array([found for _, found in kept]).reshape(len(kept), len(cues[name].features))
        return cls([clip for clip, _ in kept], values, 1 - len(kept) / max(len(wanted), 1))

    def against(self, kind: str) -> _Table:
        """Return bona fide and one kind of attack alone."""
        kept = self.bona_fide | (self.species == kind)
        table = _Table([], self.values[kept], self.absent)
        table.species, table.subject = self.species[kept], self.subject[kept]
        table.bona_fide = self.bona_fide[kept]
        return table

    def by_species(self, scores: Values) -> dict[str, Values]:
        return {str(kind): scores[self.species == kind] for kind in sorted(set(self.species)) if kind}


def _counts(clip: MeasuredClip, against: Sequence[str]) -> bool:
    return clip.pai_species is None or any(fnmatch.fnmatch(clip.pai_species, kind) for kind in against)


def _learned(
    train: _Table, middle: Values, spread: Values, settings: CueExperiment, seed: int, names: Sequence[str]
) -> list[Layer]:
    """Fit the perceptron by the quasi-Newton method L-BFGS."""
    x = np.clip((train.values - middle) / spread, -MOST, MOST)
    used = np.array([name not in settings.without for name in names], np.float64)
    x = x * used
    y = np.where(train.bona_fide, 1.0, -1.0)
    counts = {kind: np.sum(train.species == kind) for kind in set(train.species)}
    weight = balanced_weights(train.bona_fide, np.array([1 / counts[kind] for kind in train.species]))
    width, hidden = x.shape[1], settings.hidden
    shapes = [(width, hidden), (hidden,), (hidden, 1), (1,)] if hidden else [(width, 1), (1,)]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def parts(flat: Values) -> list[Values]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True)]

    def cost(flat: Values) -> tuple[float, Values]:
        *first, last, bias = parts(flat)
        inner = np.tanh(x @ first[0] + first[1]) if hidden else x
        margin = y * (inner @ last + bias)[:, 0]
        value = float(weight @ np.logaddexp(0, -margin))
        slope = -(weight * y / (1 + np.exp(margin)))[:, np.newaxis]
        grads = [inner.T @ slope + 2 * settings.ridge * last, slope.sum(axis=0)]
        value += settings.ridge * float((last**2).sum())
        if hidden:
            back = (slope @ last.T) * (1 - inner**2)
            grads = [x.T @ back + 2 * settings.ridge * first[0], back.sum(axis=0), *grads]
            value += settings.ridge * float((first[0] ** 2).sum())
        return value, np.concatenate([grad.ravel() for grad in grads])

    start = 0.3 * np.random.default_rng(seed).standard_normal(sum(int(np.prod(s)) for s in shapes))
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    tensors = parts(found.x)
    tensors[0] = tensors[0] * used[:, np.newaxis]
    pairs = zip(tensors[::2], tensors[1::2], strict=True)
    return [Layer(weight=w.round(5).tolist(), bias=b.round(5).tolist()) for w, b in pairs]


def _beside(learned: Sequence[Sequence[Layer]]) -> list[Layer]:
    """Put linear layers of one number each side by side."""
    weight = np.hstack([np.array(layers[0].weight) for layers in learned])
    return [Layer(weight=weight.tolist(), bias=[layers[0].bias[0] for layers in learned])]


def _training(experiment: RulesExperiment, taught: Sequence[MeasuredClip]) -> Training:
    licences = sorted({clip.licence for clip in taught})
    data = [
        TrainingData(
            name="simulated clips",
            licence=licence,
            presentations=sum(clip.licence == licence for clip in taught),
            simulated=all(clip.simulated for clip in taught),
            disclosed=True,
        )
        for licence in licences
    ]
    return Training(
        data=data,
        recipe=experiment.model_dump_json(),
        seed=experiment.seed,
        code_version=metadata.version("antispoof"),
    )


def said(rule: CueRule, clips: Sequence[MeasuredClip]) -> Values:
    """Return what a rule says of clips: (N,), 0 where it has no say."""
    out = np.zeros(len(clips))
    for number, clip in enumerate(clips):
        found = clip.cues.get(rule.cue)
        if isinstance(found, np.ndarray) and rule.knows(found[np.newaxis])[0]:
            out[number] = rule.ratio(found[np.newaxis])[0]
    return out
