"""Small neural vocoders, one a file: mel spectrogram → waveform.

They exist to make spoofs: copies of bona fide speech with the traces that neural vocoders leave. Minutes of
training on one processor are enough for that, and a voice of broadcast quality is not the aim.
"""

from __future__ import annotations

from collections.abc import Callable

from antispoof.networks.vocoders.mel import BANDS, HOP, MelSpectrogram, Vocoder
from antispoof.registry import Registry

__all__ = ["BANDS", "HOP", "MelSpectrogram", "Vocoder", "VocoderFactory", "vocoders"]


VocoderFactory = Callable[[], Vocoder]
"""Builds one vocoder in its only size."""

vocoders: Registry[VocoderFactory] = Registry("vocoder", __name__)
