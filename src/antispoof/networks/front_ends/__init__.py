"""Waveform → maps over frequency and time, one front end a file; part of the network and its ONNX graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from antispoof.registry import Registry

__all__ = ["FrontEnd", "FrontEndFactory", "front_ends"]


class FrontEnd(nn.Module, ABC):
    """Waveform at 16 kHz → maps.

    Attributes:
        channels: maps a recording.
        rows: frequencies (or filters), low ones first.
    """

    channels: int
    rows: int

    @abstractmethod
    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) in -1..1 to (B, channels, rows, frames)."""


FrontEndFactory = Callable[..., FrontEnd]
"""``factory(*, options with defaults) -> FrontEnd``."""

front_ends: Registry[FrontEndFactory] = Registry("speech front end", __name__)
