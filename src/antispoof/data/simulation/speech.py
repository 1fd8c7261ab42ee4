"""Spoofed speech: copy synthesis, text to speech with the engines of this machine, replay, and codecs.

Every function takes and returns float32 samples, shape (N,), in [-1, 1], at 16 kHz, and is decided by its
generator alone. Bona fide and spoofed speech go through one path at the end (`finish`): the same band,
level, edges and codecs, because else sample rate or loudness gives the class away.

Sources:
    Griffin, Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 1984.
    Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 1975.
    Allen, Berkley, "Image method for efficiently simulating small-room acoustics", JASA 1979.
    Morise, Yokomori, Ozawa, "WORLD", IEICE Trans. 2016 (where the pyworld package is installed).
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError, UnknownNameError

__all__ = [
    "CODECS",
    "COPIES",
    "ENGINES",
    "RATE",
    "copy_speech",
    "engines_found",
    "finish",
    "read_speech",
    "replay",
    "speak",
    "through_codec",
]

RATE = 16000
"""Samples a second of everything here."""

Speech = NDArray[np.float32]
Rng = np.random.Generator

_FFT, _HOP = 512, 128
_SHORTEST = RATE // 4
_LEVEL_DB = -26.0
"""Root mean square of finished speech, relative to full scale: the nominal level of ITU-T P.56 tests."""


def read_speech(path: Path) -> Speech:
    """Read an audio file as mono at 16 kHz.

    Raises:
        MediaError: it cannot be decoded, or is shorter than a quarter of a second.
    """
    import soundfile
    import soxr

    if not path.is_file():
        raise MediaError("not_found", f"{path}: no such file")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise MediaError("decode_failed", f"{path}: cannot be decoded: {error}") from None
    mono = np.asarray(soxr.resample(samples.mean(axis=1), rate, RATE), np.float32)
    if len(mono) < _SHORTEST or not np.isfinite(mono).all():
        raise MediaError("empty", f"{path}: holds {len(mono) / RATE:.2f} s of speech, 0.25 s are needed")
    return mono


def finish(samples: Speech) -> Speech:
    """Bring speech into the form that both classes share: 60 to 7600 Hz, silent edges cut, -26 dB.

    Raises:
        InputError: nothing is left, or it is silent.
    """
    spectrum = np.fft.rfft(samples)
    f = np.fft.rfftfreq(len(samples), 1 / RATE)
    band = np.clip((f - 50) / 30, 0, 1) * np.clip((7700 - f) / 200, 0, 1)
    clean = np.fft.irfft(spectrum * band, len(samples))
    frames = np.lib.stride_tricks.sliding_window_view(clean, 400)[::160] if len(clean) >= 400 else clean[None]
    loud = np.sqrt(np.mean(frames**2, axis=1))
    if loud.max() < 1e-5:
        raise InputError("the speech is silent")
    active = np.flatnonzero(loud > loud.max() * 10 ** (-35 / 20))
    clean = clean[active[0] * 160 : active[-1] * 160 + 400]
    level = np.sqrt(np.mean(clean**2))
    return np.asarray(np.clip(clean * 10 ** (_LEVEL_DB / 20) / level, -1, 1), np.float32)


# -- copy synthesis --------------------------------------------------------------------------------


def _stft(samples: NDArray[Any]) -> NDArray[Any]:
    padded = np.pad(samples, (_FFT, _FFT))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    return np.fft.rfft(frames * np.hanning(_FFT))


def _istft(spectrum: NDArray[Any], length: int) -> NDArray[Any]:
    window = np.hanning(_FFT)
    frames = np.fft.irfft(spectrum, _FFT) * window
    out = np.zeros(_HOP * (len(frames) - 1) + _FFT)
    weight = np.zeros_like(out)
    for i, frame in enumerate(frames):
        out[i * _HOP : i * _HOP + _FFT] += frame
        weight[i * _HOP : i * _HOP + _FFT] += window**2
    out /= np.maximum(weight, 1e-3)
    return np.pad(out, (0, max(0, _FFT + length - len(out))))[_FFT : _FFT + length]


def _mel_bank(bands: int) -> NDArray[Any]:
    def mel(f: Any) -> Any:
        return 2595 * np.log10(1 + f / 700)

    edges = 700 * (10 ** (np.linspace(mel(40), mel(7600), bands + 2) / 2595) - 1)
    f = np.fft.rfftfreq(_FFT, 1 / RATE)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.asarray(np.clip(np.minimum((f - low) / (mid - low), (high - f) / (high - mid)), 0, None))


def _griffin_lim(samples: Speech, rng: Rng) -> Speech:
    """Keep the mel spectrogram, forget the phase, and guess it back."""
    bank = _mel_bank(int(rng.choice([64, 80, 100])))
    magnitude = np.abs(_stft(samples)) @ bank.T @ np.linalg.pinv(bank).T
    magnitude = np.clip(magnitude, 0, None)
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(int(rng.integers(24, 48))):
        again = _stft(_istft(magnitude * phase, len(samples)))[: len(magnitude)]
        phase = again / np.maximum(np.abs(again), 1e-9)
    return np.asarray(_istft(magnitude * phase, len(samples)), np.float32)


def _source_filter(samples: Speech, rng: Rng) -> Speech:
    """Linear prediction: keep the envelope and the pitch, excite it with pulses and noise."""
    order, length = int(rng.integers(14, 22)), 512
    padded = np.pad(samples, (length, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::_HOP] * np.hanning(length)
    power = np.abs(np.fft.rfft(frames, 2 * length)) ** 2
    correlation = np.fft.irfft(power)[:, :length]
    r = correlation[:, : order + 1].copy()
    r[:, 0] = r[:, 0] * 1.0001 + 1e-9
    a, error = np.zeros((len(r), order + 1)), r[:, 0].copy()
    a[:, 0] = 1
    for i in range(1, order + 1):  # Levinson-Durbin, all frames at once
        k = -np.einsum("ij,ij->i", a[:, :i], r[:, i:0:-1]) / error
        flipped = a[:, i - 1 :: -1] if i > 1 else a[:, :1]
        a[:, 1 : i + 1] += k[:, None] * flipped[:, :i]
        error *= np.clip(1 - k**2, 1e-6, 1)
    shortest, longest = RATE // 400, RATE // 70
    lags = correlation[:, shortest:longest] / np.maximum(correlation[:, :1], 1e-9)
    period = lags.argmax(axis=1) + shortest
    voiced = lags.max(axis=1) > 0.35
    total = _HOP * len(frames) + length
    pulses, noise = np.zeros(total), rng.standard_normal(total)
    position = 0.0
    while position < _HOP * len(frames):
        frame = int(position) // _HOP
        if voiced[frame]:
            pulses[int(position)] = np.sqrt(period[frame])
        position += period[frame] if voiced[frame] else _HOP
    source = np.where(np.repeat(voiced, _HOP), 1.0, 0.0)
    source = np.pad(source, (0, total - len(source)))
    excitation = source * (pulses + 0.08 * noise) + (1 - source) * noise
    spectrum = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(excitation, length)[::_HOP][: len(frames)]
    )
    envelope = np.sqrt(error / length)[:, None] / np.maximum(np.abs(np.fft.rfft(a, length)), 1e-4)
    return np.asarray(
        _istft(spectrum * envelope * np.hanning(length).sum() / length, len(samples)), np.float32
    )


def _world(samples: Speech, rng: Rng) -> Speech:
    """WORLD: pitch, spectral envelope and aperiodicity, and back."""
    import pyworld

    wide = samples.astype(np.float64)
    pitch, times = pyworld.harvest(wide, RATE)
    envelope = pyworld.cheaptrick(wide, pitch, times, RATE)
    aperiodicity = pyworld.d4c(wide, pitch, times, RATE)
    shifted = pitch * 2 ** (rng.normal(0, 0.5) / 12)
    made = np.asarray(pyworld.synthesize(shifted, envelope, aperiodicity, RATE), np.float32)
    return np.pad(made, (0, max(0, len(samples) - len(made))))[: len(samples)]


COPIES: Mapping[str, Callable[[Speech, Rng], Speech]] = MappingProxyType(
    {
        "copy_griffin_lim": _griffin_lim,
        "copy_source_filter": _source_filter,
        **({"copy_world": _world} if importlib.util.find_spec("pyworld") else {}),
    }
)
"""Name → vocoder that takes speech apart and puts it together again."""


def copy_speech(samples: Speech, name: str, rng: Rng) -> Speech:
    """Pass speech through a vocoder; the length stays.

    Raises:
        UnknownNameError: no such vocoder, or its package is not installed; the message lists what there is.
    """
    if name not in COPIES:
        raise UnknownNameError("vocoder", name, COPIES)
    return COPIES[name](samples, rng)


# -- text to speech --------------------------------------------------------------------------------


def _espeak(text: str, out: Path, rng: Rng) -> list[str]:
    voice = str(
        rng.choice(["en-us", "en-gb", "en-gb-scotland", "en-us+f2", "en-us+f4", "en-us+m3", "en-gb+m7"])
    )
    speed, pitch = int(rng.integers(130, 190)), int(rng.integers(25, 75))
    return ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(out), text]


def _flite(text: str, out: Path, rng: Rng) -> list[str]:
    voice = str(rng.choice(["kal", "kal16", "awb", "rms", "slt"]))
    stretch = f"duration_stretch={rng.uniform(0.9, 1.15):.2f}"
    return ["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", str(out)]


def _festival(text: str, out: Path, rng: Rng) -> list[str]:  # noqa: ARG001 - it has its default voice
    source = out.with_suffix(".txt")
    source.write_text(text, encoding="utf-8")
    return ["text2wave", str(source), "-o", str(out)]


def _pico(text: str, out: Path, rng: Rng) -> list[str]:
    return ["pico2wave", "-l", str(rng.choice(["en-US", "en-GB"])), "-w", str(out), text]


_COMMANDS: Mapping[str, tuple[str, Callable[[str, Path, Rng], list[str]]]] = {
    "tts_espeak": ("espeak-ng", _espeak),
    "tts_flite": ("flite", _flite),
    "tts_festival": ("text2wave", _festival),
    "tts_pico": ("pico2wave", _pico),
}
ENGINES = tuple(_COMMANDS)
"""Text-to-speech engines that are used where the machine has them."""


def engines_found() -> tuple[str, ...]:
    """Return the engines whose program is on this machine."""
    return tuple(name for name, (program, _) in _COMMANDS.items() if shutil.which(program))


def speak(text: str, name: str, rng: Rng) -> Speech:
    """Let an engine of this machine speak; the generator draws voice, speed and pitch.

    The version of the engine decides the samples.

    Raises:
        UnknownNameError: no such engine.
        InputError: its program is not installed, or it fails.
    """
    if name not in _COMMANDS:
        raise UnknownNameError("text-to-speech engine", name, _COMMANDS)
    program, command = _COMMANDS[name]
    if shutil.which(program) is None:
        raise InputError(f"{name} needs the program {program!r}, which is not on this machine")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "speech.wav"
        try:
            done = subprocess.run(
                command(text, out, rng), capture_output=True, text=True, check=False, timeout=60
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"{program} took more than 60 s to speak {text[:40]!r}") from None
        if done.returncode or not out.is_file():
            raise InputError(f"{program} failed: {(done.stderr or done.stdout).strip()[:200] or 'no output'}")
        return read_speech(out)


# -- replay ----------------------------------------------------------------------------------------


def replay(samples: Speech, rng: Rng) -> Speech:
    """Play speech through a small loudspeaker into a room and record it again; the length stays."""
    loud = samples / max(float(np.abs(samples).max()), 1e-6)
    drive = rng.uniform(0.3, 1.4)
    bent = np.tanh(drive * (loud + rng.uniform(0.0, 0.12) * loud**2)) / drive
    played = _filtered(bent, _loudspeaker(rng))
    response = _room(rng)
    size = 1 << int(np.ceil(np.log2(len(played) + len(response))))
    heard = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size))[: len(samples)]
    recorded = _filtered(heard, _microphone(rng))
    level = np.sqrt(np.mean(recorded**2)) + 1e-9
    noise = _filtered(rng.standard_normal(len(samples)), _hum)
    noise *= level * 10 ** (-rng.uniform(18, 42) / 20) / (np.sqrt(np.mean(noise**2)) + 1e-9)
    mixed = recorded + noise
    return np.asarray(0.5 * mixed / max(float(np.abs(mixed).max()), 1e-6), np.float32)


def _filtered(samples: NDArray[Any], response: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    """Filter by a magnitude response with the least phase that it allows."""
    size = 1 << int(np.ceil(np.log2(len(samples) + 4096)))
    decibel = response(np.maximum(np.fft.rfftfreq(4096, 1 / RATE), 1.0))
    cepstrum = np.fft.irfft(np.log(10 ** (np.maximum(decibel, -80) / 20)))
    fold = np.zeros(4096)
    fold[0], fold[1:2048], fold[2048] = 1, 2, 1
    impulse = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)))
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(impulse, size))[: len(samples)]


def _loudspeaker(rng: Rng) -> Callable[[NDArray[Any]], Any]:
    low, high = rng.uniform(120, 500), rng.uniform(5000, 9000)
    peaks = [(rng.uniform(500, 6000), rng.normal(0, 4), rng.uniform(0.08, 0.3)) for _ in range(5)]

    def response(f: NDArray[Any]) -> Any:
        gain = -10 * np.log10(1 + (low / f) ** 4) - 10 * np.log10(1 + (f / high) ** 6)
        return gain + sum(g * np.exp(-0.5 * (np.log(f / centre) / width) ** 2) for centre, g, width in peaks)

    return response


def _microphone(rng: Rng) -> Callable[[NDArray[Any]], Any]:
    low, lift = rng.uniform(60, 150), rng.uniform(0, 5)

    def response(f: NDArray[Any]) -> Any:
        return -10 * np.log10(1 + (low / f) ** 2) + lift * np.exp(-0.5 * (np.log(f / 6000) / 0.5) ** 2)

    return response


def _hum(f: NDArray[Any]) -> Any:
    return -10 * np.log10(1 + f / 300)


def _room(rng: Rng) -> NDArray[Any]:
    """Return the impulse response of a shoebox room: image sources, then a tail that fades."""
    size = rng.uniform((2.5, 2.5, 2.3), (7, 6, 3.2))
    microphone = rng.uniform(0.3, 0.7, 3) * size
    direction = rng.standard_normal(3)
    source = microphone + direction / np.linalg.norm(direction) * rng.uniform(0.15, 1.2)
    source = np.clip(source, 0.1, size - 0.1)
    walls = rng.uniform(0.45, 0.85)
    n = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    images = np.where(n % 2 == 0, n * size + source, n * size + size - source)
    distance = np.linalg.norm(images - microphone, axis=1)
    gain = walls ** np.abs(n).sum(axis=1) / np.maximum(distance, 0.1)
    decay = rng.uniform(0.15, 0.6)  # seconds to -60 dB
    out = np.zeros(int(RATE * decay) + 512)
    delay = (distance - distance.min()) / 343 * RATE
    whole = delay.astype(int)
    inside = whole < len(out) - 1
    part = (delay - whole)[inside]
    np.add.at(out, whole[inside], gain[inside] * (1 - part))
    np.add.at(out, whole[inside] + 1, gain[inside] * part)
    time = np.arange(len(out)) / RATE
    tail = rng.standard_normal(len(out)) * 10 ** (-3 * time / decay) * np.clip(time / 0.02, 0, 1)
    return np.asarray(out / gain.max() + 0.02 * walls * tail)


# -- codecs ----------------------------------------------------------------------------------------

CODECS: Mapping[str, tuple[str, str, int, int]] = MappingProxyType(
    {
        "opus_24k": ("libopus", "ogg", 48000, 24000),
        "opus_12k": ("libopus", "ogg", 48000, 12000),
        "mp3_32k": ("libmp3lame", "mp3", 16000, 32000),
        "aac_32k": ("aac", "adts", 16000, 32000),
        "g711_mu": ("pcm_mulaw", "wav", 8000, 64000),
        "g722": ("g722", "wav", 16000, 64000),
    }
)
"""Name → FFmpeg encoder, container, sample rate, bits a second."""


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
            stream: Any = out.add_stream(encoder, rate=rate, layout="mono")
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
