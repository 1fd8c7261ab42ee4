"""Fuse systems that left score files: fit on development scores, apply to test scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from antispoof.errors import InputError
from antispoof.evaluation.comparison import align
from antispoof.evaluation.metrics import d_eer
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.thresholds import Rule
from antispoof.files import read_json, write_json
from antispoof.scores.calibration import ScoreCalibration, calibrations, fit_best
from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = [
    "BEST",
    "FittedFusion",
    "FusedSystems",
    "fuse_scores",
    "read_fusion",
    "split_by_hash",
    "write_fusion",
]

BEST = "best"
"""Stands for the calibration that costs the least on held-out development scores."""


def split_by_hash(scores: ScoreSet, dev_share: float) -> tuple[ScoreSet, ScoreSet]:
    """Split into development and test set by a hash of the subject, or of the id where no subject is known.

    The same subjects fall on the same side in every file, today and tomorrow.

    Args:
        scores: what to split.
        dev_share: between 0 and 1.

    Raises:
        InputError: the share is out of range, or one side is left empty.
    """
    if not 0 < dev_share < 1:
        raise InputError(f"dev_share must lie between 0 and 1, got {dev_share}")
    keys = scores.ids.tolist() if scores.subject is None else scores.subject.decode()
    keys = [key or name for key, name in zip(keys, scores.ids.tolist(), strict=True)]
    share = {
        key: int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64 for key in set(keys)
    }
    dev = np.array([share[key] < dev_share for key in keys])
    if dev.all() or not dev.any():
        raise InputError(f"{scores.name}: a dev share of {dev_share:g} leaves one side of the split empty")
    return replace(scores.take(dev), name=f"{scores.name} (dev)"), scores.take(~dev)


class FittedFusion(BaseModel):
    """Everything that turns the raw scores of several systems into one log likelihood ratio.

    Attributes:
        rule: registered name of the fusion rule.
        parameters: of the rule.
        calibrations: system → its calibration, with its registered name under ``kind``.
        thresholds: system → where it begins to say bona fide, for rules that count decisions.
        output: calibration of the fused score.
        data: which development scores it was fitted on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1] = 1
    rule: str
    parameters: SerializeAsAny[FusionRule]
    calibrations: dict[str, CalibrationEntry] = Field(min_length=1)
    thresholds: dict[str, float]
    output: CalibrationEntry
    data: str

    @model_validator(mode="before")
    @classmethod
    def _of_the_rule(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("parameters"), dict):
            rule = fusions[str(values.get("rule"))]
            return {**values, "parameters": rule.model_validate(values["parameters"])}
        return values

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems, in alphabetical order."""
        return tuple(sorted(self.calibrations))

    def panel(
        self, scores: Mapping[str, NDArray[np.float64]], quality: Mapping[str, NDArray[np.float64]]
    ) -> Panel:
        """Calibrate raw scores: system → (N,), NaN for a non-response; quality the same, where known."""
        return _panel(
            {name: self.calibrations[name].map for name in self.systems}, scores, quality, self.thresholds
        )

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return log likelihood ratios, (N,)."""
        return _where_finite(self.output.map, self.parameters.fuse(panel))


class CalibrationEntry(BaseModel):
    """A calibration with its registered name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    map: SerializeAsAny[ScoreCalibration]

    @model_validator(mode="before")
    @classmethod
    def _of_the_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("map"), dict):
            kind = calibrations[str(values.get("kind"))]
            return {**values, "map": kind.model_validate(values["map"])}
        return values

    @classmethod
    def of(cls, fitted: ScoreCalibration) -> CalibrationEntry:
        """Look up the name under which a calibration is registered."""
        return cls(kind=next(n for n in calibrations if type(fitted) is calibrations[n]), map=fitted)


FittedFusion.model_rebuild()


@dataclass(frozen=True, slots=True)
class FusedSystems:
    """Single systems and what became of them together.

    Attributes:
        dev: calibrated development scores by name of the system or rule; they were fitted on.
        test: calibrated test scores by the same names.
        best_single: the system with the lowest D-EER on the development scores.
        fitted: rule → everything that was fitted.
    """

    dev: Mapping[str, ScoreSet]
    test: Mapping[str, ScoreSet]
    best_single: str
    fitted: Mapping[str, FittedFusion]


def fuse_scores(
    systems: Mapping[str, ScoreSet],
    dev: Mapping[str, ScoreSet],
    *,
    rules: Sequence[str] = (),
    calibration: str = BEST,
    at: str = "EER",
    tick: Callable[[], None] = lambda: None,
) -> FusedSystems:
    """Calibrate and fuse systems that scored the same presentations.

    Args:
        systems: test scores by name, at least two; an attribute ``quality`` (0 to 1) is side information.
        dev: development scores by the same names.
        rules: names of fusion rules; all that are registered where empty.
        calibration: name of a calibration, or ``"best"``.
        at: rule that sets each system's own threshold on ``dev``, for the rules that count decisions.
        tick: called after each rule.

    Raises:
        InputError: fewer than two systems, other names in ``dev``, or a class missing from ``dev``.
        UnknownNameError: no such rule or calibration.
    """
    if len(systems) < 2 or set(systems) != set(dev):
        raise InputError(
            f"fusion needs two systems or more, each with development scores; got {', '.join(systems)} "
            f"and development scores of {', '.join(dev)}"
        )
    rules = tuple(rules) or tuple(fusions)
    for name in rules:
        fusions[name]
        if name in systems:
            raise InputError(f"a system is called {name!r} like a fusion rule: give it another name")
    maps = {name: _fit(scores, calibration) for name, scores in dev.items()}
    given = (dev, systems)
    dev, test = align(dev), align(systems)
    label = next(iter(dev.values())).is_bona_fide
    # Alignment joins what the files know of a presentation; quality is each system's own.
    qualities = [
        {
            name: _in_order(_quality(given[part][name]), given[part][name].ids, scores.ids)
            for name, scores in sets.items()
        }
        for part, sets in enumerate((dev, test))
    ]
    raw = [{name: scores.scores for name, scores in part.items()} for part in (dev, test)]
    calibrated_dev = _panel(maps, raw[0], qualities[0], dict.fromkeys(maps, 0.0))
    thresholds = {
        name: Rule.parse(at).fit(_with(scores, name, calibrated_dev.llr[:, index])).threshold
        for index, name in enumerate(calibrated_dev.sources)
        for scores in [dev[name]]
    }
    panels = [_panel(maps, raw[part], qualities[part], thresholds) for part in (0, 1)]
    out: list[dict[str, ScoreSet]] = [{}, {}]
    for part, sets in enumerate((dev, test)):
        for index, name in enumerate(panels[part].sources):
            out[part][name] = _with(sets[name], name, panels[part].llr[:, index])
    single = list(panels[0].sources)
    best = min(single, key=lambda name: d_eer(out[0][name].bona_fide, out[0][name].attack).value)
    first = [next(iter(dev.values())), next(iter(test.values()))]
    fitted = {}
    for name in rules:
        rule = fusions[name].fit(panels[0], label)
        fused = [rule.fuse(panel) for panel in panels]
        known = ~np.isnan(fused[0])
        if not (known & label).any() or not (known & ~label).any():
            raise InputError(f"{name} answers no development presentation of one class: leave it out")
        output = _fit_scores(fused[0][known], label[known], None, calibration)
        for part in (0, 1):
            out[part][name] = _with(first[part], name, _where_finite(output, fused[part]))
        fitted[name] = FittedFusion(
            rule=name,
            parameters=rule,
            calibrations={system: CalibrationEntry.of(maps[system]) for system in maps},
            thresholds=thresholds,
            output=CalibrationEntry.of(output),
            data=", ".join(scores.name for scores in dev.values()),
        )
        tick()
    return FusedSystems(out[0], out[1], best, fitted)


def read_fusion(path: str | Path) -> FittedFusion:
    """Read what `write_fusion` wrote; raise `InputError` when that cannot be done."""
    return read_json(path, FittedFusion, "fusion")


def write_fusion(fusion: FittedFusion, path: str | Path) -> None:
    """Write a fusion as JSON; raise `InputError` when that cannot be done."""
    write_json(fusion, path)


def _fit(scores: ScoreSet, calibration: str) -> ScoreCalibration:
    said = scores.is_response
    quality = _quality(scores)
    return _fit_scores(
        scores.scores[said],
        scores.is_bona_fide[said],
        None if np.isnan(quality).all() else quality[said],
        calibration,
        scores.name,
    )


def _fit_scores(
    score: NDArray[np.float64],
    bona_fide: NDArray[np.bool_],
    quality: NDArray[np.float64] | None,
    calibration: str,
    name: str = "the fused scores",
) -> ScoreCalibration:
    if not bona_fide.any() or bona_fide.all():
        raise InputError(f"{name}: a fusion is fitted on development scores of both classes")
    if calibration == BEST:
        return fit_best(score, bona_fide, quality)
    return calibrations[calibration].fit(score, bona_fide, quality)


def _panel(
    maps: Mapping[str, ScoreCalibration],
    scores: Mapping[str, NDArray[np.float64]],
    quality: Mapping[str, NDArray[np.float64]],
    thresholds: Mapping[str, float],
) -> Panel:
    names = tuple(sorted(maps))
    unknown = np.full_like(scores[names[0]], np.nan)
    columns = [_where_finite(maps[name], scores[name], quality.get(name, unknown)) for name in names]
    return Panel.of(
        names,
        np.column_stack(columns),
        np.column_stack([quality.get(name, unknown) for name in names]),
        np.array([thresholds[name] for name in names]),
    )


def _where_finite(
    fitted: ScoreCalibration, scores: NDArray[np.float64], quality: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    said = ~np.isnan(scores)
    out = np.full_like(scores, np.nan)
    out[said] = fitted(scores[said], None if quality is None else quality[said])
    return out


def _quality(scores: ScoreSet) -> NDArray[np.float64]:
    """Read the attribute ``quality``: (N,), NaN where it is not known."""
    if "quality" not in scores.attributes:
        return np.full(len(scores), np.nan)
    labels = scores.attributes["quality"]
    try:
        values = np.array([*map(float, labels.names), np.nan])
    except ValueError:
        values = np.array([np.inf])
    if not (np.isnan(values[-1]) and ((values[:-1] >= 0) & (values[:-1] <= 1)).all()):
        raise InputError(f"{scores.name}: quality must be a number from 0 (worst) to 1 (best), or empty")
    return values[labels.codes]


def _in_order(values: NDArray[np.float64], ids: Iterable[str], wanted: Iterable[str]) -> NDArray[np.float64]:
    row_of = {name: row for row, name in enumerate(ids)}
    return values[[row_of[name] for name in wanted]]


def _with(scores: ScoreSet, name: str, values: NDArray[np.float64]) -> ScoreSet:
    attributes = {key: labels for key, labels in scores.attributes.items() if key != "quality"}
    return replace(scores, name=name, scores=values, attributes=attributes)
