"""Files, bytes or arrays of sound → one channel at 16 kHz, under limits.

One decoder and one resampler for everything, so that no container or rate leaves a trace of its own. What a
file is, its content says and not its name; its header is checked before anything is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Recording, Sample, Source
from antispoof.sensing.containers import (
    audio_container,
    contradiction,
    foreign_sound,
    is_cut,
    without_tags,
)
from antispoof.sensing.source import MediaLimits, name_of, read_bytes, told_apart

__all__ = ["RATE", "AudioLimits", "audio_container", "load_audio"]

RATE = 16_000
"""Samples a second of everything that `load_audio` returns."""

ACCEPTED = "use wav, flac, ogg, opus, webm, mp3, m4a, aac, aiff, caf or amr"
CODECS = frozenset(
    {
        *("aac", "aac_latm", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "flac", "g722"),
        *("g726", "g726le", "gsm", "gsm_ms", "libopus", "libvorbis", "mp2", "mp2float", "mp3", "mp3float"),
        *("opus", "speex", "vorbis"),
    }
)  # beside plain samples (pcm_…) and amr no other decoder is ever entered
LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
CHUNK_S = 10  # decoded and resampled at a time
ALIKE, NEARER = 0.05, 0.8  # how far apart sample by sample, of mono that was taken for stereo
CANCELLED = 0.1  # power of the mean over that of the loudest channel: below it, channels cancel each other


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """How much one recording may ask for.

    Attributes:
        max_bytes: size of the file, in bytes.
        max_seconds: how long it may be.
        max_channels: how many channels it may have.
    """

    max_bytes: int = 192 * 2**20
    max_seconds: float = 600.0
    max_channels: int = 8


DEFAULT_LIMITS = AudioLimits()


def load_audio(source: Source, limits: AudioLimits = DEFAULT_LIMITS) -> Sample:
    """Decode a recording to one channel at 16 kHz.

    Channels are averaged; where that cancels them out, the loudest is taken. A corrupt file is refused, and
    so is one that ends before its sound does. The sound of a video may begin late, end early and pause:
    pauses in which nothing was recorded are closed up. Of several tracks the first counts.

    Args:
        source: path, the file's bytes, or a `Sample` of a decoded array, floating point or integer, (N,) or
            (N, C), with ``sample_rate`` in its metadata.
        limits: checked against the header, and again while decoding.

    Returns:
        float32, (N,), full scale −1 to 1; metadata: ``sample_rate`` (16 000), and ``source_rate`` and
        ``channels`` as they came.

    Raises:
        MediaError: what is wrong with it; see ``code`` there.
        InputError: the source is neither a path nor bytes nor a `Sample` that states its rate.
    """
    if isinstance(source, Recording):
        return _excerpt(load_audio(source.source, limits), source)
    if isinstance(source, np.ndarray):
        raise InputError(
            "an array of sound needs its sample rate: hand in Sample(array, {'sample_rate': 16000})"
        )
    if isinstance(source, Sample):
        return _from_array(source, limits)
    content = read_bytes(source, MediaLimits(max_bytes=limits.max_bytes))
    name = "the bytes given" if isinstance(source, bytes) else repr(str(Path(source)))
    content = without_tags(content)
    container = audio_container(content)
    if container is None:
        kind = foreign_sound(content)
        what = f"holds {kind} sound, which is not read" if kind else "is not a recording"
        raise MediaError("unsupported_media", f"{name} {what}; {ACCEPTED}")
    wrong = contradiction(content) if container == "wav" else ""
    if wrong:
        raise MediaError("decode_failed", f"{name} is damaged: {wrong}")
    try:
        return _decode(content, container, name, limits)
    except MediaError:
        raise
    except Exception as error:  # untrusted bytes: a decoder may raise anything, and none of it may escape
        detail = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise MediaError("decode_failed", f"{name} is damaged and cannot be decoded: {detail}") from error


def _excerpt(sample: Sample, asked: Recording) -> Sample:
    """Cut out a range of samples, counted at the rate of the file."""
    if asked.unit:
        raise InputError(f"a recording of sound has no unit; got unit={asked.unit!r}")
    if asked.frames is None:
        return sample
    (first, stop), rate = asked.frames, sample.metadata["source_rate"]
    count = round(len(sample.array) * rate / RATE)
    if stop > count:
        name = name_of(asked.source)
        raise MediaError("decode_failed", f"{name}: samples {first}:{stop} wanted, {count} there")
    cut = sample.array[first * RATE // rate : max(stop * RATE // rate, first * RATE // rate + 1)]
    return Sample(cut, sample.metadata)


def _check(name: str, seconds: float | None, channels: int, rate: int, limits: AudioLimits) -> None:
    if channels < 1:
        raise MediaError("decode_failed", f"{name} is damaged: no channel of sound is stated in it")
    if channels > limits.max_channels:
        raise MediaError(
            "channel_limit",
            f"{name} has {channels} channels; at most {limits.max_channels} are allowed: mix it down",
        )
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise MediaError(
            "unsupported_media",
            f"{name} has {rate:,} samples a second; {LOWEST_RATE:,} to {HIGHEST_RATE:,} are accepted",
        )
    if seconds is not None and seconds > limits.max_seconds:
        by, unit = (60, "min") if seconds >= 90 else (1, "s")
        has, most = told_apart(seconds / by, limits.max_seconds / by)
        raise MediaError(
            "duration_limit", f"{name} is {has} {unit} long; at most {most} {unit} are allowed: cut it"
        )


def _from_array(sample: Sample, limits: AudioLimits) -> Sample:
    rate: Any = sample.metadata.get("sample_rate")
    if not isinstance(rate, (int, np.integer)) or isinstance(rate, bool):
        raise InputError(f"a sample of sound states its 'sample_rate' in whole hertz; got {rate!r}")
    array = np.asarray(sample.array)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
        raise MediaError(
            "unsupported_media",
            f"an array of sound is floating point or integer of shape (N,) or (N, C); got {array.dtype} of "
            f"shape {array.shape}",
        )
    table = array[:, None] if array.ndim == 1 else array
    _check("the array given", len(table) / max(int(rate), 1), table.shape[1], int(rate), limits)
    if rate == RATE and array.ndim == 1 and array.dtype == np.float32 and "source_rate" in sample.metadata:
        return sample  # it came from here
    table = _resampled(iter([_as_float(table)]), int(rate), table.shape[1], "the array given")
    return _finish(table, int(rate))


def _decode(content: bytes, container: str, name: str, limits: AudioLimits) -> Sample:
    import av

    # Probing would decode half a second of a wav for nothing: its header tells all.
    options = {"probesize": "4096"} if container == "wav" else {}
    with av.open(
        io.BytesIO(content), "r", format=container, options=options, metadata_errors="replace"
    ) as file:
        if not file.streams.audio:
            raise MediaError("unsupported_media", f"{name} is a video without sound; {ACCEPTED}")
        stream = file.streams.audio[0]
        codec = stream.codec_context
        if codec is None:
            raise MediaError(
                "unsupported_media", f"{name} states a coding of sound that nobody knows; {ACCEPTED}"
            )
        if codec.name not in CODECS and not codec.name.startswith(("pcm_", "amr", "libopencore_amr")):
            raise MediaError("unsupported_media", f"{name} holds sound coded as {codec.name}; {ACCEPTED}")
        stated = None  # length of this track; that of a whole video is something else
        if stream.duration is not None and stream.time_base is not None:
            stated = float(stream.duration * stream.time_base)
        _check(name, stated, codec.channels, codec.sample_rate, limits)
        codec.thread_count = 1
        frames = file.decode(stream)
        first = next(frames, None)
        if first is None:
            raise MediaError("empty", f"{name}: there is no sound in it")
        rate, channels = first.sample_rate, first.layout.nb_channels
        chunks = _chunks(chain((first,), frames), rate, channels, name, limits)
        table = _resampled(chunks, rate, channels, name)
    seconds = len(table) / RATE
    lost = container == "flac" and stated is not None and seconds < stated - 1 / RATE
    if lost or is_cut(content, container):
        raise MediaError("decode_failed", f"{name} is cut short: only {seconds:.1f} s of it are there")
    return _finish(table, rate)


def _chunks(
    frames: Iterator[Any], rate: int, channels: int, name: str, limits: AudioLimits
) -> Iterator[NDArray[np.float32]]:
    """Gather decoded frames to float32 arrays (N, C) of some seconds; stop where it becomes too long."""
    waiting: list[NDArray[Any]] = []
    held = total = 0
    for frame in frames:
        if frame.sample_rate != rate or frame.layout.nb_channels != channels:
            raise MediaError("decode_failed", f"{name} changes its rate or its channels midway")
        array = frame.to_ndarray()
        waiting.append(array.T if frame.format.is_planar else array.reshape(-1, channels))
        held += frame.samples
        total += frame.samples
        _check(name, total / rate, channels, rate, limits)
        if held >= CHUNK_S * rate:
            yield _as_float(np.concatenate(waiting))
            waiting, held = [], 0
    if waiting:
        yield _as_float(np.concatenate(waiting))


def _as_float(table: NDArray[Any]) -> NDArray[np.float32]:
    if table.dtype.kind == "u":
        middle = (np.iinfo(table.dtype).max + 1) / 2
        return np.asarray((table - middle) / middle, np.float32)
    if table.dtype.kind == "i":
        return np.asarray(table, np.float32) / np.float32(-float(np.iinfo(table.dtype).min))
    return np.asarray(table, np.float32)


def _resampled(
    chunks: Iterator[NDArray[np.float32]], rate: int, channels: int, name: str
) -> NDArray[np.float32]:
    """Bring chunks to 16 kHz one after the other: float32, (N, C)."""
    import soxr

    stream = soxr.ResampleStream(rate, RATE, channels, dtype="float32") if rate != RATE else None
    parts, steps = [], np.zeros(4)
    for chunk in chunks:
        if not np.isfinite(chunk).all():
            raise MediaError("decode_failed", f"{name} holds values that are not numbers")
        if channels == 2:
            steps += _steps(chunk)
        parts.append(chunk if stream is None else stream.resample_chunk(np.ascontiguousarray(chunk)))
    if stream is not None:
        parts.append(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True))
    across, onward, *along = steps
    if abs(across - onward) < ALIKE * across and max(across, onward) < NEARER * min(along):
        reason = "its two channels are one sound, sample by sample: mono that was taken for stereo"
        raise MediaError("decode_failed", f"{name} is damaged: {reason}")
    table = np.concatenate(parts) if parts else np.zeros((0, channels), np.float32)
    if not len(table):
        raise MediaError("empty", f"{name}: there is no sound in it")
    return table


def _steps(chunk: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far it is, squared, from left to right, right to the next left, left to left, and right to right.

    Between the channels of a recording the first two are different things; where one channel was dealt out to
    two they are the same step, and shorter than the others unless it hisses.
    """
    left, right = chunk[:, 0].astype(np.float64), chunk[:, 1].astype(np.float64)
    steps = (right[:-1] - left[:-1], left[1:] - right[:-1], np.diff(left), np.diff(right))
    return np.array([step @ step for step in steps])


def _finish(table: NDArray[np.float32], rate: int) -> Sample:
    return Sample(
        np.ascontiguousarray(_mixed(table)),
        {"sample_rate": RATE, "source_rate": rate, "channels": table.shape[1]},
    )


def _mixed(table: NDArray[np.float32]) -> NDArray[np.float32]:
    if table.shape[1] == 1:
        return table[:, 0]
    mean = table.mean(axis=1)
    powers = np.einsum("nc,nc->c", table, table)
    loudest = int(np.argmax(powers))
    cancelled = float(mean @ mean) < CANCELLED * float(powers[loudest]) / table.shape[1]
    return table[:, loudest] if cancelled else mean
