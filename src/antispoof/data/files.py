"""Look into the files a manifest names: can they be read, and what do they measure and look like?

Files are read as the product reads them, by the modality whose column they stand in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError, MediaError
from antispoof.sensing.audio import RATE, load_audio
from antispoof.sensing.capture import Sample
from antispoof.sensing.containers import FILM_SUFFIXES, SOUND_SUFFIXES
from antispoof.sensing.content import content_of
from antispoof.sensing.media import load_picture
from antispoof.sensing.modalities import modalities

__all__ = ["IMAGE_SUFFIXES", "MEDIA_SUFFIXES", "FileFacts", "inspect_file", "picture_of", "read_file"]

IMAGE_SUFFIXES = frozenset(
    {
        *(".bmp", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
        *(".tif", ".tiff", ".webp"),
    }
)
MEDIA_SUFFIXES = IMAGE_SUFFIXES | {*SOUND_SUFFIXES, *FILM_SUFFIXES, ".npy"}
"""Suffixes of the files that can be looked into."""

NEAR_MM = 400  # of the depth that a picture shows
WARM_C = (15.0, 38.0)  # of the heat that a picture shows


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


def read_file(file: CaptureFile, modality: str) -> Sample:
    """Read a file as its modality does; where there is no such modality, as a picture or a recording.

    Raises:
        MediaError: it cannot be read; the message names the file.
    """
    try:
        if modality in modalities:
            return modalities[modality].load(file.recording)
        return (load_audio if content_of(file.path) == "sound" else load_picture)(file.recording)
    except MediaError:
        raise
    except InputError as error:  # a unit that its modality does not know
        raise MediaError("unsupported_media", f"{file.path}: {error}") from None


def inspect_file(file: CaptureFile, modality: str = "") -> FileFacts:
    """Read a file and measure it.

    Raises:
        MediaError: it cannot be read; the message names the file.
    """
    sample = read_file(file, modality)
    with file.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
    digest.update(repr(file.frames).encode())
    array, about = sample.array, sample.metadata
    measured: dict[str, float] = {"file_bytes": file.path.stat().st_size}
    if array.ndim == 1:
        power = float(np.mean(np.square(array, dtype=np.float64)))
        measured |= {
            "duration_s": len(array) / RATE,
            "sample_rate_hz": about["source_rate"],
            "level_db": 10 * float(np.log10(power + 1e-10)),
        }
    else:
        height, width = (side * sample.reduced for side in array.shape[:2])
        known = array[np.isfinite(array)]
        measured |= {
            "width_px": width,
            "height_px": height,
            "aspect": width / height,
            "brightness": float(known.mean()) if known.size else 0.0,
            "contrast": float(known.std()) if known.size else 0.0,
        }
        if "seconds" in about:
            measured |= {"duration_s": about["seconds"], "frames": about["frames"]}
    return FileFacts(digest.hexdigest(), measured)


def picture_of(file: CaptureFile, side: int, modality: str = "") -> NDArray[np.uint8]:
    """Return the file as a picture for people: uint8, (side, side, 3), RGB.

    Colour and 8-bit grey stay. Measurements get a colour scale: of ``face_depth`` the nearest 400 mm, of
    ``face_thermal`` 15 to 38 °C, else from the 2nd to the 98th percentile; what was not measured is black.
    Sound becomes a spectrogram, 0–8 kHz, 70 dB.

    Raises:
        MediaError: the file cannot be read.
    """
    import cv2

    sample = read_file(file, modality)
    array = _spectrogram(sample.array) if sample.array.ndim == 1 else sample.array
    if array.ndim == 2 and array.dtype != np.uint8:
        known = np.isfinite(array) & (array != 0)
        low, high = np.percentile(array[known], (2, 98)) if known.any() else (0.0, 1.0)
        if sample.metadata.get("settled") and modality == "face_depth":
            high = low + NEAR_MM
        elif sample.metadata.get("settled") and modality == "face_thermal":
            low, high = WARM_C
        scaled = np.clip((np.nan_to_num(array) - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
        array = np.where(known[..., None], cv2.applyColorMap(scaled, cv2.COLORMAP_TURBO)[..., ::-1], 0)
    elif array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    picture: Any = np.ascontiguousarray(array.astype(np.uint8))
    scale = side / max(picture.shape[:2])
    width, height = (max(1, round(n * scale)) for n in picture.shape[1::-1])
    small: Any = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    canvas = np.full((side, side, 3), 24, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = small
    return canvas


def _spectrogram(samples: NDArray[Any]) -> NDArray[np.uint8]:
    length = 512
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: max(1, len(padded) // 256)]
    power = np.abs(np.fft.rfft(frames * np.hanning(length))) ** 2
    decibel = 10 * np.log10(power[:, : length // 2].T[::-1] + 1e-12)
    return np.asarray(np.clip((decibel - decibel.max() + 70) / 70 * 255, 0, 255), np.uint8)
