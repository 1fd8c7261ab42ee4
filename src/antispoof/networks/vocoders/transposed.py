"""Transposed convolutions and dilated residual blocks, against critics at three scales.

K. Kumar et al., "MelGAN: Generative Adversarial Networks for Conditional Waveform Synthesis", NeurIPS 2019.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from antispoof.networks.vocoders import BANDS, Vocoder, vocoders
from antispoof.networks.vocoders.mel import spectral_distance

__all__ = ["TransposedVocoder"]


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = weight_norm(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, padding_mode="reflect")
        )
        self.second = weight_norm(nn.Conv1d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.first(nn.functional.leaky_relu(x, 0.2))
        z: Tensor = self.second(nn.functional.leaky_relu(y, 0.2))
        return x + z


class _Critic(nn.Module):
    """Judges a waveform and its two halvings; returns every layer's response, the verdict last."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(self._scale() for _ in range(3))

    @staticmethod
    def _scale() -> nn.ModuleList:
        widths = (8, 16, 32, 64)
        layers: list[nn.Module] = [weight_norm(nn.Conv1d(1, 8, 15, padding=7))]
        for before, after in itertools.pairwise(widths):
            layers.append(weight_norm(nn.Conv1d(before, after, 25, 4, 12, groups=4)))
        layers.append(weight_norm(nn.Conv1d(64, 64, 5, padding=2)))
        layers.append(weight_norm(nn.Conv1d(64, 1, 3, padding=1)))
        return nn.ModuleList(layers)

    def forward(self, wave: Tensor) -> list[list[Tensor]]:
        answers = []
        x = wave[:, None]
        for scale in self.scales:
            assert isinstance(scale, nn.ModuleList)
            y, layers = x, []
            for index, layer in enumerate(scale):
                y = layer(y)
                if index + 1 < len(scale):
                    y = nn.functional.leaky_relu(y, 0.2)
                layers.append(y)
            answers.append(layers)
            x = nn.functional.avg_pool1d(x, 4, 2, 1)
        return answers


class TransposedVocoder(Vocoder):
    """Four levels of upsampling: 8, 8, 2 and 2 times."""

    def __init__(self) -> None:
        super().__init__()
        width = 96
        layers: list[nn.Module] = [weight_norm(nn.Conv1d(BANDS, width, 7, padding=3, padding_mode="reflect"))]
        for factor, dilations in ((8, (1, 3, 9)), (8, (1, 3, 9)), (2, (1, 3)), (2, (1,))):
            layers.append(nn.LeakyReLU(0.2))
            layers.append(weight_norm(nn.ConvTranspose1d(width, width // 2, 2 * factor, factor, factor // 2)))
            width //= 2
            layers += [_Residual(width, dilation) for dilation in dilations]
        layers += [nn.LeakyReLU(0.2), weight_norm(nn.Conv1d(width, 1, 7, padding=3, padding_mode="reflect"))]
        self.layers = nn.Sequential(*layers)
        self.critic = _Critic()

    def generate(self, mel: Tensor) -> Tensor:
        """Map mel (B, 80, T) to (B, 256·T)."""
        return torch.tanh(self.layers(mel))[:, 0]

    def loss(self, mel: Tensor, wave: Tensor, judged: bool) -> Tensor:
        """Return the distance over three resolutions, and with the critic what it finds."""
        made = self.generate(mel)
        distance = spectral_distance(made, wave)
        if not judged:
            return distance
        assert self.critic is not None
        with torch.no_grad():
            true = self.critic(wave)
        fake = self.critic(made)
        verdict = torch.stack([((1 - layers[-1]) ** 2).mean() for layers in fake]).sum()
        apart = [
            (a - b).abs().mean() / b.abs().mean().clamp(min=1e-3)
            for theirs, ours in zip(true, fake, strict=True)
            for b, a in zip(theirs[:-1], ours[:-1], strict=True)
        ]
        return distance + 0.3 * verdict + 0.1 * torch.stack(apart).sum()

    def critic_loss(self, mel: Tensor, wave: Tensor) -> Tensor:
        """Least-squares loss of the critic on true and made speech."""
        assert self.critic is not None
        with torch.no_grad():
            made = self.generate(mel)
        total = wave.new_zeros(())
        for true, fake in zip(self.critic(wave), self.critic(made), strict=True):
            total = total + ((1 - true[-1]) ** 2).mean() + (fake[-1] ** 2).mean()
        return total


@vocoders.register("transposed")
def transposed() -> TransposedVocoder:
    """Upsampling by transposed convolution, in the manner of MelGAN."""
    return TransposedVocoder()
