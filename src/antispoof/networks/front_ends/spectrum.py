"""Log magnitudes on a linear scale of frequency, with or without what the phase says.

Vocoders that start from mel bands lose fine structure most where the bands are widest, so the scale is
linear. The phase enters by two differences that do not depend on where a frame begins: from one frequency to
the next (group delay) and from one frame to the next (instantaneous frequency), each as cosine and sine.

B. Yegnanarayana, H. Murthy, "Significance of group delay functions in spectrum estimation", IEEE Trans.
Signal Processing, 1992. There are no weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.front_ends import FrontEnd, front_ends

__all__ = ["ShortTimeSpectrum", "Spectrum"]


class ShortTimeSpectrum(nn.Module):
    """Short-time Fourier transform of the lowest bins; matrix products in an exported graph.

    The window is symmetric, so a product is taken of each frame folded in its middle: cosines of the sum of
    both halves, sines of their difference, each with half as many rows as the frame has samples.

    Args:
        size: samples of a frame, even.
        hop: samples from frame to frame.
        bins: how many, from the lowest.
        first: the lowest bin.
    """

    window: Tensor

    def __init__(self, size: int, hop: int, bins: int, first: int = 0) -> None:
        super().__init__()
        if not 0 <= first < first + bins <= size // 2 + 1:
            raise InputError(f"bins must lie in 0..{size // 2}, got {first}..{first + bins - 1}")
        self.size, self.hop, self.bins, self.first = size, hop, bins, first
        self.register_buffer("window", torch.hann_window(size), persistent=False)

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, N) to real and imaginary part, each (B, frames, bins)."""
        if not torch.onnx.is_in_onnx_export():
            frames = wave.unfold(1, self.size, self.hop) * self.window
            spectrum = torch.fft.rfft(frames)[..., self.first : self.first + self.bins]
            return spectrum.real, spectrum.imag
        return self.by_products(wave)

    def by_products(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same as `forward` with matrix products."""
        half, block = self.size // 2, math.gcd(self.size // 2, self.hop)
        length = wave.shape[1]
        count = (length - self.size) // self.hop + 1
        wave = nn.functional.pad(wave, (0, -length % block + block))
        starts = torch.arange(count, device=wave.device)[:, None] * (self.hop // block)
        within = torch.arange(half // block, device=wave.device)
        # The first sample of a frame weighs nothing, so both halves begin with the one beside it.
        ahead = wave[:, 1 : wave.shape[1] - block + 1].reshape(wave.shape[0], -1, block)
        back = wave[:, : wave.shape[1] - block].flip(1).reshape(wave.shape[0], -1, block)
        last = back.shape[1] - self.size // block
        rise = ahead[:, (starts + within).reshape(-1)].reshape(wave.shape[0], count, half)
        fall = back[:, (last - starts + within).reshape(-1)].reshape(wave.shape[0], count, half)
        turns = torch.outer(
            torch.arange(1, half + 1, dtype=torch.float64),
            torch.arange(self.first, self.first + self.bins).double(),
        )
        turns = turns.remainder(self.size) * (2 * math.pi / self.size)
        weight = self.window[1 : half + 1].clone()
        weight[-1] /= 2  # the middle of a frame is in both halves
        real = (rise + fall) @ (turns.cos().to(wave) * weight[:, None])
        return real, (fall - rise) @ (turns.sin().to(wave) * weight[:, None])


@front_ends.register("spectrum")
class Spectrum(FrontEnd):
    """Log magnitudes from about 100 Hz to 7.6 kHz, what stands out from around it, and phase differences.

    Args:
        size: samples of a frame; 512 gives 240 rows, 31 Hz apart.
        hop: samples from frame to frame.
        phase: whether the four maps of phase differences are there.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, *, size: int = 512, hop: int = 160, phase: bool = True) -> None:
        super().__init__()
        if size < 64 or size % 32:
            raise InputError(f"size must be a multiple of 32 and at least 64, got {size}")
        self.rows = size * 15 // 32
        first = max(1, size * 3 // 512)
        self.transform = ShortTimeSpectrum(size, hop, self.rows + int(phase), first)
        self.phase = phase
        self.channels = 6 if phase else 2
        turns = 2 * math.pi * hop / size * torch.arange(first, first + self.rows + 1)
        self.register_buffer("cosine", turns.cos(), persistent=False)
        self.register_buffer("sine", turns.sin(), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, channels, rows, frames)."""
        real, imaginary = self.transform(wave)
        power = real.square() + imaginary.square()
        # The floor lies 65 dB below the mean of a full band at the level of prepared speech.
        level = (power[..., : self.rows] + 2e-7 * self.transform.size / 512).log() * 0.25
        level = level - level.mean((1, 2), keepdim=True)
        around = _smooth(_smooth(level[:, None], (1, 17)), (9, 1))
        maps = [level[:, None], 2 * (level[:, None] - around)]
        if self.phase:
            # Where hardly anything can be heard, phase is noise: there the maps fade to zero.
            unit = (power + 1e-5 * power.mean((1, 2), keepdim=True) + 1e-9).rsqrt()
            a, b = real * unit, imaginary * unit
            maps += [
                (a[..., 1:] * a[..., :-1] + b[..., 1:] * b[..., :-1])[:, None],
                (b[..., 1:] * a[..., :-1] - a[..., 1:] * b[..., :-1])[:, None],
            ]
            c = a[:, 1:] * a[:, :-1] + b[:, 1:] * b[:, :-1]
            d = b[:, 1:] * a[:, :-1] - a[:, 1:] * b[:, :-1]
            turned = torch.stack([c * self.cosine + d * self.sine, d * self.cosine - c * self.sine], 1)
            maps.append(nn.functional.pad(turned[..., :-1], (0, 0, 1, 0)))
        return torch.cat(maps, 1).transpose(2, 3)


def _smooth(maps: Tensor, size: tuple[int, int]) -> Tensor:
    padding = (size[0] // 2, size[1] // 2)
    return nn.functional.avg_pool2d(maps, size, 1, padding, count_include_pad=False)
