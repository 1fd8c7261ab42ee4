"""The waveform itself through strided convolutions that are free to learn anything.

S. Schneider, A. Baevski, R. Collobert, M. Auli, "wav2vec: Unsupervised Pre-training for Speech Recognition",
Interspeech 2019 (the shape of the encoder). There are no published weights for this size.
"""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.networks.front_ends import FrontEnd, front_ends

__all__ = ["Raw"]


@front_ends.register("raw")
class Raw(FrontEnd):
    """Three convolutions, together 160 times shorter; the features stand as frequencies.

    Args:
        width: features.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.channels, self.rows = 1, width
        self.layers = nn.Sequential(
            nn.Conv1d(1, 32, 11, 5, 5, bias=False),
            nn.BatchNorm1d(32),
            nn.GELU(),
            nn.Conv1d(32, width, 8, 4, 2, bias=False),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Conv1d(width, width, 16, 8, 4, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, channels, rows, frames)."""
        maps: Tensor = self.layers(wave[:, None] * 10)
        return maps[:, None]
