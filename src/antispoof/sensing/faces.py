"""Find faces in a picture, and cut them out in the one way that training and serving share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box

__all__ = ["CropRecipe", "crop"]


@dataclass(frozen=True, slots=True)
class CropRecipe:
    """How a face is cut out: part of a bundle, because a network is only as good as its crop.

    Attributes:
        scale: side of the square crop as a multiple of the longer side of the face box.
        size: side of the crop after scaling, in pixels.
    """

    scale: float
    size: int


def crop(image: NDArray[np.uint8], box: Box, recipe: CropRecipe) -> NDArray[np.uint8]:
    """Cut a square around the middle of ``box`` and scale it to ``recipe.size``.

    Where the square leaves the picture, the edge pixels are repeated. Shrinking averages areas, enlarging is
    bilinear.

    Args:
        image: uint8, (H, W, 3).
        box: the face, in pixels of ``image``.
        recipe: side and size of the crop.

    Returns:
        uint8, (size, size, 3).
    """
    height, width = image.shape[:2]
    side = max(2, round(recipe.scale * max(box.width, box.height)))
    left = round(box.x + box.width / 2 - side / 2)
    top = round(box.y + box.height / 2 - side / 2)
    inside = image[max(top, 0) : max(top + side, 1), max(left, 0) : max(left + side, 1)]
    padding = (max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0))
    patch: Any = inside
    if any(padding):
        patch = cv2.copyMakeBorder(inside, *padding, borderType=cv2.BORDER_REPLICATE)
    shrinking = side > recipe.size
    patch = cv2.resize(patch, (recipe.size, recipe.size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray(patch, np.uint8)
