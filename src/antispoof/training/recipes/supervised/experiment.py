"""What the experiment files of this recipe say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from antispoof._moved import old_names
from antispoof.errors import ExperimentError
from antispoof.networks.fusion import fusions
from antispoof.networks.losses import losses
from antispoof.training.augmentations import augmentations
from antispoof.training.options import checked_options
from antispoof.training.schema import ManifestExperiment, Named, Part

__all__ = ["Freeze", "Pretraining", "SupervisedExperiment", "TrainingSettings"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class LossTerm(Named):
    """A loss, and its weight in the sum."""

    weight: Annotated[float, Field(gt=0)] = 1.0


class AugmentationEntry(Named):
    """An augmentation.

    Attributes:
        modalities: those it changes, all alike; none means all that it is made for.
        group: presentations that it changes: ``bona_fide``, ``attack``, or an attack instrument species.
    """

    modalities: tuple[str, ...] = ()
    group: str = ""


class Freeze(Part):
    """Weights that stay as they are.

    Attributes:
        stages: parts of encoders, by the names that they give them: ``shallow``, ``middle``, ``deep``, ….
        modality: whose encoder; none means all.
        until_epoch: epochs after which they learn, also those that an encoder freezes by itself; none means
            never.
    """

    stages: Annotated[tuple[str, ...], Field(min_length=1)]
    modality: str = ""
    until_epoch: Positive | None = None


class TrainingSettings(Part):
    """How it learns.

    Attributes:
        epochs: passes over the training data, at most.
        batch_size: presentations a step, in all processes together.
        learning_rate: the highest of the schedule: a linear rise, then half a cosine.
        weight_decay: of AdamW.
        warm_up: share of the steps in which the learning rate rises.
        gradient_clip: largest norm of the gradient; none leaves it as it is.
        modality_dropout: chance of every present modality to be hidden; one always stays.
        balance: how often each kind of presentation is drawn: ``none`` as often as it is there, ``class``
            bona fide as often as attacks, ``species`` every attack instrument species alike as well,
            ``pair`` every bona fide presentation with an attack on the same subject.
        precision: ``bf16`` computes with sixteen bits where that is safe.
        patience: epochs without progress on dev after which training stops; none means that it never does.
        average_last: the final weights are the mean of the last so many epochs; 1 takes the best epoch on
            dev.
        processes: on this machine.
        accelerator: ``cpu``, ``gpu``, or ``auto``.
    """

    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warm_up: Share = 0.1
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    balance: Literal["none", "class", "species", "pair"] = "class"
    precision: Literal["32", "bf16"] = "32"
    patience: Positive | None = None
    average_last: Positive = 1
    processes: Positive = 1
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"


class Pretraining(Part):
    """What ``antispoof pretrain`` does.

    Attributes:
        epochs: passes over the train partition.
        batch_size: presentations a step.
        learning_rate: of AdamW.
        share: of every sample, masked.
        patch: side of a masked patch in pixels; of a recording, in 16 samples.
    """

    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patch: Positive = 16


class SupervisedExperiment(ManifestExperiment):
    """One experiment file.

    Attributes:
        fusion: what joins them; none where there is one.
        losses: terms of a sum.
        training: how it learns.
        augmentation: changes to samples, in order.
        freeze: weights that stay as they are.
        pretraining: what ``antispoof pretrain`` does; training takes no notice of it.
        initial: checkpoint whose weights are the start, where names and shapes agree.
    """

    recipe: Literal["supervised"]
    fusion: Named | None = None
    losses: Annotated[tuple[LossTerm, ...], Field(min_length=1)]
    training: TrainingSettings
    augmentation: tuple[AugmentationEntry, ...] = ()
    freeze: tuple[Freeze, ...] = ()
    initial: Path | None = None
    pretraining: Pretraining | None = None

    @model_validator(mode="after")
    def _names_and_options(self) -> SupervisedExperiment:
        if self.fusion is None and len(self.modalities) > 1:
            raise ExperimentError(
                f"{' and '.join(self.modalities)} need a fusion; there are: {', '.join(fusions)}"
            )
        if self.fusion is not None:
            fusion_options(self.fusion)
            if len(self.modalities) < 2:
                raise ExperimentError(
                    f"fusion {self.fusion.name!r} needs two modalities or more, got "
                    f"{', '.join(self.modalities)} "
                    "alone: add one, or leave the fusion out"
                )
        for term in self.losses:
            loss_options(term)
            needed = getattr(losses[term.name], "modalities_needed", 1)
            if len(self.modalities) < needed:
                raise ExperimentError(
                    f"loss {term.name!r} needs {needed} modalities or more, got {', '.join(self.modalities)}"
                )
        for entry in self.augmentation:
            checked_options(f"augmentation {entry.name!r}", augmentations[entry.name].change, entry.options)
            self._known(f"augmentation {entry.name!r}", entry.modalities)
        for freeze in self.freeze:
            self._known("freeze", (freeze.modality,) if freeze.modality else ())
        return self

    def _known(self, what: str, names: tuple[str, ...]) -> None:
        for name in names:
            if name not in self.modalities:
                raise ExperimentError(f"{what} names {name!r}, which is none of {', '.join(self.modalities)}")

    def record(self) -> Mapping[str, Any]:
        """Return what decides the result, and not where it is kept."""
        return {key: value for key, value in super().record().items() if key != "pretraining"}


def fusion_options(part: Named) -> dict[str, Any]:
    """Check the options of a fusion."""
    return checked_options(f"fusion {part.name!r}", fusions[part.name], part.options)


def loss_options(part: LossTerm) -> dict[str, Any]:
    """Check the options of a loss."""
    return checked_options(f"loss {part.name!r}", losses[part.name], part.options)
