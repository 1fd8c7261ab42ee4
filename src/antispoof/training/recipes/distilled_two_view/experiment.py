"""What the experiment files of this recipe say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from antispoof.simulation.face import face_instruments
from antispoof.training.schema import Experiment, Part

__all__ = ["Distillation", "DistilledTwoViewExperiment", "View"]

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


class DistilledTwoViewExperiment(Experiment):
    """One experiment file.

    Attributes:
        portraits: folder with one picture a person, which ``simulation.dev_share`` divides; or a manifest,
            whose bona fide colour pictures of train and dev are the portraits, and whose test is scored.
        portraits_name: what the bundle calls them.
        portraits_licence: under which terms they are used.
        teachers: networks that are asked, see `Teacher`.
        views: how the face is cut out for the two views.
        simulation: what is made of each portrait.
        network: arguments of the network.
        distillation: how the context branch learns.
        head: how the close view learns.
        sites: on which the rule of site calibration is set.
        cache: folder for what was simulated and distilled; none: the run folder.
    """

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
    cache: Path | None = None

    def record(self) -> Mapping[str, Any]:
        """Return what decides the result, and not where it is kept."""
        return {key: value for key, value in super().record().items() if key != "cache"}

    def in_run(self, run_dir: Path, seed: int, cache: Path) -> Self:
        """Return the experiment as one run of a study; what was simulated is shared."""
        shared = {"cache": self.cache or cache / "simulated"}
        return super().in_run(run_dir, seed, cache).model_copy(update=shared)

    @property
    def kept(self) -> Path:
        """Folder for what was simulated and distilled."""
        return self.cache or self.run_dir

    @model_validator(mode="after")
    def _simulated(self) -> Self:
        missing = set(self.head.attacks) - set(self.simulation.attacks)
        if missing:
            raise ValueError(f"head.attacks must be among simulation.attacks, got {sorted(missing)} besides")
        return self
