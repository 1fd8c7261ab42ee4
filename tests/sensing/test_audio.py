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
from antispoof.sensing.capture import Sample

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
    "aiff": ("aiff", "pcm_s16be", 44_100),
    "aifc": ("aiff", "pcm_mulaw", 16_000),
    "caf": ("caf", "pcm_s24le", 48_000),
    "caf alac": ("caf", "alac", 44_100),
    "wav ima": ("wav", "adpcm_ima_wav", 44_100),
    "wav ms": ("wav", "adpcm_ms", 44_100),
    "w64": ("w64", "pcm_s16le", 44_100),
    "au": ("au", "pcm_s16be", 22_050),
    "mkv": ("matroska", "pcm_s16le", 16_000),
    "mov": ("mov", "adpcm_ima_qt", 44_100),
    "ts": ("mpegts", "aac", 48_000),
    "avi": ("avi", "pcm_s16le", 16_000),
    "mp2": ("mp2", "mp2", 44_100),
    "flv": ("flv", "aac", 44_100),
}
STATES_NO_SIZE = ("ts", "mp2", "flv")  # of its parts, so that only damage tells of a cut


def encoded(speech: Any, container: str, codec: str, rate: int, channels: int = 1) -> bytes:
    """Encode 16 kHz speech with the codecs that PyAV brings."""
    file = io.BytesIO()
    layout = "mono" if channels == 1 else "stereo"
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.tile(speech, (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = 16_000, 0
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
    assert audio_container(content[:1024]) is not None
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


def video(sound: Any, container: str = "mp4", codec: str = "aac", begin: float = 0.0, gap: Any = ()) -> bytes:
    """Eight seconds of picture, and sound that begins late and misses what lies in a gap."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream("vp8" if container == "webm" else "mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        voice: Any = None if sound is None else output.add_stream(codec, rate=48_000, layout="mono")
        packets = []
        for _ in range(8):
            packets += stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24"))
        packets += stream.encode(None)
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            context = voice.codec_context
            resampler = av.AudioResampler(context.format, context.layout, 48_000, context.frame_size or 960)
            heard = [p for part in resampler.resample(frame) for p in voice.encode(part)]
            heard = [p for p in [*heard, *voice.encode(None)] if p.size]
            for packet in heard:
                time = float(packet.pts * packet.time_base)
                packet.pts = packet.dts = packet.pts + round(begin / packet.time_base)
                packets += [] if gap and gap[0] <= time < gap[1] else [packet]
        for packet in sorted(packets, key=lambda one: one.dts * one.time_base):
            output.mux(packet)
    return file.getvalue()


VIDEOS = {
    "webm": ("webm", "libopus"),
    "mkv": ("matroska", "aac"),
    "mkv pcm": ("matroska", "pcm_s16le"),
    "mp4": ("mp4", "aac"),
    "mov": ("mov", "pcm_s16le"),
    "ts": ("mpegts", "aac"),
}


@pytest.mark.parametrize("name", VIDEOS)
def test_the_sound_of_a_video_may_begin_late_end_early_and_pause(speech: Any, name: str) -> None:
    whole = load_audio(video(speech, *VIDEOS[name])).array
    assert len(whole) == pytest.approx(len(speech), abs=3000)
    late = load_audio(video(speech, *VIDEOS[name], begin=3.0)).array
    assert len(late) == pytest.approx(len(whole), abs=3000)
    pausing = load_audio(video(speech, *VIDEOS[name], gap=(1.0, 2.0))).array
    assert len(pausing) == pytest.approx(len(speech) - 16_000, abs=3000)


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name not in STATES_NO_SIZE])
def test_a_file_that_is_cut_short_is_refused_wherever_it_was_cut(speech: Any, name: str) -> None:
    content = encoded(speech[:16_000], *CONTAINERS[name])
    for share in (0.02, 0.4, 0.75, 0.97):
        with pytest.raises(MediaError) as raised:
            load_audio(content[: int(share * len(content))])
        assert raised.value.code in ("decode_failed", "empty", "unsupported_media")
        assert "codes" not in str(raised.value)


@pytest.mark.parametrize("container", ["webm", "matroska"])
def test_a_live_recording_states_no_size_and_is_cut_where_its_last_part_is(
    speech: Any, container: str
) -> None:
    class Pipe(io.RawIOBase):
        """What cannot be gone back in, as a browser or a socket writes."""

        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, part: Any) -> int:
            self.content += bytes(part)
            return len(part)

    pipe = Pipe()
    with av.open(pipe, "w", format=container) as output:
        stream: Any = output.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(speech[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, context.layout, 48_000, context.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))
    assert len(load_audio(pipe.content).array) == pytest.approx(len(speech), abs=3000)
    with pytest.raises(MediaError, match="is cut short"):
        load_audio(pipe.content[:-50])


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0x7FFFFFFF])
def test_a_wav_whose_writer_could_not_go_back_is_whole(speech: Any, size: int) -> None:
    content = wav(speech)
    place = content.index(b"data") + 4
    streamed = altered(altered(content, place, struct.pack("<I", size)), 4, struct.pack("<I", size))
    np.testing.assert_array_equal(load_audio(streamed).array, load_audio(content).array)


@pytest.mark.parametrize(
    "arguments",
    [{"format": "RF64"}, {"format": "W64"}, {"format": "WAVEX"}, {"format": "AIFF"}, {"format": "CAF"},
     {"format": "AU"}, {"format": "AIFF", "endian": "LITTLE"}],
    ids=lambda arguments: "-".join(arguments.values()),
)  # fmt: skip
def test_relatives_of_wav_hold_the_same_samples(speech: Any, arguments: Any) -> None:
    file = io.BytesIO()
    soundfile.write(file, speech, 16_000, "PCM_16", **arguments)
    np.testing.assert_array_equal(load_audio(file.getvalue()).array, load_audio(wav(speech)).array)
    with pytest.raises(MediaError, match="is cut short"):
        load_audio(file.getvalue()[:-2])


@pytest.mark.parametrize("name", ["flac", "adts", "mp3", "wav", "aiff"])
def test_a_tag_may_stand_before_any_recording(speech: Any, name: str) -> None:
    content = encoded(speech[:16_000], *CONTAINERS[name])
    tag = b"ID3\x04\0\0\0\0\x10\0" + bytes(2048)
    for tags in (tag, tag + tag):
        np.testing.assert_array_equal(load_audio(tags + content).array, load_audio(content).array)
    np.testing.assert_array_equal(load_audio(content + b"TAG" + bytes(125)).array, load_audio(content).array)


@pytest.mark.parametrize(("container", "codec"), [("amr", "libopencore_amrnb"), ("3gp", "libopencore_amrnb")])
def test_what_telephones_record_is_heard(speech: Any, container: str, codec: str) -> None:
    assert len(load_audio(encoded(speech, container, codec, 8_000)).array) == pytest.approx(
        len(speech), abs=3000
    )


def test_a_recording_of_an_answering_machine_is_heard(speech: Any) -> None:
    sample = load_audio(wav(speech, subtype="GSM610"))
    assert len(sample.array) == pytest.approx(len(speech), abs=400)


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


def altered(content: bytes, place: int, change: bytes) -> bytes:
    return content[:place] + change + content[place + len(change) :]


def bad_inputs(speech: Any) -> dict[str, tuple[bytes, str, str]]:
    flac = encoded(speech, "flac", "flac", 16_000)
    nan = np.where(np.arange(speech.size) == 999, np.nan, speech)
    return {
        "text": (b"This is a letter, and no recording.", "unsupported_media", "is not a recording; use wav"),
        "nothing": (b"", "empty", "there is nothing in it"),
        "no sound": (video(None), "unsupported_media", "is a video without sound"),
        "zero samples": (wav(speech[:0]), "empty", "there is no sound in it"),
        "nan": (wav(nan, subtype="FLOAT"), "decode_failed", "holds values that are not numbers"),
        "3 hours": (long_wav(3 * 3600), "duration_limit", "180 min long; at most 10 min are allowed"),
        "96 channels": (wav(np.zeros((999, 96))), "channel_limit", "96 channels; at most 8 are allowed"),
        "truncated flac": (flac[: len(flac) // 2], "decode_failed", "is damaged|is cut short"),
        "truncated wav": (wav(speech)[:40_000], "decode_failed", "is cut short: only 1.2 s of it are there"),
        "header alone": (wav(speech)[:30], "decode_failed", "is damaged and cannot be decoded"),
        "wrong codec": (
            encoded(speech, "matroska", "wavpack", 16_000),
            "unsupported_media",
            "coded as wavpack; use",
        ),
        "big-endian": (
            b"RIFX" + wav(speech)[4:],
            "unsupported_media",
            "holds big-endian WAV sound, which is",
        ),
        "wrong kind": (
            b"wvpk" + bytes(99),
            "unsupported_media",
            "holds WavPack sound, which is not read; use",
        ),
        "no channels": (altered(wav(speech), 22, b"\0\0"), "decode_failed", "is damaged"),
        "other rate": (
            altered(wav(speech), 24, b"\x80\xbb"),
            "decode_failed",
            "states 1 channels of 16 bits at",
        ),
        "slow": (wav(speech, 1_000), "unsupported_media", "1,000 samples a second; 4,000 to 192,000"),
    }


@pytest.mark.parametrize("name", bad_inputs(np.zeros(16_000, np.float32)))
def test_what_is_no_recording_is_refused_in_words(speech: Any, name: str) -> None:
    content, code, words = bad_inputs(speech)[name]
    with pytest.raises(MediaError, match=words) as raised:
        load_audio(content)
    assert raised.value.code == code


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
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
    with pytest.raises(MediaError, match=r"at most 1(\.00)? s"):
        load_audio(live, AudioLimits(max_seconds=1.0))
    with pytest.raises(MediaError, match=r"at most 1(\.00)? s"):
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
        (b"\0\0\0\x1cftyp3gp4", "mov"),
        (b"\0\0\0\x08wide\0\0", "mov"),
        (b"FORM\0\0\0\0AIFC", "aiff"),
        (b"FORM\0\0\0\0ILBM", None),
        (b"RIFX\0\0\0\0WAVE", None),
        (b"RIFF\0\0\0\0AVI ", "avi"),
        (b"#!AMR-WB\n", "amr"),
        ((b"G" + bytes(187)) * 3, "mpegts"),
        ((bytes(4) + b"G" + bytes(187)) * 3, "mpegts"),
        (b"Good evening, ladies and gentlemen" * 9, None),
        (b"ID3\4\0\0\0\0\0\4" + bytes(4) + b"fLaC" + bytes(8), "flac"),
        (b"ID3\4\0\0\0\0\7\4" + bytes(9), "mp3"),
        (b"\xff\xf5\xe8\xc4", "mp3"),
        (b"\xff\xf1\x60\x40", "aac"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"\xff\xfe\x41\x00", None),
        (b"", None),
    ],
)
def test_content_tells_what_it_is(head: bytes, expected: str | None) -> None:
    assert audio_container(head) == expected


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_mono_that_was_taken_for_stereo_is_refused(speech: Any, rate: int) -> None:
    mono = np.convolve(speech, np.hanning(9)[1:-1] / 4, "same")[: len(speech) // 2 * 2]
    with pytest.raises(MediaError, match="mono that was taken for stereo"):
        load_audio(Sample(mono.reshape(-1, 2), {"sample_rate": rate}))


@pytest.mark.parametrize("delay", [0, 1, 7])
def test_channels_of_one_source_are_stereo(speech: Any, delay: int) -> None:
    noise = 1e-4 * np.random.default_rng(0).standard_normal((len(speech), 2))
    both = np.stack([speech, 0.8 * np.roll(speech, delay)], axis=1) + noise
    assert load_audio(Sample(both, {"sample_rate": 16_000})).metadata["channels"] == 2
    assert load_audio(Sample(both[:, ::-1], {"sample_rate": 16_000})).metadata["channels"] == 2


def test_a_channel_that_hisses_beside_a_soft_one_is_stereo(speech: Any) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(len(speech))
    both = np.stack([hiss, 0.05 * speech / np.abs(speech).max()], axis=1)
    assert load_audio(Sample(both, {"sample_rate": 16_000})).metadata["channels"] == 2
    assert load_audio(Sample(both[:, ::-1], {"sample_rate": 16_000})).metadata["channels"] == 2


@pytest.mark.parametrize("tag", [3, 0xFFFE])
def test_a_coding_that_nobody_knows_is_named(tag: int) -> None:
    header = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 32_036, b"WAVE", b"fmt ", 16, tag, 1, 16_000, 32_000, 2, 16
    )
    with pytest.raises(MediaError, match="coding of sound that nobody knows"):
        load_audio(header + struct.pack("<4sI", b"data", 32_000) + bytes(32_000))
