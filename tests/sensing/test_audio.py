"""Recordings of any container and rate become one thing; what is none is refused in words."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from antispoof.errors import MediaError
from antispoof.sensing.audio import AudioLimits, audio_container, load_audio

CONTAINERS = {
    "wav": ("wav", "pcm_s16le", 44_100),
    "wav 24 bit": ("wav", "pcm_s24le", 48_000),
    "wav float": ("wav", "pcm_f32le", 16_000),
    "wav mu-law": ("wav", "pcm_mulaw", 8_000),
    "flac": ("flac", "flac", 22_050),
    "opus": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "adts": ("adts", "aac", 32_000),
}


def encoded(speech: Any, container: str, codec: str, rate: int, channels: int = 1) -> bytes:
    """Encode 16 kHz speech with the codecs that PyAV brings."""
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.tile(speech, (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate = 16_000
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, context.layout, rate, context.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


def wav(array: Any, rate: int = 16_000, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, array, rate, subtype, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_holds_the_same_speech(speech: Any, name: str, channels: int) -> None:
    container, codec, rate = CONTAINERS[name]
    content = encoded(speech, container, codec, rate, channels)
    assert audio_container(content[:16]) is not None
    sample = load_audio(content)
    assert sample.array.dtype == np.float32
    assert sample.metadata["channels"] == channels
    assert len(sample.array) == pytest.approx(len(speech), abs=3000)
    spectra = [np.abs(np.fft.rfft(array, 65_536))[400:14_000] for array in (speech, sample.array)]
    bands = [np.log(np.add.reduceat(s**2, np.arange(0, s.size, 400))) for s in spectra]
    assert np.corrcoef(*bands)[0, 1] > 0.98


def test_the_name_of_a_file_does_not_matter(speech: Any, tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_bytes(wav(speech))
    np.testing.assert_allclose(load_audio(path).array, speech, atol=1e-4)


def video(sound: Any | None) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        voice: Any = None if sound is None else output.add_stream("aac", rate=16_000, layout="mono")
        for _ in range(5):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        output.mux(stream.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate = 16_000
            output.mux(voice.encode(frame))
            output.mux(voice.encode(None))
    return file.getvalue()


def test_the_sound_of_a_video_is_heard(speech: Any) -> None:
    assert len(load_audio(video(speech)).array) == pytest.approx(len(speech), abs=3000)


def long_wav(seconds: int, rate: int = 8_000) -> bytes:
    """A header of silence in A-law, and as many bytes as it states."""
    size = seconds * rate
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 6, 1, rate, rate, 1, 8)
    return (
        b"RIFF"
        + struct.pack("<I", size + 36)
        + b"WAVE"
        + fmt
        + b"data"
        + struct.pack("<I", size)
        + bytes(size)
    )


def bad_inputs(speech: Any) -> dict[str, tuple[bytes, str, str]]:
    flac = encoded(speech, "flac", "flac", 16_000)
    nan = np.where(np.arange(speech.size) == 999, np.nan, speech)
    return {
        "text": (b"This is a letter, and no recording.", "unsupported_media", "is not a recording; use wav"),
        "nothing": (b"", "empty", "there is nothing in it"),
        "no sound": (video(None), "unsupported_media", "is a video without sound"),
        "zero samples": (wav(speech[:0]), "empty", "there is no sound in it"),
        "nan": (wav(nan, subtype="FLOAT"), "decode_failed", "holds values that are not numbers"),
        "3 hours": (long_wav(3 * 3600), "duration_limit", r"180\.0 min long; at most 10\.0 min are allowed"),
        "96 channels": (wav(np.zeros((999, 96))), "channel_limit", "96 channels; at most 8 are allowed"),
        "truncated flac": (flac[: len(flac) // 2], "decode_failed", "is damaged|is cut short"),
        "truncated wav": (wav(speech)[:40_000], "decode_failed", "is cut short: only 1.2 s of it are there"),
        "header alone": (wav(speech)[:30], "decode_failed", "is damaged and cannot be decoded"),
        "wrong codec": (wav(speech, subtype="MS_ADPCM"), "unsupported_media", "coded as adpcm_ms; use wav"),
        "slow": (wav(speech, 1_000), "unsupported_media", "1,000 samples a second; 4,000 to 192,000"),
    }


@pytest.mark.parametrize("name", bad_inputs(np.zeros(16_000, np.float32)))
def test_what_is_no_recording_is_refused_in_words(speech: Any, name: str) -> None:
    content, code, words = bad_inputs(speech)[name]
    with pytest.raises(MediaError, match=words) as raised:
        load_audio(content)
    assert raised.value.code == code


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", CONTAINERS)
def test_damage_never_escapes_as_anything_else(speech: Any, name: str, share: float) -> None:
    content = bytearray(encoded(speech[:16_000], *CONTAINERS[name]))
    random = np.random.default_rng(int(100 * share))
    for place in random.integers(12, len(content), 20):
        content[place] = random.integers(256)
    for damaged in (bytes(content), bytes(content[: int(share * len(content))])):
        try:
            array = load_audio(damaged).array
        except MediaError:
            continue
        assert np.isfinite(array).all()


def test_limits_are_checked_while_decoding_as_well(speech: Any) -> None:
    live = encoded(np.tile(speech, 3), "webm", "libopus", 48_000)
    with pytest.raises(MediaError, match=r"at most 1\.0 s"):
        load_audio(live, AudioLimits(max_seconds=1.0))
    with pytest.raises(MediaError, match=r"at most 1\.0 s"):
        load_audio(wav(speech), AudioLimits(max_seconds=1.0))
    with pytest.raises(MediaError, match="more than the"):
        load_audio(wav(speech), AudioLimits(max_bytes=1000))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"\0\0\0\x1cftypheic", None),
        (b"\0\0\0\x1cftypM4A ", "mov"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"\xff\xfe\x41\x00", None),
        (b"", None),
    ],
)
def test_content_tells_what_it_is(head: bytes, expected: str | None) -> None:
    assert audio_container(head) == expected
