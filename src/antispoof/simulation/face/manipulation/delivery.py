"""How a picture reaches the judge: resized, compressed, sent on, filmed. Bona fide and forged alike."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.media import load_image
from antispoof.simulation.face.optics import jpeg
from antispoof.simulation.face.tone import Picture

__all__ = ["DELIVERIES", "deliver", "filmed", "webp"]

Image = NDArray[np.uint8]

SMALLEST_FACE = 96  # px, to which a delivery may shrink a face


def _resized(image: Image, scale: float, how: int) -> Image:
    size = (max(16, round(image.shape[1] * scale)), max(16, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _jpeg(image: Image, quality: int, chroma_subsampling: bool = True) -> Image:
    picture: Picture = np.asarray(image, np.float32) / np.float32(255)
    return np.asarray(jpeg(picture, quality, chroma_subsampling) * 255 + 0.5, np.uint8)


def webp(image: Image, quality: int) -> Image:
    """Compress as WebP and decompress."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return load_image(data.tobytes())


def filmed(image: Image, rate_factor: int) -> Image:
    """Encode one key frame of H.264 and decode it again; sides become even."""
    even = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = even.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"crf": str(rate_factor), "preset": "ultrafast"}
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(even, format="rgb24")), *encoder.encode()]
    decoder: Any = av.CodecContext.create("h264", "r")
    frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    return np.asarray(frames[0].to_ndarray(format="rgb24"), np.uint8)


def _taught(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """Perhaps resized, a JPEG, sent on by a messenger, or a frame of H.264; a tenth of them as they are."""
    drawn = rng.random()
    if drawn < 0.1:
        return image
    if rng.random() < 0.5:
        image = _resized(image, rng.uniform(min(0.95, SMALLEST_FACE / face_side), 1.3), cv2.INTER_AREA)
    if drawn < 0.3:
        return filmed(image, int(rng.integers(18, 34)))
    image = _jpeg(image, int(rng.integers(45, 98)), rng.random() < 0.7)
    if drawn < 0.55:  # a messenger: smaller, and compressed once more
        image = _resized(image, rng.uniform(0.6, 1.0), cv2.INTER_LINEAR)
        image = _jpeg(image, int(rng.integers(55, 85)))
    return image


def _held_out(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """Perhaps resized by Lanczos' filter, then WebP; of a third resized and compressed once more."""
    if rng.random() < 0.5:
        image = _resized(image, rng.uniform(min(0.95, SMALLEST_FACE / face_side), 1.3), cv2.INTER_LANCZOS4)
    image = webp(image, int(rng.integers(50, 96)))
    if rng.random() < 0.33:
        image = _resized(image, rng.uniform(0.6, 1.0), cv2.INTER_LANCZOS4)
        image = webp(image, int(rng.integers(50, 90)))
    return image


DELIVERIES = {"taught": _taught, "held_out": _held_out}


def deliver(image: Image, face_side: float, rng: np.random.Generator, family: str = "taught") -> Image:
    """Send a picture the way that ``rng`` draws.

    Args:
        image: uint8, (H, W, 3), RGB.
        face_side: longer side of the face in it, in pixels.
        rng: draws codec, sizes and qualities.
        family: of codecs: ``taught`` or ``held_out``.
    """
    return DELIVERIES[family](image, face_side, rng)
