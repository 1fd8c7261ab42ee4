"""Codecs of telephony and of the web, through FFmpeg."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, UnknownNameError

__all__ = ["CODECS", "through_codec"]

RATE = 16000

Speech = NDArray[np.float32]

CODECS: Mapping[str, tuple[str, str, int, int]] = MappingProxyType(
    {
        "opus_24k": ("libopus", "ogg", 48000, 24000),
        "opus_16k": ("libopus", "ogg", 48000, 16000),
        "opus_12k": ("libopus", "ogg", 48000, 12000),
        "opus_voip_16k": ("libopus", "ogg", 16000, 16000),
        "opus_voip_9k": ("libopus", "ogg", 16000, 9000),
        "mp3_64k": ("libmp3lame", "mp3", 16000, 64000),
        "mp3_32k": ("libmp3lame", "mp3", 16000, 32000),
        "aac_32k": ("aac", "adts", 16000, 32000),
        "g711_mu": ("pcm_mulaw", "wav", 8000, 64000),
        "g711_a": ("pcm_alaw", "wav", 8000, 64000),
        "g722": ("g722", "wav", 16000, 64000),
        "g723_1": ("g723_1", "wav", 8000, 6300),
    }
)
"""Name → FFmpeg encoder, container, sample rate, bits a second; those for calls are set to expect voices."""


def through_codec(samples: Speech, name: str) -> Speech:
    """Encode and decode; the length stays, the delay of the codec is taken out.

    Raises:
        UnknownNameError: no such codec.
        InputError: the FFmpeg of this machine lacks the encoder.
    """
    import av
    import soxr

    if name not in CODECS:
        raise UnknownNameError("codec", name, CODECS)
    encoder, container, rate, bits = CODECS[name]
    coded = np.asarray(soxr.resample(samples, RATE, rate), np.float32)
    store = io.BytesIO()
    try:
        with av.open(store, "w", format=container) as out:
            options = {"application": "voip"} if "voip" in name else {}
            stream: Any = out.add_stream(encoder, rate=rate, layout="mono", options=options)
            stream.bit_rate = bits
            pcm = (np.clip(coded, -1, 1) * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = rate
            resampler = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or None)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"codec {name!r} needs the FFmpeg encoder {encoder!r}: {error}") from None
    store.seek(0)
    back = av.AudioResampler("flt", "mono", RATE)
    with av.open(store, "r") as source:
        frames = [f for frame in source.decode(audio=0) for f in back.resample(frame)] + back.resample(None)
    decoded = np.concatenate([f.to_ndarray().ravel() for f in frames])
    return _aligned(decoded, samples)


def _aligned(decoded: NDArray[Any], samples: Speech) -> Speech:
    size = 1 << int(np.ceil(np.log2(len(decoded) + len(samples))))
    product = np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(samples, size))
    lag = int(np.argmax(np.fft.irfft(product)[:4800]))
    cut = decoded[lag : lag + len(samples)]
    return np.asarray(np.pad(cut, (0, len(samples) - len(cut))), np.float32)
