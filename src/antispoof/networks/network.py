"""Encoders, a fusion and heads: pictures and recordings of one presentation → one raw score.

What a network says of a row depends on the sensors that are present in it and on nothing else: content of an
absent one is replaced by zeros at the entrance, and the fusions do the same with its tokens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.fusion import Fusion, fusions
from antispoof.networks.tokens import Levels, select, statistics, to_map

__all__ = [
    "OUTPUTS",
    "EncoderChoice",
    "FusionChoice",
    "ModalityHead",
    "MultiSensorNetwork",
    "NetworkOutput",
    "Target",
    "build_network",
]

OUTPUTS = ("patch_scores", "depth")
"""Outputs that a network has only if asked, because only some losses use them."""

JOINED = "joined"
"""Name of the one encoder where the fusion joins the inputs."""


class NetworkOutput(NamedTuple):
    """What a network says of B presentations; scores are raw, higher = bona fide.

    Attributes:
        score: (B,).
        embedding: (B, D), what the score was read from.
        modality_scores: (B, M), what each modality says by itself, 0 where it is absent. Where the fusion
            joins the inputs no modality speaks by itself, and each column is the joint score.
        patch_scores: modality → (B, T), one score a deep token; empty unless asked for.
        depth: modality → (B, 1, h, w), estimated from its middle tokens; empty unless asked for.
        levels: modality → tokens, as the fusion got them.
        modalities: names, in the order of the columns.
    """

    score: Tensor
    embedding: Tensor
    modality_scores: Tensor
    patch_scores: Mapping[str, Tensor]
    depth: Mapping[str, Tensor]
    levels: Mapping[str, Levels]
    modalities: tuple[str, ...]


class Target(NamedTuple):
    """What is known of B presentations.

    Attributes:
        label: (B,) float, 1 = bona fide, 0 = attack.
        species: (B,) int, which attack instrument species; of no account where the label is 1.
        pair: (B,) int; presentations with the same number belong together (a bona fide one and its attack).
        presence: (B, M), 1 where a modality is present, else 0; columns as in `NetworkOutput.modalities`.
        depth: (B, 1, h, w) in 0..1, near = 1 and flat = 0, NaN where unknown; or None.
        pixel_mask: (B, 1, h, w), 1 = skin, 0 = instrument, NaN where unknown; or None.
    """

    label: Tensor
    species: Tensor
    pair: Tensor
    presence: Tensor
    depth: Tensor | None = None
    pixel_mask: Tensor | None = None


COMPRESSION = 5
"""By how much scores above the knee are drawn together."""


class ModalityHead(nn.Module):
    """Statistics of all three levels → embedding and score of one modality by itself.

    Where there is a ``knee``, what a score has beyond it counts by one in `COMPRESSION` once training is
    over: of several windows of a recording it then takes more to vouch for one that speaks against it.
    """

    knee: float | None = None

    def __init__(self, dims: tuple[int, int, int]) -> None:
        super().__init__()
        self.dim = 2 * sum(dims)
        self.norm = nn.LayerNorm(self.dim)
        self.output = nn.Linear(self.dim, 1)

    def forward(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """Map levels to embedding (B, dim) and score (B,)."""
        embedding = self.norm(torch.cat([statistics(level) for level in levels], 1))
        score = self.output(embedding)[:, 0]
        if self.knee is not None and not self.training:
            score = torch.minimum(score, self.knee + (score - self.knee) / COMPRESSION)
        return embedding, score


class _DepthHead(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        depth: Tensor = self.layers(to_map(tokens))
        return depth


class MultiSensorNetwork(nn.Module):
    """One encoder a modality, a fusion where there are several, and heads.

    Args:
        encoders: modality → encoder; if the fusion joins the inputs, the one encoder under any name.
        fusion: None if there is one modality.
        outputs: those of `OUTPUTS` that are wanted.

    Raises:
        InputError: fusion and encoders do not fit one another.
    """

    def __init__(
        self, encoders: Mapping[str, Encoder], fusion: Fusion | None = None, outputs: Collection[str] = ()
    ) -> None:
        super().__init__()
        _check(encoders, fusion, outputs)
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = fusion
        self.joins_inputs = fusion is not None and fusion.joins_inputs
        self.modalities = tuple(encoders) if fusion is None else fusion.modalities
        self.heads = nn.ModuleDict()
        self.patch_heads = nn.ModuleDict()
        self.depth_heads = nn.ModuleDict()
        for name, encoder in encoders.items():
            if not self.joins_inputs:
                self.heads[name] = ModalityHead(encoder.dims)
            if "patch_scores" in outputs:
                self.patch_heads[name] = nn.Linear(encoder.dims[2], 1)
            if "depth" in outputs and encoder.takes == "image":
                self.depth_heads[name] = _DepthHead(encoder.dims[1])

    def forward(self, inputs: Mapping[str, Tensor], presence: Tensor | None = None) -> NetworkOutput:
        """Judge presentations.

        Args:
            inputs: modality → array with B rows, as its encoder takes it. A modality that is absent in every
                row may be left out; content of absent rows may be anything.
            presence: (B, M), 1 where a modality is present, else 0, columns in the order of ``modalities``;
                None: what is in ``inputs`` is present.

        Raises:
            InputError: an input has no encoder, or there is none at all.
        """
        presence = self._presence(inputs, presence)
        levels = self._joined(inputs, presence) if self.joins_inputs else self._encoded(inputs, presence)
        embedding, modality_scores = self._alone(levels, presence)
        if self.fusion is None:
            score = modality_scores[:, 0]
        else:
            embedding = self.fusion(levels, presence)
            score = self.fusion.score(embedding, modality_scores, presence)
        if self.joins_inputs:
            modality_scores = score[:, None].expand(-1, len(self.modalities))
        patch_scores, depth = {}, {}
        for name in self.modalities:
            part = JOINED if self.joins_inputs else name
            if part in self.patch_heads:
                patch_scores[name] = self.patch_heads[part](levels[name][2])[..., 0]
            if part in self.depth_heads:
                depth[name] = self.depth_heads[part](levels[name][1])
        return NetworkOutput(score, embedding, modality_scores, patch_scores, depth, levels, self.modalities)

    def _presence(self, inputs: Mapping[str, Tensor], presence: Tensor | None) -> Tensor:
        unknown = sorted(set(inputs) - set(self.modalities))
        if unknown or not inputs:
            raise InputError(
                f"inputs must be some of {', '.join(self.modalities)}, got {', '.join(unknown) or 'none'}"
            )
        first = next(iter(inputs.values()))
        if presence is None:
            presence = first.new_ones(len(first), len(self.modalities))
        elif presence.shape != (len(first), len(self.modalities)):
            raise InputError(
                f"presence must be of shape {(len(first), len(self.modalities))}, one column for each of "
                f"{', '.join(self.modalities)}, got {tuple(presence.shape)}"
            )
        given = [1.0 if name in inputs else 0.0 for name in self.modalities]
        return presence if all(given) else presence * presence.new_tensor(given)

    def _encoded(self, inputs: Mapping[str, Tensor], presence: Tensor) -> dict[str, Levels]:
        levels: dict[str, Levels] = {}
        for index, name in enumerate(self.modalities):
            encoder = self.encoders[name]
            assert isinstance(encoder, Encoder)
            if name not in inputs:
                shallow, middle, deep = (presence.new_zeros(len(presence), 1, dim) for dim in encoder.dims)
                levels[name] = (shallow, middle, deep)
            else:
                levels[name] = _encode(encoder, inputs[name], presence[:, index])
        return levels

    def _joined(self, inputs: Mapping[str, Tensor], presence: Tensor) -> dict[str, Levels]:
        missing = sorted(set(self.modalities) - set(inputs))
        if missing:
            raise InputError(
                f"inputs are joined before the encoder, so all of {', '.join(self.modalities)} are needed, "
                f"got none for {', '.join(missing)}: give zeros and set their presence to 0"
            )
        sizes = {name: tuple(map(int, inputs[name].shape[2:])) for name in self.modalities}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise InputError(f"inputs that are joined before the encoder must be of one size, got {listed}")
        columns = dict(zip(self.modalities, presence.unbind(1), strict=True))
        picture = torch.cat([select(inputs[name], columns[name]) for name in sorted(columns)], 1)
        (encoder,) = self.encoders.values()
        levels: Levels = encoder(picture)
        return dict.fromkeys(self.modalities, levels)

    def _alone(self, levels: Mapping[str, Levels], presence: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding of the first modality, and the scores of all, each by itself."""
        if self.joins_inputs:
            return presence, torch.zeros_like(presence)  # nobody speaks by itself
        said = [self.heads[name](levels[name]) for name in self.modalities]
        scores = torch.stack([score for _, score in said], 1)
        return said[0][0], torch.where(presence > 0, scores, 0.0)


def _encode(encoder: Encoder, x: Tensor, present: Tensor) -> Levels:
    """Encode the rows that are present, zeros for the others.

    In training the others do not enter the statistics of batch normalisation either.
    """
    if encoder.training and 1 < int((present > 0).sum()) < len(present):
        rows = (present > 0).nonzero()[:, 0]
        seen = encoder(x[rows])
        shallow, middle, deep = (
            tokens.new_zeros(len(present), *tokens.shape[1:]).index_copy(0, rows, tokens) for tokens in seen
        )
    else:
        shallow, middle, deep = encoder(select(x, present))
    return select(shallow, present), select(middle, present), select(deep, present)


def _check(encoders: Mapping[str, Encoder], fusion: Fusion | None, outputs: Collection[str]) -> None:
    names = ", ".join(encoders)
    if unknown := sorted(set(outputs) - set(OUTPUTS)):
        raise InputError(f"outputs must be some of {', '.join(OUTPUTS)}, got {', '.join(unknown)}")
    if fusion is None:
        if len(encoders) != 1:
            raise InputError(
                f"without a fusion there must be one modality, got {names or 'none'}: name a fusion"
            )
    elif fusion.joins_inputs:
        if tuple(encoders) != (JOINED,) or encoders[JOINED].takes != "image":
            raise InputError(
                f"this fusion joins pictures: the one encoder must be called {JOINED!r}, got {names}"
            )
    elif set(encoders) != set(fusion.modalities):
        raise InputError(f"the fusion is for {', '.join(fusion.modalities)}, the encoders are for {names}")


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """An encoder by name, the channels of its input, and options of its factory."""

    name: str
    channels: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FusionChoice:
    """A fusion by name, and options of its factory."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def build_network(
    modalities: Mapping[str, EncoderChoice], fusion: FusionChoice | None = None, outputs: Collection[str] = ()
) -> MultiSensorNetwork:
    """Build a network from names.

    Args:
        modalities: modality → encoder; the order is that of the columns of presence.
        fusion: None for one modality.
        outputs: see `MultiSensorNetwork`; the union of what the losses need.

    Raises:
        UnknownNameError: nothing is registered under a name.
        InputError: the parts do not fit one another.
    """
    joins = fusion is not None and getattr(fusions[fusion.name], "joins_inputs", False)
    if not joins:
        parts = {
            name: encoders[choice.name](choice.channels, **choice.options)
            for name, choice in modalities.items()
        }
        if fusion is None:
            return MultiSensorNetwork(parts, None, outputs)
        dims = {name: encoder.dims for name, encoder in parts.items()}
        return MultiSensorNetwork(parts, fusions[fusion.name](dims, **fusion.options), outputs)
    assert fusion is not None
    first = next(iter(modalities.values()))
    for name, choice in modalities.items():
        if (choice.name, dict(choice.options)) != (first.name, dict(first.options)):
            raise InputError(
                f"fusion {fusion.name!r} has one encoder for all modalities: give {name!r} the encoder "
                f"{first.name!r} with the same options as the others"
            )
    encoder = encoders[first.name](sum(choice.channels for choice in modalities.values()), **first.options)
    dims = dict.fromkeys(modalities, encoder.dims)
    return MultiSensorNetwork({JOINED: encoder}, fusions[fusion.name](dims, **fusion.options), outputs)
