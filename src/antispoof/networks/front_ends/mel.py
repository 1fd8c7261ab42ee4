"""Log-mel spectrogram: what most speech networks hear.

S. Davis, P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", IEEE
Trans. ASSP, 1980. There are no weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from antispoof.networks.front_ends import FrontEnd, front_ends
from antispoof.networks.front_ends.spectrum import ShortTimeSpectrum

__all__ = ["LogMel", "triangles"]


def triangles(edges: Tensor, bins: int) -> Tensor:
    """Return triangular filters (bands, bins) over 0 to 8 kHz; ``edges``: (bands + 2,), hertz."""
    hertz = torch.linspace(0, 8000, bins, dtype=edges.dtype)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = torch.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)).clamp(min=0)
    scaled: Tensor = bank / bank.sum(1, keepdim=True).clamp(min=1e-6)
    return scaled.float()


@front_ends.register("log_mel")
class LogMel(FrontEnd):
    """Natural log of mel band powers, the mean of the recording taken away.

    Args:
        bands: how many, from 60 to 7600 Hz.
        hop: samples from frame to frame.
    """

    bank: Tensor

    def __init__(self, *, bands: int = 80, hop: int = 160) -> None:
        super().__init__()
        self.channels, self.rows = 1, bands
        self.transform = ShortTimeSpectrum(512, hop, 257)
        top, bottom = (2595 * torch.log10(torch.tensor(1 + f / 700, dtype=torch.float64)) for f in (7600, 60))
        mel = torch.linspace(float(bottom), float(top), bands + 2, dtype=torch.float64)
        self.register_buffer("bank", triangles(700 * (10 ** (mel / 2595) - 1), 257), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, channels, rows, frames)."""
        real, imaginary = self.transform(wave)
        level = ((real.square() + imaginary.square()) @ self.bank.T + 1e-7).log()
        even: Tensor = level - level.mean((1, 2), keepdim=True)
        return even.transpose(1, 2)[:, None] * 0.25
