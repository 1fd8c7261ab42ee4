"""Look into the files a manifest names: can they be decoded, and what do they measure and look like?

This looks at files of every kind, whatever modality they serve, to judge a collection. What a network is
trained on is read by the modalities, not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.data.presentation import CaptureFile
from antispoof.errors import MediaError

__all__ = ["IMAGE_SUFFIXES", "MEDIA_SUFFIXES", "FileFacts", "inspect_file", "picture_of"]

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_AUDIO_SUFFIXES = frozenset({".aiff", ".flac", ".mp3", ".ogg", ".opus", ".wav"})
_VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
_ARRAY_SUFFIXES = frozenset({".npy"})
MEDIA_SUFFIXES = IMAGE_SUFFIXES | _AUDIO_SUFFIXES | _VIDEO_SUFFIXES | _ARRAY_SUFFIXES
"""Suffixes of the files that can be looked into."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds.

    Attributes:
        digest: SHA-256 of the bytes and of the frame range, hexadecimal.
        measurements: plain numbers by name, unit in the name: what a network could learn instead of the
            attack.
    """

    digest: str
    measurements: Mapping[str, float]


def inspect_file(file: CaptureFile) -> FileFacts:
    """Decode a file to its end and measure it.

    Raises:
        MediaError: ``not_found``, ``empty``, ``unsupported_media`` or ``decode_failed``; the message names
            the file.
    """
    path = file.path
    if not path.is_file():
        raise MediaError("not_found", f"{path}: no such file")
    size = path.stat().st_size
    if size == 0:
        raise MediaError("empty", f"{path}: the file is empty")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    digest.update(repr(file.frames).encode())
    array, rate, count = _decode(file)
    measured: dict[str, float] = {"file_bytes": size}
    if path.suffix.lower() in _AUDIO_SUFFIXES:
        measured |= {
            "duration_s": count / rate,
            "sample_rate_hz": rate,
            "level_db": 10 * float(np.log10(np.mean(np.square(array, dtype=np.float64)) + 1e-10)),
        }
    elif array.ndim >= 2:
        height, width = array.shape[:2]
        measured |= {
            "width_px": width,
            "height_px": height,
            "aspect": width / height,
            "brightness": float(np.nanmean(array)),
            "contrast": float(np.nanstd(array)),
        }
        if path.suffix.lower() in _VIDEO_SUFFIXES:
            measured |= {"duration_s": count / rate if rate else 0.0, "frames": count}
    return FileFacts(digest.hexdigest(), measured)


def picture_of(file: CaptureFile, side: int, modality: str = "") -> NDArray[np.uint8]:
    """Return the file as a picture for people: uint8, (side, side, 3), RGB.

    Colour stays. Single-channel data of more than 8 bits gets a colour scale: of ``face_depth`` the nearest
    400 mm, of ``face_thermal`` 15 to 38 °C where it is in hundredths of a kelvin, else from the 2nd to the
    98th percentile; zeros are black. Audio becomes a spectrogram, 0–8 kHz, 70 dB.

    Raises:
        MediaError: the file cannot be decoded.
    """
    import cv2

    array, rate, _ = _decode(file)
    if file.path.suffix.lower() in _AUDIO_SUFFIXES:
        array = _spectrogram(array, rate)
    if array.ndim == 1:
        raise MediaError("unsupported_media", f"{file.path}: an array of shape {array.shape} is no picture")
    if array.ndim == 2 and array.dtype != np.uint8:
        known = np.isfinite(array) & (array != 0)
        low, high = np.percentile(array[known], (2, 98)) if known.any() else (0.0, 1.0)
        if modality == "face_depth":
            high = low + 400
        elif modality == "face_thermal" and low > 20000:
            low, high = 28815, 31115
        scaled = np.clip((np.nan_to_num(array) - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
        array = np.where(known[..., None], cv2.applyColorMap(scaled, cv2.COLORMAP_TURBO)[..., ::-1], 0)
    elif array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    picture: Any = np.ascontiguousarray(array[..., :3].astype(np.uint8))
    scale = side / max(picture.shape[:2])
    width, height = (max(1, round(n * scale)) for n in picture.shape[1::-1])
    small: Any = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    canvas = np.full((side, side, 3), 24, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = small
    return canvas


def _decode(file: CaptureFile) -> tuple[NDArray[Any], float, int]:
    """Return (array, rate in Hz, number of frames or samples); of a video, the first frame in range."""
    suffix = file.path.suffix.lower()
    readers = (
        (IMAGE_SUFFIXES, _image),
        (_AUDIO_SUFFIXES, _audio),
        (_VIDEO_SUFFIXES, _video),
        (_ARRAY_SUFFIXES, _array),
    )
    for suffixes, reader in readers:
        if suffix in suffixes:
            try:
                array, rate, count = reader(file)
            except MediaError:
                raise
            except Exception as error:  # decoders raise whatever they like on damaged files
                raise MediaError("decode_failed", f"{file.path}: cannot be decoded: {error}") from None
            if array.size == 0 or count == 0:
                raise MediaError("decode_failed", f"{file.path}: holds no frame or sample")
            if file.frames is not None and file.frames[1] > count:
                first, stop = file.frames
                raise MediaError("decode_failed", f"{file.path}: frames {first}:{stop} wanted, {count} there")
            return array, rate, count
    known = ", ".join(sorted(MEDIA_SUFFIXES))
    raise MediaError("unsupported_media", f"{file.path}: suffix {suffix!r} is not one of {known}")


def _image(file: CaptureFile) -> tuple[NDArray[Any], float, int]:
    from PIL import Image

    with Image.open(file.path) as image:
        image.load()
        plain = image if image.mode in ("L", "I;16", "I", "F") else image.convert("RGB")
        return np.asarray(plain), 0.0, 1


def _audio(file: CaptureFile) -> tuple[NDArray[Any], float, int]:
    import soundfile

    samples, rate = soundfile.read(file.path, dtype="float32", always_2d=True)
    first, stop = file.frames or (0, len(samples))
    return samples.mean(axis=1)[first:stop], float(rate), len(samples)


def _video(file: CaptureFile) -> tuple[NDArray[Any], float, int]:
    import av

    picture: NDArray[Any] = np.zeros((0, 0, 3), np.uint8)
    count = 0
    wanted = file.frames[0] if file.frames else 0
    with av.open(str(file.path)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        for frame in container.decode(stream):
            if count == wanted:
                picture = frame.to_ndarray(format="rgb24")
            count += 1
    return picture, rate, count


def _array(file: CaptureFile) -> tuple[NDArray[Any], float, int]:
    array = np.load(file.path, allow_pickle=False)
    return array, 0.0, 1 if array.ndim <= 3 else len(array)


def _spectrogram(samples: NDArray[Any], rate: float) -> NDArray[np.uint8]:
    length = 512
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: max(1, len(padded) // 256)]
    power = np.abs(np.fft.rfft(frames * np.hanning(length))) ** 2
    upper = max(2, int(length * min(8000, rate / 2) / rate))
    decibel = 10 * np.log10(power[:, :upper].T[::-1] + 1e-12)
    return np.asarray(np.clip((decibel - decibel.max() + 70) / 70 * 255, 0, 255), np.uint8)
