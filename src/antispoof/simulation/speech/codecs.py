"""Codecs of telephony and of the web, through FFmpeg; the neural layers of Opus through its own program.

Opus 1.5 mends speech of low rate with small networks (LACE, NoLACE), and puts speech of FARGAN where packets
were lost: J. Büthe et al., "NoLACE: Improving low-complexity speech codec enhancement through adaptive
temporal shaping", ICASSP 2024. They are offered where ``opus_demo`` is on the path, built from the sources
of Opus with ``--enable-osce --enable-deep-plc --enable-dred``.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, UnknownNameError

__all__ = ["CODECS", "NEURAL_CODECS", "codecs_found", "through_codec"]

RATE = 16000

Speech = NDArray[np.float32]

CODECS: Mapping[str, tuple[str, str, int, int]] = MappingProxyType(
    {
        "opus_24k": ("libopus", "ogg", 48000, 24000),
        "opus_16k": ("libopus", "ogg", 48000, 16000),
        "opus_12k": ("libopus", "ogg", 48000, 12000),
        "opus_voip_16k": ("libopus", "ogg", 16000, 16000),
        "opus_voip_12k": ("libopus", "ogg", 16000, 12000),
        "opus_voip_9k": ("libopus", "ogg", 16000, 9000),
        "opus_voip_6k": ("libopus", "ogg", 16000, 6000),
        "mp3_64k": ("libmp3lame", "mp3", 16000, 64000),
        "mp3_32k": ("libmp3lame", "mp3", 16000, 32000),
        "aac_32k": ("aac", "adts", 16000, 32000),
        "g711_mu": ("pcm_mulaw", "wav", 8000, 64000),
        "g711_a": ("pcm_alaw", "wav", 8000, 64000),
        "g722": ("g722", "wav", 16000, 64000),
        "g723_1": ("g723_1", "wav", 8000, 6300),
        "amr_12k": ("libopencore_amrnb", "amr", 8000, 12200),
        "amr_5k": ("libopencore_amrnb", "amr", 8000, 5150),
    }
)
"""Name → FFmpeg encoder, container, sample rate, bits a second; those for calls are set to expect voices."""

NEURAL_CODECS: Mapping[str, tuple[int, tuple[str, ...]]] = MappingProxyType(
    {
        "opus_lace_9k": (9000, ("-dec_complexity", "6")),
        "opus_nolace_6k": (6000, ("-dec_complexity", "7")),
        "opus_nolace_9k": (9000, ("-dec_complexity", "7")),
        "opus_lost_16k": (16000, ("-dec_complexity", "5", "-loss", "15")),
        "opus_dred_24k": (24000, ("-dec_complexity", "7", "-loss", "20", "-dred", "100")),
    }
)
"""Name → bits a second, options of ``opus_demo``: a network behind the decoder, or packets lost."""

_PROGRAM = "opus_demo"


def codecs_found() -> tuple[str, ...]:
    """Return the codecs that this machine can run."""
    return (*CODECS, *(NEURAL_CODECS if shutil.which(_PROGRAM) else ()))


def through_codec(samples: Speech, name: str) -> Speech:
    """Encode and decode; the length stays, the delay of the codec is taken out.

    Raises:
        UnknownNameError: no such codec.
        InputError: this machine lacks the encoder.
    """
    import av
    import soxr

    if name in NEURAL_CODECS:
        return _aligned(_through_program(samples, *NEURAL_CODECS[name]), samples)
    if name not in CODECS:
        raise UnknownNameError("codec", name, (*CODECS, *NEURAL_CODECS))
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


def _through_program(samples: Speech, bits: int, options: tuple[str, ...]) -> NDArray[Any]:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "in.pcm"), Path(folder, "out.pcm")
        (np.clip(samples, -1, 1) * 32767).astype("<i2").tofile(first)
        command = [_PROGRAM, "voip", str(RATE), "1", str(bits), *options, str(first), str(second)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"{_PROGRAM} {' '.join(options)} failed: {error}") from None
        if done.returncode or not second.is_file():
            raise InputError(f"{_PROGRAM} {' '.join(options)} failed: {done.stderr.strip()[-200:]}")
        return np.fromfile(second, "<i2") / np.float32(32768)


def _aligned(decoded: NDArray[Any], samples: Speech) -> Speech:
    size = 1 << int(np.ceil(np.log2(len(decoded) + len(samples))))
    product = np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(samples, size))
    lag = int(np.argmax(np.fft.irfft(product)[:4800]))
    cut = decoded[lag : lag + len(samples)]
    return np.asarray(np.pad(cut, (0, len(samples) - len(cut))), np.float32)
