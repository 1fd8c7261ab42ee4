"""What the experiment files of this recipe say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from antispoof.errors import ExperimentError
from antispoof.training.recipes import Part
from antispoof.training.recipes.supervised.experiment import Experiment as Supervised

__all__ = ["Experiment", "Pairs"]


class Pairs(Part):
    """How a spoof is held against the bona fide clip that it was made of.

    Attributes:
        share: of the spoofs in a batch that stand beside a bona fide clip of the same session.
        weight: of the loss that asks for a distance between the two scores.
        margin: that distance.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.7
    weight: Annotated[float, Field(ge=0)] = 0.5
    margin: Annotated[float, Field(ge=0)] = 1.0


class Experiment(Supervised):
    """One experiment file: that of the recipe ``supervised``, with one modality and one encoder.

    Attributes:
        pairs: how copies are held against their originals.
        noise: deviation of what is added to the standardised moments.
        smoothing: share of every label that is given to the other class.
    """

    recipe: Literal["speech_moments"]  # type: ignore[assignment]
    pairs: Pairs = Pairs()
    noise: Annotated[float, Field(ge=0)] = 0.2
    smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.02

    @model_validator(mode="after")
    def _one_voice(self) -> Experiment:
        names = [part.encoder.name for part in self.modalities.values()]
        if names != ["speech_moments"]:
            raise ExperimentError(
                f"recipe 'speech_moments' is for one modality with the encoder 'speech_moments', got "
                f"{', '.join(names)}"
            )
        return self
