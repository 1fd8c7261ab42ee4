"""YuNet: the network that finds faces, and five points in each.

``weights/yunet_n_dynamic.onnx`` is ``onnx/yunet_n_dynamic.onnx`` of libfacedetection.train at commit 0047ac2
(https://github.com/ShiqiYu/libfacedetection.train), unchanged; Apache-2.0, ``weights/LICENSE.yunet``; SHA-256
104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12.

References:
    W. Wu, H. Peng and S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research,
    2023.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files as package_files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.files import onnx_session

__all__ = ["detect"]

STRIDES = (8, 16, 32)  # px: each output looks at the picture in cells of this size
SAME_FACE_IOU = 0.3


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
    height, width = image.shape[:2]
    rows, columns = (-(-side // STRIDES[-1]) * STRIDES[-1] for side in (height, width))
    planes = np.zeros((1, 3, rows, columns), np.float32)
    planes[0, :, :height, :width] = image[..., ::-1].transpose(2, 0, 1)
    outputs = _network().run(None, {"input": planes})
    classes, objects, boxes, points = (outputs[i : i + 3] for i in (0, 3, 6, 9))
    found = []
    for stride, *output in zip(STRIDES, classes, objects, boxes, points, strict=True):
        face, there, box, five = (values[0].astype(np.float64) for values in output)
        confidence = np.sqrt(np.clip(face, 0, 1) * np.clip(there, 0, 1))[:, 0]
        cells = np.flatnonzero(confidence >= min_confidence)
        down, across = np.divmod(cells, columns // stride)
        cell = np.stack([across, down], axis=1)
        centre, size = (cell + box[cells, :2]) * stride, np.exp(box[cells, 2:]) * stride
        five = (five[cells].reshape(-1, 5, 2) + cell[:, np.newaxis]) * stride
        found.append(np.column_stack([centre - size / 2, size, five.reshape(-1, 10), confidence[cells]]))
    faces = np.concatenate(found)
    if not len(faces):
        return faces
    distinct: Any = cv2.dnn.NMSBoxes(faces[:, :4].tolist(), faces[:, 14].tolist(), 0.0, SAME_FACE_IOU)
    return np.asarray(faces[np.ravel(distinct)], np.float64)


@cache
def _network() -> Any:
    return onnx_session(
        package_files("antispoof.sensing").joinpath("weights/yunet_n_dynamic.onnx").read_bytes()
    )
