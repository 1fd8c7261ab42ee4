"""A learned bank of band-pass filters, each decided by its two cut-off frequencies.

M. Ravanelli, Y. Bengio, "Speaker Recognition from Raw Waveform with SincNet", SLT 2018; as a front end
against spoofing: H. Tak et al., "End-to-End anti-spoofing with RawNet2", ICASSP 2021. There are no published
weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from antispoof.networks.front_ends import FrontEnd, front_ends

__all__ = ["SincBank"]


@front_ends.register("sinc")
class SincBank(FrontEnd):
    """Log energy of learned band-pass filters.

    Args:
        filters: how many; they start on the mel scale.
        size: taps of a filter, odd.
        stride: samples from output to output.
        pool: outputs averaged to one.
    """

    time: Tensor
    window: Tensor

    def __init__(self, *, filters: int = 64, size: int = 129, stride: int = 4, pool: int = 32) -> None:
        super().__init__()
        self.channels, self.rows = 1, filters
        self.stride, self.pool = stride, pool
        lowest, highest = (2595 * math.log10(1 + hertz / 700) for hertz in (60, 7600))
        mel = lowest + torch.arange(filters + 1) * ((highest - lowest) / filters)
        hertz = 700 * (10 ** (mel / 2595) - 1)
        self.low = nn.Parameter(hertz[:-1] / 16000)
        self.width = nn.Parameter((hertz[1:] - hertz[:-1]) / 16000)
        self.register_buffer("time", torch.arange(size) - (size - 1) / 2, persistent=False)
        self.register_buffer("window", torch.hamming_window(size, periodic=False), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, channels, rows, frames)."""
        low = self.low.abs()[:, None]
        high = (low + self.width.abs()[:, None]).clamp(max=0.5)
        ideal = _ideal(high, self.time) - _ideal(low, self.time)
        kernels = ideal * self.window / (2 * (high - low)).clamp(min=1e-4).sqrt()
        answers = nn.functional.conv1d(wave[:, None], kernels[:, None], stride=self.stride)
        energy = nn.functional.avg_pool1d(answers.square(), self.pool)
        level = (energy + 1e-7).log() * 0.25
        return (level - level.mean((1, 2), keepdim=True))[:, None]


def _ideal(cut: Tensor, time: Tensor) -> Tensor:
    """Impulse response of the ideal low-pass filter: sin(2π cut t) / (π t)."""
    turns = 2 * math.pi * cut * time
    middle = time == 0
    return torch.where(middle, 2 * cut, turns.sin() / (math.pi * torch.where(middle, 1.0, time)))
