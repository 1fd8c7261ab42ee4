"""Linear-frequency cepstra with their first and second differences.

M. Sahidullah, T. Kinnunen, C. Hanilçi, "A comparison of features for synthetic speech detection",
Interspeech 2015. There are no weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from antispoof.networks.front_ends import FrontEnd, front_ends
from antispoof.networks.front_ends.mel import triangles
from antispoof.networks.front_ends.spectrum import ShortTimeSpectrum

__all__ = ["LinearCepstra"]


@front_ends.register("linear_cepstra")
class LinearCepstra(FrontEnd):
    """Cosine transform of the log powers of bands of equal width, and two differences over time.

    Args:
        bands: of equal width, from 0 to 8 kHz.
        coefficients: how many cepstra are kept, the zeroth among them.
        hop: samples from frame to frame.
    """

    bank: Tensor
    cosines: Tensor

    def __init__(self, *, bands: int = 70, coefficients: int = 60, hop: int = 160) -> None:
        super().__init__()
        self.channels, self.rows = 3, coefficients
        self.transform = ShortTimeSpectrum(512, hop, 257)
        edges = torch.linspace(0, 8000, bands + 2, dtype=torch.float64)
        self.register_buffer("bank", triangles(edges, 257), persistent=False)
        order, band = torch.arange(coefficients)[:, None], torch.arange(bands)[None] + 0.5
        cosines = (order * band * math.pi / bands).cos() * math.sqrt(2 / bands)
        self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, channels, rows, frames)."""
        real, imaginary = self.transform(wave)
        level = ((real.square() + imaginary.square()) @ self.bank.T + 1e-7).log()
        still = (level @ self.cosines.T).transpose(1, 2)[:, None]
        moving = _difference(still)
        return torch.cat([still, moving, _difference(moving)], 1)


def _difference(x: Tensor) -> Tensor:
    padded = torch.cat([x[..., :1], x, x[..., -1:]], 3)
    return (padded[..., 2:] - padded[..., :-2]) / 2
