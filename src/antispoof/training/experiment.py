"""Experiment files: what to train, on what, how; checked before any work starts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from antispoof.data.simulation import face_instruments
from antispoof.errors import ExperimentError

__all__ = ["Experiment", "View", "read_experiment"]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class View(_Part):
    """Arguments of ``prepare`` for one view of the face; see `antispoof.sensing.faces.CropRecipe`."""

    scale: Annotated[float, Field(gt=0)]
    size: Annotated[int, Field(ge=32)]
    fit: Literal["square", "inside"] = "square"


class Views(_Part):
    """The two views of `TwoViewNetwork`."""

    close: View
    context: View


class Simulation(_Part):
    """What is simulated from every portrait."""

    variants: Positive
    wide_share: Annotated[float, Field(ge=0, le=1)]
    attacks: Annotated[tuple[str, ...], Field(min_length=1)]
    dev_share: Share

    @model_validator(mode="after")
    def _known(self) -> Simulation:
        for name in self.attacks:
            face_instruments[name]
        return self


class Network(_Part):
    """Arguments of `TwoViewNetwork`."""

    stages: Annotated[int, Field(ge=3, le=7)]
    context_channels: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Distillation(_Part):
    """How the context branch learns from the teachers.

    Attributes:
        views_per_picture: of every simulated picture, each changed in another way.
        natural_views: of every portrait, unsimulated and lightly changed.
        epochs: passes over all views.
        batch_size: views a step.
        learning_rate: the highest of the schedule.
        weight_decay: of AdamW.
    """

    views_per_picture: Positive
    natural_views: Positive
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]


class Head(_Part):
    """The linear layer over the close view.

    Attributes:
        attacks: the attack instruments it is trained on.
        inverse_strength: inverse of the L2 penalty on standardised features; small is strong.
    """

    attacks: Annotated[tuple[str, ...], Field(min_length=1)]
    inverse_strength: Annotated[float, Field(gt=0)]


class Sites(_Part):
    """The simulated sites on which the rule of site calibration is set."""

    count: Positive
    captures: Annotated[int, Field(ge=5)]


class Experiment(_Part):
    """One experiment file."""

    name: str
    version: str
    seed: int
    run_dir: Path
    portraits: Path
    portraits_name: str
    portraits_licence: str
    teachers: Annotated[tuple[Path, ...], Field(min_length=1)]
    views: Views
    simulation: Simulation
    network: Network
    distillation: Distillation
    head: Head
    sites: Sites

    @model_validator(mode="after")
    def _simulated(self) -> Experiment:
        missing = set(self.head.attacks) - set(self.simulation.attacks)
        if missing:
            raise ValueError(f"head.attacks must be among simulation.attacks, got {sorted(missing)} besides")
        return self


def read_experiment(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and check an experiment file.

    Args:
        path: YAML file.
        overrides: ``"a.b=value"`` each, value in YAML, replacing what the file says.

    Raises:
        ExperimentError: the file cannot be read, a key is unknown (the nearest known one is named) or
            missing, or a value is out of range.
        UnknownNameError: there is no attack instrument of that name.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"cannot read the experiment {str(path)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"{str(path)!r} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ExperimentError(f"{str(path)!r} must hold keys and values, not {type(content).__name__}")
    for override in overrides:
        _replace(content, override)
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        raise ExperimentError(f"{str(path)!r}: " + "; ".join(_explained(e) for e in error.errors())) from None


def _replace(content: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise ExperimentError(f"--set takes key=value, got {override!r}")
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise ExperimentError(f"--set {override}: {parent!r} holds a value, not keys")
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ExperimentError(f"--set {override}: the value is not YAML") from None


def _explained(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg']}" if where else str(error["msg"])
    *parents, last = map(str, error["loc"])
    part: Any = Experiment
    for parent in parents:
        part = part.model_fields[parent].annotation
    close = difflib.get_close_matches(last, part.model_fields, n=1)
    known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(part.model_fields)}"
    return f"{where}: unknown key; {known}"
