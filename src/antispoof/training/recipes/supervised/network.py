"""The network that an experiment names, and its losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn

from antispoof.errors import ExperimentError
from antispoof.networks.encoders import Encoder
from antispoof.networks.losses import Loss, losses
from antispoof.networks.network import EncoderChoice, FusionChoice, MultiSensorNetwork, build_network
from antispoof.training.recipes.supervised.experiment import (
    Freeze,
    SupervisedExperiment,
    fusion_options,
    loss_options,
)
from antispoof.training.schema import encoder_options

__all__ = ["build", "build_losses", "frozen_parts"]


def build(experiment: SupervisedExperiment, channels: Mapping[str, int]) -> MultiSensorNetwork:
    """Build the network, with the outputs that the losses need.

    Args:
        experiment: names and options.
        channels: modality → channels of its prepared arrays; 1 for a waveform.
    """
    choices = {
        name: EncoderChoice(part.encoder.name, channels[name], encoder_options(part.encoder))
        for name, part in experiment.modalities.items()
    }
    fusion = experiment.fusion
    needed = {output for loss in build_losses(experiment).values() for output in loss.needs}
    return build_network(
        choices, None if fusion is None else FusionChoice(fusion.name, fusion_options(fusion)), sorted(needed)
    )


def build_losses(experiment: SupervisedExperiment) -> dict[str, Loss]:
    """Build the terms of the loss, by their place in the file and their name."""
    return {
        f"{index}-{term.name}": losses[term.name](**loss_options(term))
        for index, term in enumerate(experiment.losses)
    }


def frozen_parts(
    network: MultiSensorNetwork, entries: Iterable[Freeze], epoch: int | None
) -> list[nn.Module]:
    """Return the parts that stay as they are in an epoch, or, where it is None, for ever.

    Raises:
        ExperimentError: an encoder has no stage of that name; those that it has are listed.
    """
    parts = []
    for entry in entries:
        for name, encoder in network.encoders.items():
            if entry.modality not in ("", name) and not network.joins_inputs:
                continue
            assert isinstance(encoder, Encoder)
            for stage in entry.stages:
                if stage not in encoder.stages:
                    raise ExperimentError(
                        f"freeze: the encoder of {name!r} has no stage {stage!r}; it has "
                        f"{', '.join(encoder.stages)}"
                    )
                until = entry.until_epoch
                if until is None or (epoch is not None and epoch < until):
                    parts.append(encoder.stages[stage])
    return parts
