"""Two graphs over the map of a front end, of frequencies and of moments, that attend to one another.

J. Jung et al., "AASIST: Audio Anti-Spoofing using Integrated Spectro-Temporal Graph Attention Networks",
ICASSP 2022: the idea of heterogeneous graphs of spectral and temporal nodes and of a node that listens to
all. This is a small relative of it and takes none of its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.front_ends import front_ends
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["GraphAttention"]


class _GraphLayer(nn.Module):
    """Every node gathers from all, weighted by a learned function of the product of two nodes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.likeness = nn.Linear(width, width)
        self.weight = nn.Parameter(torch.randn(width) * width**-0.5)
        self.gathered, self.own = nn.Linear(width, width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, nodes: Tensor) -> Tensor:
        products = torch.tanh(self.likeness(nodes[:, :, None] * nodes[:, None]))
        attention = (products @ self.weight).softmax(2)
        return torch.nn.functional.selu(self.norm(self.gathered(attention @ nodes) + self.own(nodes)))


@encoders.register("graph_attention")
class GraphAttention(Encoder):
    """Convolutions over a front end, then graphs of frequencies and of moments, then one of both.

    Args:
        channels: 1.
        front_end: name of a registered front end.
        front_end_options: its options.
        width: features of the convolutions and of the nodes.
    """

    takes = "waveform"

    def __init__(
        self,
        channels: int,
        *,
        front_end: str = "sinc",
        front_end_options: Mapping[str, Any] | None = None,
        width: int = 32,
    ) -> None:
        super().__init__()
        if channels != 1:
            raise InputError(f"channels must be 1 for a waveform, got {channels}")
        self.dims = (width, width, width)
        self.front_end = front_ends[front_end](**dict(front_end_options or {}))
        rows = -(-self.front_end.rows // 8)
        self.shallow = nn.Sequential(
            nn.BatchNorm2d(self.front_end.channels),
            *_level(self.front_end.channels, width),
            *_level(width, width),
        )
        self.middle = nn.Sequential(*_level(width, width))
        self.places = nn.Parameter(torch.zeros(1, rows, width))
        self.frequencies, self.times = _GraphLayer(width), _GraphLayer(width)
        self.kinds = nn.Parameter(torch.zeros(2, 1, 1, width))
        self.listener = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.joint = nn.ModuleList([_GraphLayer(width), _GraphLayer(width)])
        self.stages = {
            "shallow": nn.ModuleList([self.front_end, self.shallow]),
            "middle": self.middle,
            "deep": nn.ModuleList([self.frequencies, self.times, self.joint]),
            "nodes": nn.ParameterList([self.places, self.kinds, self.listener]),
        }

    def forward(self, x: Tensor) -> Levels:
        """Map (B, N) to tokens of two depths of convolution and to the nodes of the joint graph."""
        shallow = self.shallow(self.front_end(x))
        middle = self.middle(shallow)
        frequencies = self.frequencies(middle.amax(3).transpose(1, 2) + self.places)
        times = self.times(middle.amax(2).transpose(1, 2))
        nodes = torch.cat(
            [
                torch.zeros_like(times[:, :1]) + self.listener,
                frequencies + self.kinds[0],
                times + self.kinds[1],
            ],
            1,
        )
        for layer in self.joint:
            nodes = nodes + layer(nodes)
        return to_tokens(shallow), to_tokens(middle), nodes


def _level(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SELU(),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SELU(),
    ]
