"""Array → tokens of three depths, one encoder a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor, nn

from antispoof.networks.tokens import Levels
from antispoof.registry import Registry

__all__ = ["Encoder", "EncoderFactory", "encoders"]


class Encoder(nn.Module, ABC):
    """What every encoder is.

    Attributes:
        dims: width of the shallow, the middle and the deep tokens.
        takes: ``"image"``: (B, C, H, W), values in 0..1; ``"waveform"``: (B, N), 16 kHz, values in -1..1.
        stages: parts by name, for freezing and thawing. There are ``shallow``, ``middle`` and ``deep`` at
            least, and every parameter belongs to exactly one.
    """

    dims: tuple[int, int, int]
    takes: Literal["image", "waveform"] = "image"
    stages: Mapping[str, nn.Module]

    @abstractmethod
    def forward(self, x: Tensor) -> Levels:
        """Return shallow, middle and deep tokens, each (B, T, D)."""


EncoderFactory = Callable[..., Encoder]
"""``factory(channels, *, options with defaults) -> Encoder``."""

encoders: Registry[EncoderFactory] = Registry("encoder", __name__)
