"""How a picture reaches the judge: handled, resized, compressed, sent on, filmed; all kinds alike."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.media import load_image
from antispoof.simulation.face.optics import blur, jpeg, resize
from antispoof.simulation.face.tone import Picture

__all__ = ["DELIVERIES", "Image", "deliver", "filmed", "jpeg_2000", "webp"]

Image = NDArray[np.uint8]

LAMBDA = 118  # of FFmpeg, a step of the quantiser of MPEG-4
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


def jpeg_2000(image: Image, quality: int) -> Image:
    """Compress as JPEG 2000 and decompress; a quality of 30 keeps 1.1 bits a pixel, one of 95 keeps 11."""
    rate = round(1000 * (quality / 140) ** 2)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jp2", bgr, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, rate])
    return load_image(data.tobytes())


def filmed(image: Image, rate_factor: int) -> Image:
    """Encode one key frame of H.264 and decode it again; sides become even."""
    return _key_frame(image, "libx264", "h264", {"crf": str(rate_factor), "preset": "ultrafast"})


def _key_frame(image: Image, encoded: str, decoded: str, options: dict[str, str]) -> Image:
    even = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
    encoder: Any = av.CodecContext.create(encoded, "w")
    encoder.height, encoder.width = even.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = options
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(even, format="rgb24")), *encoder.encode()]
    decoder: Any = av.CodecContext.create(decoded, "r")
    frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    return np.asarray(frames[0].to_ndarray(format="rgb24"), np.uint8)


def _handled(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """What cameras, programs and the sizes of windows do to a picture as a whole, each now and then."""
    picture: Picture = np.asarray(image, np.float32) / np.float32(255)
    height, width = image.shape[:2]
    if rng.random() < 0.2:  # taken small, and enlarged
        small = min(1.0, rng.uniform(48, 110) / face_side)
        how = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
        picture = resize(picture, max(16, round(width * small)), max(16, round(height * small)))
        if rng.random() < 0.5:
            picture = jpeg(picture, int(rng.integers(50, 95)))
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.float32)
    if rng.random() < 0.2:
        picture = np.asarray(cv2.bilateralFilter(picture, 5, rng.uniform(0.02, 0.1), 2.0), np.float32)
    if rng.random() < 0.25:
        radius, amount = rng.uniform(0.7, 2.0), np.float32(rng.uniform(0.2, 1.5))
        picture = picture + amount * (picture - blur(picture, radius))
    if rng.random() < 0.15:
        picture = blur(picture, rng.uniform(0.4, 1.2))
    if rng.random() < 0.2:
        grain = rng.standard_normal(picture.shape, np.float32)
        picture = picture + np.float32(rng.uniform(0.003, 0.02)) * grain
    if rng.random() < 0.3:
        picture = np.clip(picture, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    return np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)


def _taught(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """Perhaps resized, a JPEG, sent on by a messenger, or a frame of H.264; a tenth of them as they are."""
    if rng.random() < 0.5:
        image = _handled(image, face_side, rng)
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


def _tried(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """Handled alike, then JPEG 2000, a key frame of MPEG-4 or VP9, or one after the other."""
    if rng.random() < 0.5:
        image = _handled(image, face_side, rng)
    if rng.random() < 0.5:
        image = _resized(image, rng.uniform(min(0.95, SMALLEST_FACE / face_side), 1.3), cv2.INTER_CUBIC)
    drawn = rng.random()
    if drawn < 0.6:
        image = jpeg_2000(image, int(rng.integers(30, 96)))
    if drawn < 0.2:
        image = _resized(image, rng.uniform(0.6, 1.0), cv2.INTER_CUBIC)
    if 0.2 <= drawn < 0.6:
        return image
    if drawn < 0.7:
        step = str(LAMBDA * int(rng.integers(2, 9)))
        return _key_frame(image, "mpeg4", "mpeg4", {"flags": "qscale", "global_quality": step})
    speed = {"deadline": "realtime", "cpu-used": "8"}
    return _key_frame(image, "libvpx-vp9", "vp9", {"crf": str(rng.integers(15, 45)), "b": "0", **speed})


def _held_out(image: Image, face_side: float, rng: np.random.Generator) -> Image:
    """Perhaps resized by Lanczos' filter, then WebP; of a third resized and compressed once more."""
    if rng.random() < 0.5:
        image = _resized(image, rng.uniform(min(0.95, SMALLEST_FACE / face_side), 1.3), cv2.INTER_LANCZOS4)
    image = webp(image, int(rng.integers(50, 96)))
    if rng.random() < 0.33:
        image = _resized(image, rng.uniform(0.6, 1.0), cv2.INTER_LANCZOS4)
        image = webp(image, int(rng.integers(50, 90)))
    return image


DELIVERIES = {"taught": _taught, "tried": _tried, "held_out": _held_out}


def deliver(image: Image, face_side: float, rng: np.random.Generator, family: str = "taught") -> Image:
    """Send a picture the way that ``rng`` draws.

    Args:
        image: uint8, (H, W, 3), RGB.
        face_side: longer side of the face in it, in pixels.
        rng: draws codec, sizes and qualities.
        family: of codecs: ``taught``, ``tried`` or ``held_out``.
    """
    return DELIVERIES[family](image, face_side, rng)
