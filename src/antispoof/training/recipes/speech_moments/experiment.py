"""What the experiment files of this recipe say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from antispoof._moved import old_names
from antispoof.errors import ExperimentError
from antispoof.training.schema import ManifestExperiment, Part

__all__ = ["Pairs", "SpeechMomentsExperiment", "SpeechMomentsTraining"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

ENCODERS = ("speech_moments", "picture_moments", "ring_statistics", "ring_patterns", "seam_maps")
"""Encoders that take moments once, see `antispoof.networks.moments`."""

Positive = Annotated[int, Field(gt=0)]

_UNREAD: Mapping[str, Any] = {
    "fusion": None,
    "losses": [{"name": "binary_cross_entropy", "weight": 1.0}],
    "augmentation": [],
    "freeze": [],
    "initial": None,
    "pretraining": None,
}
_UNREAD_IN_TRAINING: Mapping[str, Any] = {
    "warm_up": 0.1,
    "gradient_clip": 1.0,
    "modality_dropout": 0.0,
    "balance": "class",
    "precision": "32",
    "patience": None,
    "average_last": 1,
    "processes": 1,
    "accelerator": "auto",
}


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


class SpeechMomentsTraining(Part):
    """How it learns.

    Attributes:
        epochs: passes over the training data.
        batch_size: presentations a step, half of them bona fide.
        learning_rate: the highest of the schedule: half a cosine.
        weight_decay: of AdamW.
    """

    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class SpeechMomentsExperiment(ManifestExperiment):
    """One experiment file: one modality, with one of `ENCODERS`.

    Attributes:
        training: how it learns.
        pairs: how copies are held against their originals.
        balance: of what values every combination is drawn alike, within bona fide speech and within each
            species: ``dataset``, or attributes of the manifest such as ``chain``.
        noise: deviation of what is added to the standardised moments.
        pixel: weight of the loss `pixel`, which asks every place; for the encoder ``seam_maps`` and data
            with masks.
        smoothing: share of every label that is given to the other class.
        knee: raw score of one window, beyond which it counts by a fifth; None counts all of it. The score of
            a recording is the mean over windows, so that without a knee few windows of a person outvote one
            that is synthetic.
        operating_point: what the bundle judges at where nothing else is asked.
    """

    recipe: Literal["speech_moments"]
    training: SpeechMomentsTraining
    pairs: Pairs = Pairs()
    balance: tuple[str, ...] = ()
    noise: Annotated[float, Field(ge=0)] = 0.2
    pixel: Annotated[float, Field(ge=0)] = 0.0
    smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.02
    knee: Annotated[float, Field(ge=-100, le=100)] | None = None
    operating_point: Literal["balanced", "secure", "apcer10", "apcer5", "bpcer5"] = "balanced"

    def record(self) -> Mapping[str, Any]:
        """Return what decides the result; what was not there before stands in it only where it is used."""
        return {key: value for key, value in super().record().items() if key != "knee" or value is not None}

    @model_validator(mode="before")
    @classmethod
    def _without_what_was_never_read(cls, content: Any) -> Any:
        """Version 0.1 wrote these keys, which change nothing here; with another value they are refused."""
        if not isinstance(content, Mapping):
            return content
        kept = _dropped(content, _UNREAD)
        if isinstance(kept.get("training"), Mapping):
            kept["training"] = _dropped(kept["training"], _UNREAD_IN_TRAINING)
        return kept

    @model_validator(mode="after")
    def _one_voice(self) -> Self:
        names = [part.encoder.name for part in self.modalities.values()]
        if len(names) > 1 or names[0] not in ENCODERS:
            raise ExperimentError(
                f"recipe 'speech_moments' is for one modality with the encoder {' or '.join(ENCODERS)}, got "
                f"{', '.join(names)}"
            )
        if (names[0] == "seam_maps") != (self.pixel > 0):
            raise ExperimentError(
                f"pixel must be above 0 with the encoder 'seam_maps' and 0 with others, got {self.pixel:g} "
                f"with {names[0]!r}"
            )
        return self


def _dropped(content: Mapping[str, Any], unread: Mapping[str, Any]) -> dict[str, Any]:
    same = {key for key, value in unread.items() if key in content and _alike(content[key], value)}
    return {key: value for key, value in content.items() if key not in same}


def _alike(given: Any, default: Any) -> bool:
    if isinstance(default, list):
        plain = [{"weight": 1.0, **entry} for entry in given or [] if isinstance(entry, Mapping)]
        return plain == default and len(plain) == len(given or [])
    return bool(given == default)
