"""How a picture has to be turned to be upright."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["exif_orientation", "upright"]


def exif_orientation(exif: bytes) -> int:
    """Find the orientation (tag 0x0112, 1 to 8) in an EXIF block; 1 where it is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(entries):
            tag, value = struct.unpack_from(order + "H6xH", exif, start + 2 + 12 * entry)
            if tag == 0x0112:
                return int(value)
    except struct.error:
        pass
    return 1


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a picture (H, W, …) as its EXIF orientation, 1 to 8, asks for; any other number means 1."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
