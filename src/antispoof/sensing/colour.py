"""Colours as an ICC profile means them → sRGB, which is what networks were trained on."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["to_srgb"]

MAX_PROFILE_BYTES = 4 * 2**20
SAME = 3  # of 255: profiles that call themselves sRGB differ by as much through rounding


def to_srgb(picture: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """Convert a picture to sRGB.

    Args:
        picture: uint8: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, 255 full ink.
        profile: the ICC profile that came with it. None, a damaged one, one for other channels and one that
            means sRGB anyway leave grey and RGB as they are.

    Returns:
        uint8, (H, W, 3), RGB.
    """
    mode = {2: "L", 3: "RGB"}[picture.ndim] if picture.shape[2:] != (4,) else "CMYK"
    transform = _transform(profile, mode) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    if transform is not None:
        from PIL import Image, ImageCms

        image = Image.frombuffer(mode, picture.shape[1::-1], np.ascontiguousarray(picture), "raw", mode, 0, 1)
        return np.asarray(ImageCms.applyTransform(image, transform), np.uint8)
    if mode == "L":
        return np.repeat(picture[:, :, None], 3, axis=2)
    if mode == "CMYK":
        from PIL import Image

        return np.asarray(Image.fromarray(np.ascontiguousarray(picture), "CMYK").convert("RGB"), np.uint8)
    return picture


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    """Return the conversion of a profile to sRGB; None where there is none, or none is needed."""
    from PIL import Image, ImageCms

    try:
        made: Any = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
        )
    except Exception:  # untrusted bytes: a profile that cannot be used is one that is not there
        return None
    if mode == "CMYK":
        return made
    steps = np.linspace(0, 255, 256 if mode == "L" else 9).round().astype(np.uint8)
    if mode == "L":
        probe = Image.fromarray(steps[None])
        meant = np.repeat(steps[None, :, None], 3, axis=2)
    else:
        meant = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(meant)
    got = np.asarray(ImageCms.applyTransform(probe, made), int)
    return made if np.abs(got - meant).max() > SAME else None
