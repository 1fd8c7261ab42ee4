"""Moments of spectra at three resolutions, band by band, and a small perceptron over them.

Nothing is learnt before the moments, so that they can be computed once for all recordings and a head over
them trains in seconds; what they keep is texture, not words. A long frame resolves harmonics, a short one
the pulses of the voice, and the phase tells how both fit together.

Long-term statistics of spectra against spoofing: H. Muckenhirn et al., "Long-Term Spectral Statistics for
Voice Presentation Attack Detection", IEEE/ACM TASLP 2017. There are no published weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.encoders import encoders
from antispoof.networks.front_ends.spectrum import Spectrum
from antispoof.networks.moments import MomentsEncoder
from antispoof.networks.tokens import Levels

__all__ = ["BANDS", "SpectralMoments", "SpeechMoments"]

BANDS = 60
"""Of 125 Hz each, the first from 94 Hz on."""


class SpectralMoments(nn.Module):
    """Waveform (B, N) → ``dim`` numbers a recording: three moments of fifteen maps in 60 bands.

    The moments of a row over time: deviation, mean absolute step in time and in frequency; each averaged
    over the rows of a band. The mean itself is left out: it tells microphones apart, and voices.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectra = nn.ModuleList(
            [
                Spectrum(size=256, hop=80, phase=True),
                Spectrum(size=512, hop=160, phase=True),
                Spectrum(size=1024, hop=320, phase=True),
            ]
        )
        self.dim = 3 * BANDS * sum(s.channels - 1 for s in self.spectra if isinstance(s, Spectrum))

    def forward(self, wave: Tensor) -> Tensor:
        """Map (B, N) to (B, dim)."""
        return torch.cat([_moments(spectrum(wave)[:, 1:]) for spectrum in self.spectra], 1)


def _moments(maps: Tensor) -> Tensor:
    apart = maps - maps.mean(3, keepdim=True)
    deviation = ((apart * apart).mean(3) + 1e-6).sqrt()
    in_time = (maps[..., 1:] - maps[..., :-1]).abs().mean(3)
    in_frequency = (maps[:, :, 1:] - maps[:, :, :-1]).abs().mean(3)
    in_frequency = nn.functional.pad(in_frequency, (0, 1))
    moments = torch.cat([deviation, in_time, in_frequency], 1)
    batch, kinds, rows = moments.shape
    return moments.reshape(batch, kinds, BANDS, rows // BANDS).mean(3).flatten(1)


@encoders.register("speech_moments")
class SpeechMoments(MomentsEncoder):
    """Standardised moments and the hidden layers of a perceptron, one token each.

    Args:
        channels: 1.
        widths: of the two hidden layers.
        dropout: share of the moments and of the hidden units that training hides.
    """

    takes = "waveform"

    def __init__(self, channels: int, *, widths: tuple[int, int] = (96, 48), dropout: float = 0.3) -> None:
        if channels != 1:
            raise InputError(f"channels must be 1 for a waveform, got {channels}")
        super().__init__(SpectralMoments(), widths, dropout)

    def without_bands(self, moments: Tensor) -> Levels:
        """Map moments (B, dim) to levels of B times 61 rows: as if one band were as usual, and as they are.

        Of each recording there is a row for every band, from the lowest, and last the one that lacks nothing.
        """
        standard = self.standardised(moments)
        layer = self.shallow[1]
        assert isinstance(layer, nn.Linear)
        # (bands, B, kinds) by (bands, kinds, D): the first layer, one band at a time.
        parts = standard.reshape(-1, self.size // BANDS, BANDS).permute(2, 0, 1)
        weights = layer.weight.reshape(layer.out_features, -1, BANDS).permute(2, 1, 0)
        each = (parts @ weights).transpose(0, 1)
        rest = each.sum(1, keepdim=True) - nn.functional.pad(each, (0, 0, 0, 1)) + layer.bias
        return self.from_shallow(rest.flatten(0, 1))
