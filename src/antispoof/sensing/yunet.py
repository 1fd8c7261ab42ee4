"""YuNet: the network that finds faces, and five points in each.

``weights/yunet_n_dynamic.onnx`` is the file of that name of libfacedetection.train at commit 0047ac2
(https://github.com/ShiqiYu/libfacedetection.train), unchanged; Apache-2.0, ``weights/LICENSE.yunet``; SHA-256
104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12.

References:
    W. Wu, H. Peng and S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research,
    2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.files import onnx_session

__all__ = ["confidences", "detect"]

STRIDES = (8, 16, 32)  # px: each output looks at the picture in cells of this size
SAME_FACE_IOU = 0.3
DARK = 50.0  # 0..255, mean of a picture that is brightened before it is searched
BRIGHT = 200.0  # what its 99th percentile becomes
MAX_GAIN = 16.0  # more would show noise


def detect(image: NDArray[np.uint8], min_confidence: float) -> NDArray[np.float64]:
    """Find faces whose longer side is some 10 to 300 px.

    Args:
        image: uint8, (H, W, 3), RGB.
        min_confidence: 0 to 1.

    Returns:
        float64, (N, 15), the surest face first: left, top, width and height in pixels; x and y of the eye on
        the left of the picture, the eye on the right, the tip of the nose, the left and the right corner of
        the mouth; confidence, 0 to 1.
    """
    outputs, columns = _run([image])
    found = []
    for index, stride in enumerate(STRIDES):
        confidence = _confidence(outputs, index)[0]
        cells = np.flatnonzero(confidence >= min_confidence)
        if not len(cells):
            continue
        boxes, points = (outputs[part + index][0, cells].astype(np.float64) for part in (6, 9))
        cell = np.stack(np.divmod(cells, columns // stride)[::-1], axis=1)
        centre, size = (cell + boxes[:, :2]) * stride, np.exp(boxes[:, 2:]) * stride
        points = (points.reshape(-1, 5, 2) + cell[:, np.newaxis]) * stride
        found.append(np.column_stack([centre - size / 2, size, points.reshape(-1, 10), confidence[cells]]))
    if not found:
        return np.zeros((0, 15))
    faces = np.concatenate(found)
    distinct: Any = cv2.dnn.NMSBoxes(faces[:, :4].tolist(), faces[:, 14].tolist(), 0.0, SAME_FACE_IOU)
    return np.asarray(faces[np.ravel(distinct)], np.float64)


def confidences(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Return how sure the surest face in each picture is: float64, (N,), 0 to 1.

    Args:
        images: uint8, (H, W, 3), RGB, all of one size.
    """
    outputs, _ = _run(images)
    best = [_confidence(outputs, index).max(axis=1) for index in range(len(STRIDES))]
    return np.asarray(np.max(best, axis=0), np.float64)


def _run(images: Sequence[NDArray[np.uint8]]) -> tuple[list[NDArray[np.float32]], int]:
    """Return class, object, box and point outputs, each at every stride, and the width of what was seen."""
    height, width = images[0].shape[:2]
    rows, columns = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in (height, width))
    planes = np.zeros((len(images), 3, rows, columns), np.float32)
    for row, image in zip(planes, images, strict=True):
        row[:, :height, :width] = _lit(image)[..., ::-1].transpose(2, 0, 1)
    return _network().run(None, {"input": planes}), columns


def _confidence(outputs: Sequence[NDArray[np.float32]], index: int) -> NDArray[np.float64]:
    product = np.clip(outputs[index], 0, 1).astype(np.float64) * np.clip(outputs[3 + index], 0, 1)
    return np.asarray(np.sqrt(product[..., 0]), np.float64)


def _lit(image: NDArray[np.uint8]) -> NDArray[Any]:
    if max(cv2.mean(image)) >= DARK:
        return image
    gain = min(BRIGHT / max(float(np.percentile(image, 99)), 1.0), MAX_GAIN)
    return image if gain <= 1 else np.clip(image * np.float32(gain), 0, 255)


@cache
def _network() -> Any:
    return onnx_session(Path(__file__).parent / "weights" / "yunet_n_dynamic.onnx")
