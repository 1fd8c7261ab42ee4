"""What bends, blurs or resamples a picture: float32, (H, W, 3), RGB, display values or light alike."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike

from antispoof.sensing.jpeg import decode_jpeg
from antispoof.simulation.face.tone import Picture

__all__ = ["blur", "jpeg", "motion_blur", "resize", "warp"]


def blur(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur with ``sigma`` in pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32) if sigma > 0.05 else picture


def defocus(picture: Picture, radius: float) -> Picture:
    """Blur by a disc of ``radius`` pixels, as a lens that is out of focus does."""
    size = 2 * int(np.ceil(radius)) + 1
    y, x = np.mgrid[:size, :size] - size // 2
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(
        cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32
    )


def motion_blur(picture: Picture, length: float, angle: float) -> Picture:
    """Blur along a line of ``length`` pixels at ``angle`` radians."""
    size = 2 * max(1, round(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    dx, dy = middle * np.cos(angle), middle * np.sin(angle)
    cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1.0)
    return np.asarray(
        cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32
    )


def resize(picture: Picture, width: int, height: int) -> Picture:
    """Resample: shrinking averages areas, enlarging is bilinear."""
    shrinking = width < picture.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.float32)


def warp(picture: Picture, homography: MatLike, width: int, height: int) -> Picture:
    """Apply a 3 × 3 homography; what lies outside repeats the edge."""
    return np.asarray(
        cv2.warpPerspective(
            picture, homography, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.float32,
    )


def jpeg(picture: Picture, quality: int, chroma_subsampling: bool = True) -> Picture:
    """Compress and decompress display values as JPEG at ``quality`` 1..100, 4:2:0 or 4:4:4."""
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if chroma_subsampling else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    )
    bgr = cv2.cvtColor(np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(
        ".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    )
    return np.asarray(decode_jpeg(data.tobytes()), np.float32) / np.float32(255)
