"""What the experiment files of this recipe say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from antispoof.simulation.face import face_instruments
from antispoof.training import recipes
from antispoof.training.recipes import Part

__all__ = ["Distillation", "Experiment", "View"]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class View(Part):
    """Arguments of ``prepare`` for one view of the face; see `antispoof.sensing.faces.CropRecipe`."""

    scale: Annotated[float, Field(gt=0)]
    size: Annotated[int, Field(ge=32)]
    fit: Literal["square", "inside"] = "square"


class Views(Part):
    """The two views of `TwoViewNetwork`."""

    close: View
    context: View


class Simulation(Part):
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


class Network(Part):
    """Arguments of `TwoViewNetwork`."""

    stages: Annotated[int, Field(ge=3, le=7)]
    context_channels: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Distillation(Part):
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


class Head(Part):
    """The linear layer over the close view.

    Attributes:
        attacks: the attack instruments it is trained on.
        inverse_strength: inverse of the L2 penalty on standardised features; small is strong.
    """

    attacks: Annotated[tuple[str, ...], Field(min_length=1)]
    inverse_strength: Annotated[float, Field(gt=0)]


class Sites(Part):
    """The simulated sites on which the rule of site calibration is set."""

    count: Positive
    captures: Annotated[int, Field(ge=5)]


class Experiment(recipes.Experiment):
    """One experiment file."""

    recipe: Literal["distilled_two_view"]
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
