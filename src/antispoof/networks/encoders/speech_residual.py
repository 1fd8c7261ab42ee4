"""A residual network over a speech front end; mean and spread of its local answers tell the classes apart.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016 (basic block);
M. Alzantot, Z. Wang, M. Srivastava, "Deep Residual Neural Networks for Audio Spoofing Detection", Interspeech
2019. There are no published weights: it is trained from scratch.
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

__all__ = ["SpeechResidual"]


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width, 1), _conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))


@encoders.register("speech_residual")
class SpeechResidual(Encoder):
    """A front end, a stem at half the resolution, and levels at a quarter, an eighth and a sixteenth.

    Args:
        channels: 1.
        front_end: name of a registered front end.
        front_end_options: its options.
        widths: features of the stem and of the three levels.
        blocks: residual blocks of each level.
    """

    takes = "waveform"

    def __init__(
        self,
        channels: int,
        *,
        front_end: str = "spectrum",
        front_end_options: Mapping[str, Any] | None = None,
        widths: tuple[int, int, int, int] = (12, 16, 32, 48),
        blocks: tuple[int, int, int] = (0, 1, 1),
    ) -> None:
        super().__init__()
        if channels != 1:
            raise InputError(f"channels must be 1 for a waveform, got {channels}")
        stem, *levels = widths
        self.dims = (levels[0], levels[1], levels[2])
        self.front_end = front_ends[front_end](**dict(front_end_options or {}))
        self.shallow = nn.Sequential(
            nn.BatchNorm2d(self.front_end.channels), _conv(self.front_end.channels, stem, 2), nn.ReLU()
        )
        self.middle, self.deep = nn.Sequential(), nn.Sequential()
        inputs = stem
        for part, width, count in zip((self.shallow, self.middle, self.deep), levels, blocks, strict=True):
            part += nn.Sequential(_conv(inputs, width, 2), nn.ReLU(), *[_Block(width) for _ in range(count)])
            inputs = width
        self.stages = {
            "shallow": nn.ModuleList([self.front_end, self.shallow]),
            "middle": self.middle,
            "deep": self.deep,
        }

    def forward(self, x: Tensor) -> Levels:
        """Map (B, N) to tokens at strides 4, 8 and 16, low frequencies first."""
        shallow = self.shallow(self.front_end(x))
        middle = self.middle(shallow)
        return to_tokens(shallow), to_tokens(middle), to_tokens(self.deep(middle))
