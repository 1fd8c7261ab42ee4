"""What every vocoder here starts from, a log-mel spectrogram, and what it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["BANDS", "HOP", "MelSpectrogram", "Vocoder", "spectral_distance"]

BANDS = 80
HOP = 256
_FFT = 1024


class MelSpectrogram(nn.Module):
    """Waveform (B, N) → natural-log mel magnitudes (B, 80, N // 256), bands from 0 to half the rate."""

    bank: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        top = 2595 * torch.log10(torch.tensor(1 + 8000 / 700))
        edges = 700 * (10 ** (torch.linspace(0, float(top), BANDS + 2) / 2595) - 1) / 8000
        f = torch.linspace(0, 1, _FFT // 2 + 1)
        low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
        bank = torch.minimum((f - low) / (middle - low), (high - f) / (high - middle)).clamp(min=0)
        self.register_buffer("bank", bank / bank.sum(1, keepdim=True).clamp(min=1e-3), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, 80, N // 256)."""
        padded = nn.functional.pad(wave[:, None], ((_FFT - HOP) // 2,) * 2, mode="reflect")[:, 0]
        spectrum = torch.stft(padded, _FFT, HOP, window=self.window, center=False, return_complex=True)
        return (self.bank @ spectrum.abs()).clamp(min=1e-4).log()


class Vocoder(nn.Module, ABC):
    """Mel spectrogram → waveform.

    A vocoder that learns against a critic has it as the attribute ``critic``; its parameters get their own
    optimiser and its loss comes from ``critic_loss``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.critic: nn.Module | None = None

    @abstractmethod
    def loss(self, mel: Tensor, wave: Tensor, judged: bool) -> Tensor:
        """Scalar loss of a batch: mel (B, 80, T), wave (B, 256·T); with the critic if ``judged``."""

    def critic_loss(self, mel: Tensor, wave: Tensor) -> Tensor:  # noqa: ARG002
        """Scalar loss of the critic on true and made speech.

        Raises:
            TypeError: there is no critic.
        """
        raise TypeError(f"{type(self).__name__} has no critic")

    @abstractmethod
    def generate(self, mel: Tensor) -> Tensor:
        """Map mel (B, 80, T) to a waveform (B, 256·T)."""


def spectral_distance(made: Tensor, true: Tensor) -> Tensor:
    """Distance of two waveforms (B, N) over three resolutions: spectral convergence and log magnitude.

    Yamamoto, Song, Kim, "Parallel WaveGAN", ICASSP 2020.
    """
    total = made.new_zeros(())
    for size, hop in ((256, 64), (512, 128), (1024, 256)):
        window = torch.hann_window(size, device=made.device)
        a, b = (
            torch.stft(x, size, hop, window=window, return_complex=True).abs().clamp(min=1e-4)
            for x in (made, true)
        )
        total = total + (a - b).norm() / b.norm() + (a.log() - b.log()).abs().mean()
    return total / 3
