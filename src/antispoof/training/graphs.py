"""Networks as graphs: what is exported, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.encoders.speech_moments import BANDS, SpeechMoments
from antispoof.networks.moments import MomentsEncoder
from antispoof.networks.network import MultiSensorNetwork, NetworkOutput
from antispoof.networks.tokens import to_map
from antispoof.training.recipe import Graph
from antispoof.training.scoring import subsets

__all__ = ["graph_of", "graphs_of"]


def graphs_of(
    network: MultiSensorNetwork, shapes: Mapping[str, tuple[int, ...]]
) -> dict[tuple[str, ...], Graph]:
    """Return the graph with every subset of the sensors, that with all of them first.

    Args:
        network: in evaluation mode.
        shapes: modality → shape of its arrays.
    """
    return {
        subset: graph_of(network, shapes if network.joins_inputs else {name: shapes[name] for name in subset})
        for subset in subsets(network.modalities)
    }


def graph_of(network: MultiSensorNetwork, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """Wrap a network for export.

    Args:
        network: in evaluation mode.
        shapes: modality → shape of its arrays. The graph does without modalities that are left out.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = {name: torch.rand((2, *shape), generator=generator) for name, shape in shapes.items()}
    outputs = ["score", "features"]
    by_patch = len(network.modalities) == 1 and (network.patch_heads or _by_patch(network))
    if isinstance(next(iter(network.encoders.values())), SpeechMoments):
        outputs.append("heat_map")
        return Graph(_ByBand(network).eval(), inputs, tuple(outputs))
    if by_patch and next(iter(shapes.values()))[1:2]:
        outputs.append("heat_map")
    if len(network.modalities) > 1:
        outputs.append("modality_scores")
        if len(shapes) == len(network.modalities):
            inputs["presence"] = torch.ones(2, len(shapes))
            inputs["presence"][1, 1:] = 0
    return Graph(_ByPosition(network, tuple(shapes), tuple(outputs)).eval(), inputs, tuple(outputs))


class _ByBand(nn.Module):
    """Judges recordings, and tells what each band of frequencies adds; moments are taken once for both."""

    def __init__(self, network: MultiSensorNetwork) -> None:
        super().__init__()
        (self.encoder,), (self.head,) = network.encoders.values(), network.heads.values()

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, N) to scores (B,), features (B, F) and what each band adds, (B, bands, 1)."""
        assert isinstance(self.encoder, SpeechMoments)
        moments = self.encoder.moments(wave)
        embedding, score = self.head(self.encoder.from_moments(moments))
        without = self.head(self.encoder.without_bands(moments))[1].reshape(-1, BANDS + 1)
        return score, embedding, (without[:, BANDS:] - without[:, :BANDS])[..., None]


class _ByPosition(nn.Module):
    """Takes inputs by position, and gives a plain tuple."""

    def __init__(self, network: MultiSensorNetwork, names: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names, self.outputs = network, names, outputs

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """Judge (B, …) arrays, and presence (B, M) where there are several."""
        inputs: Mapping[str, Tensor] = dict(zip(self.names, arrays, strict=False))
        presence = arrays[-1] if len(arrays) > len(self.names) else None
        said = self.network(inputs, presence)
        known = {"score": said.score, "features": said.embedding, "modality_scores": said.modality_scores}
        if "heat_map" in self.outputs:
            known["heat_map"] = self._heat_map(inputs, said)
        return tuple(known[name] for name in self.outputs)

    def _heat_map(self, inputs: Mapping[str, Tensor], said: NetworkOutput) -> Tensor:
        """Return what each patch says, (B, h, w)."""
        if said.patch_scores:
            (patches,) = said.patch_scores.values()
            return to_map(patches[..., None])[:, 0]
        (name,) = self.names
        encoder = self.network.encoders[name]
        assert isinstance(encoder, MomentsEncoder)
        by_patch = encoder.by_patch(inputs[name])
        assert by_patch is not None
        moments = by_patch.permute(0, 2, 3, 1)
        levels = encoder.from_moments(moments.reshape(-1, encoder.size))
        scores: Tensor = self.network.heads[name](levels)[1]
        return scores.reshape(-1, moments.shape[1], moments.shape[2])


def _by_patch(network: MultiSensorNetwork) -> bool:
    """Tell whether the one encoder takes moments of a picture, which can be asked patch by patch."""
    (encoder, *others) = network.encoders.values()
    return not others and isinstance(encoder, MomentsEncoder) and encoder.takes == "image"
