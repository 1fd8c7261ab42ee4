"""Cross-modal transformer: one modality is the hub, the others answer it as far as they can be relied upon.

A. Liu et al., "FM-ViT: Flexible Modal Vision Transformers for Face Anti-Spoofing", IEEE T-IFS 2023 (tokens
of every modality, any subset at test time); X. Lin et al., "Suppress and Rebalance: Towards Generalized
Multi-Modal Face Anti-Spoofing", CVPR 2024 (RGB is the hub, and unreliable modalities are held down). Here
reliability is learned from the tokens of the shallow and middle levels; the logarithm of its gate is added
to the attention logits.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.attention import full_attention
from antispoof.networks.fusion import HUB_ORDER, Dims, Fusion, fusions
from antispoof.networks.tokens import Levels, regions, statistics

__all__ = ["CrossModal"]

_ABSENT = -1e4


class _CrossAttention(nn.Module):
    """Queries look at tokens of others; then a layer of two."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_query = nn.LayerNorm(width)
        self.norm_context = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project_out = nn.Linear(width, width)
        self.norm_hidden = nn.LayerNorm(width)
        self.hidden = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """Map tokens (B, T, D), context (B, S, D) and bias (B, S) of the logits to (B, T, D)."""
        batch, count, width = tokens.shape
        query = self.query(self.norm_query(tokens)).reshape(batch, count, self.heads, -1).transpose(1, 2)
        packed = self.key_value(self.norm_context(context))
        packed = packed.reshape(batch, context.shape[1], 2, self.heads, width // self.heads)
        key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        seen = full_attention(query, key, value, bias[:, None, None])
        tokens = tokens + self.project_out(seen.transpose(1, 2).reshape(batch, count, width))
        out: Tensor = tokens + self.hidden(self.norm_hidden(tokens))
        return out


@fusions.register("cross_modal")
class CrossModal(Fusion):
    """Tokens of the hub look at all tokens, then the others look at the hub; gates weigh them.

    Args:
        dims: see `Fusion`.
        width: features of a token inside.
        side: every modality gives side × side regions.
        layers: how often the two looks are repeated.
        heads: heads of the attention.
        hub_order: the first of these that is present is the hub; modalities not named follow alphabetically.
    """

    def __init__(
        self,
        dims: Dims,
        *,
        width: int = 64,
        side: int = 4,
        layers: int = 2,
        heads: int = 4,
        hub_order: tuple[str, ...] = HUB_ORDER,
    ) -> None:
        super().__init__(dims, width)
        if width % heads:
            raise InputError(f"heads must divide the width {width}, got {heads}")
        self.side = side
        names = sorted(dims)
        known = [name for name in hub_order if name in names]
        self.hub_order = (*known, *(name for name in names if name not in known))
        self.projections = nn.ModuleDict(
            {name: nn.ModuleList(nn.Linear(dim, width) for dim in dims[name]) for name in names}
        )
        self.names = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(width)) for name in names})
        self.places = nn.Parameter(0.02 * torch.randn(side * side, width))
        self.reliability = nn.ModuleDict(
            {name: nn.Linear(2 * (dims[name][0] + dims[name][1]), 1) for name in names}
        )
        self.hub_layers = nn.ModuleList(_CrossAttention(width, heads) for _ in range(layers))
        self.other_layers = nn.ModuleList(_CrossAttention(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        chosen = self.selected(levels, presence)
        gates = self.gates(chosen)
        tokens: dict[str, Tensor] = {}
        for name, depths in chosen.items():
            projections = self.projections[name]
            assert isinstance(projections, nn.ModuleList)
            projected = [
                project(regions(level, self.side)) for project, level in zip(projections, depths, strict=True)
            ]
            tokens[name] = torch.stack(projected).sum(0) + self.names[name] + self.places
        is_hub = self._is_hub(presence)
        places = self.side * self.side
        bias = torch.cat(
            [
                torch.where(self.present(name, presence)[:, None] > 0, gates[name].log(), _ABSENT).expand(
                    -1, places
                )
                for name in tokens
            ],
            1,
        )
        unbiased = torch.zeros_like(bias[:, :places])
        for hub_layer, other_layer in zip(self.hub_layers, self.other_layers, strict=True):
            hub = torch.stack([is_hub[name][:, None, None] * tokens[name] for name in tokens]).sum(0)
            hub = hub_layer(hub, torch.cat(list(tokens.values()), 1), bias)
            tokens = {
                name: torch.where(
                    is_hub[name][:, None, None] > 0, hub, other_layer(tokens[name], hub, unbiased)
                )
                for name in tokens
            }
        weights = {name: self.present(name, presence)[:, None] * gates[name] for name in tokens}
        total = torch.stack([weights[name] * tokens[name].mean(1) for name in tokens]).sum(0)
        mean = total / torch.stack(list(weights.values())).sum(0).clamp(min=1e-4)
        embedding: Tensor = self.norm(mean)
        return embedding

    def gates(self, chosen: Mapping[str, Levels]) -> dict[str, Tensor]:
        """How far each modality is relied upon, (B, 1), in 0.01..1; a single one cancels out."""
        gates = {}
        for name, (shallow, middle, _) in chosen.items():
            seen = torch.cat([statistics(shallow), statistics(middle)], 1)
            gates[name] = 0.01 + 0.99 * torch.sigmoid(self.reliability[name](seen))
        return gates

    def _is_hub(self, presence: Tensor) -> dict[str, Tensor]:
        """1 in the rows (B,) whose hub a modality is."""
        free = torch.ones_like(presence[:, 0])
        hubs = {}
        for name in self.hub_order:
            hubs[name] = free * self.present(name, presence)
            free = free - hubs[name]
        return hubs
