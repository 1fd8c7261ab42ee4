"""NumPy's ``.npy`` files, under limits; nothing is unpickled."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.source import MediaLimits

__all__ = ["read_numpy"]


def read_numpy(content: bytes, name: str, limits: MediaLimits) -> NDArray[Any]:
    """Read an array of numbers.

    Raises:
        MediaError: one picture of it has more pixels than the limits allow.
        Exception: whatever NumPy raises on damage.
    """
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, kind = headers[version](file)
    if math.prod(shape[-2:]) > limits.max_pixels:
        raise MediaError("pixel_limit", f"{name} is of shape {shape}: scale it down")
    if kind.hasobject or math.prod(shape) * kind.itemsize != len(content) - file.tell():
        raise ValueError(f"{kind} of shape {shape} does not fit {len(content)} bytes")
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
