"""What the experiment files of this recipe say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.camera_changes import CAMERA_CHANGES
from antispoof.training.schema import Experiment, Part

__all__ = ["Context", "FaceViewsExperiment", "FinishedNetwork", "Head", "Joint", "View"]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Kinds = Annotated[tuple[str, ...], Field(min_length=1)]
CLOSE, CONTEXT = "close", "context"


class View(Part):
    """Arguments of ``prepare`` for one view of the face; see `antispoof.sensing.faces.CropRecipe`."""

    scale: Annotated[float, Field(gt=0)]
    size: Annotated[int, Field(ge=32)]
    fit: Literal["square", "inside"] = "square"


class Simulation(Part):
    """What is simulated from every portrait.

    Attributes:
        variants: of every person and kind of presentation.
        wide_share: share of pictures that show the surroundings.
        attacks: the kinds of attack instrument; the other parts of the file name theirs from among them.
        dev_share: share of the people that nothing but the joint layer, the operating points and the sites
            sees.
    """

    variants: Positive
    wide_share: Annotated[float, Field(ge=0, le=1)]
    attacks: Kinds
    dev_share: Share

    @model_validator(mode="after")
    def _known(self) -> Simulation:
        for name in self.attacks:
            face_instruments[name]
        return self


class FinishedNetwork(Part):
    """A network that is taken as it is, as one more opinion: an ONNX file, and what is known of it.

    Attributes:
        path: ONNX file with one input, (B, 3, size, size), RGB in 0..1, and one output, (B, classes), logits.
        bona_fide: which of its classes is bona fide.
        name: what the bundle calls it.
        licence: of its weights.
        learned_from: what is known of the data it learned from.
        disclosed: whether its makers say what that is.
    """

    path: Path
    bona_fide: Annotated[int, Field(ge=0)]
    name: str
    licence: str
    learned_from: str
    disclosed: bool


class Head(Part):
    """The linear layer over the frozen features of the close view, fitted on the people of train.

    Attributes:
        stages: how many stages of EfficientNet-Lite0 give features.
        attacks: the attack instruments it is trained on.
        inverse_strength: inverse of the L2 penalty on standardised features; small is strong.
        tone_views: of every picture, copies in another tone.
        balance: what weighs the same within attacks: every picture, or every kind.
        contrast: what becomes of the score's dependence on contrast, which differs from camera to camera:
            it is kept, or what it is on bona fide pictures is taken out.
        steady: what other cameras do to a picture, of `CAMERA_CHANGES`: scores shall not vary with how much
            of it a picture shows.
    """

    stages: Annotated[int, Field(ge=3, le=7)]
    attacks: Kinds
    inverse_strength: Annotated[float, Field(gt=0)]
    tone_views: Annotated[int, Field(ge=0)] = 0
    balance: Literal["pictures", "kinds"] = "pictures"
    contrast: Literal["kept", "taken_out"] = "kept"
    steady: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Head:
        if unknown := set(self.steady) - set(CAMERA_CHANGES):
            raise ValueError(f"steady must name {', '.join(CAMERA_CHANGES)}, got {sorted(unknown)} besides")
        return self


class Context(Part):
    """How the context branch learns from simulated captures of the people of train.

    Attributes:
        channels: of the levels of its residual network.
        attacks: the attack instruments it is trained on.
        views_per_picture: of every simulated picture, each changed in another way.
        epochs: passes over all views.
        batch_size: views a step.
        learning_rate: the highest of the schedule.
        weight_decay: of AdamW.
    """

    channels: Annotated[tuple[Positive, ...], Field(min_length=1)]
    attacks: Kinds
    views_per_picture: Positive
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]


class Joint(Part):
    """The layer that weighs the opinions of all views, fitted on the people of dev.

    Attributes:
        attacks: the attack instruments it is fitted on: those that the views have not learned from tell how
            far each can be trusted.
        inverse_strength: as of `Head`.
    """

    attacks: Kinds
    inverse_strength: Annotated[float, Field(gt=0)] = 1.0


class Sites(Part):
    """The simulated sites on which the rules for several captures of one place are set."""

    count: Positive
    captures: Annotated[int, Field(ge=5)]


class FaceViewsExperiment(Experiment):
    """One experiment file.

    Attributes:
        description: what the bundle says of itself.
        portraits: folder with one picture a person, which ``simulation.dev_share`` divides; or a manifest,
            whose bona fide colour pictures of train and dev are the portraits, and whose test is scored.
        portraits_name: what the bundle calls them.
        portraits_licence: under which terms they are used.
        views: how the face is cut out; ``close``, and those that ``context`` and ``networks`` look at.
        simulation: what is made of each portrait.
        head: how the close view learns.
        context: how the context branch learns; none: there is none.
        networks: view → the finished network that looks at it.
        joint: how the opinions of the views are weighed.
        operating_point: which one the bundle decides at, if nobody names another.
        sites: on which the rules for several captures are set.
        quantise: views whose networks compute in 8-bit integers.
        cache: folder for what was simulated and taught; none: the run folder.
    """

    recipe: Literal["face_views"]
    description: str
    portraits: Path
    portraits_name: str
    portraits_licence: str
    views: dict[str, View]
    simulation: Simulation
    head: Head
    context: Context | None = None
    networks: dict[str, FinishedNetwork] = Field(default_factory=dict)
    joint: Joint
    operating_point: Literal["balanced", "secure", "apcer10", "apcer5", "bpcer5"]
    sites: Sites
    quantise: tuple[str, ...] = ()
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
        """Folder for what was simulated and taught."""
        return self.cache or self.run_dir

    @property
    def view_names(self) -> tuple[str, ...]:
        """The views in the order in which the network takes them."""
        return (CLOSE, *([CONTEXT] if self.context is not None else []), *self.networks)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.context is not None and CONTEXT in self.networks:
            raise ValueError("networks.context: the context branch looks at that view, name another")
        if set(self.views) != set(self.view_names):
            raise ValueError(
                f"views must be those that something looks at, {', '.join(self.view_names)}; "
                f"got {', '.join(self.views)}"
            )
        if unknown := set(self.quantise) - set(self.view_names):
            raise ValueError(f"quantise must name views, got {sorted(unknown)} besides")
        for name in ("head", "context", "joint"):
            part = getattr(self, name)
            if part is not None and (missing := set(part.attacks) - set(self.simulation.attacks)):
                raise ValueError(
                    f"{name}.attacks must be among simulation.attacks, got {sorted(missing)} besides"
                )
        return self
