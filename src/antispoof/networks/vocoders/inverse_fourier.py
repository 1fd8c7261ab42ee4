"""Magnitude and phase of every frame, then the inverse Fourier transform; no upsampling layer.

H. Siuzdak, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders", ICLR 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.networks.vocoders import BANDS, HOP, Vocoder, vocoders
from antispoof.networks.vocoders.mel import spectral_distance

__all__ = ["InverseFourierVocoder"]

_FFT = 1024


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.widen = nn.Conv1d(width, 3 * width, 1)
        self.narrow = nn.Conv1d(3 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.gelu(self.widen(self.norm(self.mix(x))))
        z: Tensor = self.narrow(y)
        return x + 0.3 * z


class InverseFourierVocoder(Vocoder):
    """Convolution blocks at the frame rate."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        width = 128
        self.body = nn.Sequential(
            nn.Conv1d(BANDS, width, 7, padding=3), *[_Block(width) for _ in range(5)], nn.GroupNorm(1, width)
        )
        self.head = nn.Conv1d(width, _FFT + 2, 1)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    def generate(self, mel: Tensor) -> Tensor:
        """Map mel (B, 80, T) to (B, 256·T)."""
        magnitude, phase = self.head(self.body(mel)).chunk(2, 1)
        spectrum = torch.polar(magnitude.clamp(max=6).exp(), phase)
        last = spectrum[..., -1:]
        spectrum = torch.cat([spectrum, last], 2)
        return torch.istft(spectrum, _FFT, HOP, window=self.window)[:, : mel.shape[2] * HOP]

    def loss(self, mel: Tensor, wave: Tensor, judged: bool) -> Tensor:  # noqa: ARG002 - there is no critic
        """Return the distance over three resolutions."""
        return spectral_distance(self.generate(mel), wave)


@vocoders.register("inverse_fourier")
def inverse_fourier() -> InverseFourierVocoder:
    """Spectrum by convolutions, waveform by inverse Fourier transform, in the manner of Vocos."""
    return InverseFourierVocoder()
