"""Pictures of a camera of this machine, as they come."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError

__all__ = ["camera_pictures"]


def camera_pictures(number: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Read a camera until it stops, or whoever reads does.

    Args:
        number: of the camera, from 0, as the system counts them.

    Yields:
        seconds since the first picture, and the picture: uint8, (H, W, 3), RGB.

    Raises:
        InputError: there is no such camera.
        MediaError: it gives no picture.
    """
    if not 0 <= number < 2**31:  # OpenCV crashes on less, and refuses more
        raise InputError(f"--camera {number}: there is no such camera; they are counted from 0")
    before = cv2.utils.logging.setLogLevel(0)  # what is wrong is told here, once and in words
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise InputError(f"--camera {number}: there is no such camera, or another program uses it")
        begin: float | None = None
        while True:
            read, picture = camera.read()
            if not read:
                if begin is None:
                    raise MediaError("decode_failed", f"camera {number} gives no picture")
                return
            now = time.monotonic()
            begin = now if begin is None else begin
            yield now - begin, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        camera.release()
        cv2.utils.logging.setLogLevel(before)
