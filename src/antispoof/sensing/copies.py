"""Whether two pictures of a face are one capture, coded anew, scaled, mirrored or made brighter.

Told by the pattern of the face without its slow changes of light. Two captures of one person differ in it by
pose and place, if only a little; a copy hardly does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop

__all__ = ["LEAST_APART", "FaceLook"]

SIDE = 48
FACE = CropRecipe(1.3, SIDE)
SLOW = 6.0  # px of these: changes of light are slower
LEAST_APART = 0.28  # of simulated captures of one person at one site, 264 pairs: from 0.285


@dataclass(frozen=True, slots=True)
class FaceLook:
    """What is kept of a face to know a copy of the picture by.

    Attributes:
        pattern: float32, (48, 48), of mean 0 and length 1.
        place: left, top, width and height of the face, in shares of the picture.
    """

    pattern: NDArray[np.float32]
    place: tuple[float, float, float, float]

    @classmethod
    def of(cls, picture: NDArray[np.uint8], face: Box) -> FaceLook:
        """Look at a face in a picture, uint8, (H, W, 3), RGB."""
        height, width = picture.shape[:2]
        place = face.x / width, face.y / height, face.width / width, face.height / height
        return cls(_pattern(picture, face), place)

    def apart(self, picture: NDArray[np.uint8], face: Box) -> float:
        """Tell how far another picture lies from this one, 0 to 2, mirrored or not.

        Whichever detector's slip moved the box: the face is looked for where it was in this one as well.

        Args:
            picture: uint8, (H, W, 3), RGB.
            face: the face in it.
        """
        height, width = picture.shape[:2]
        left, top, across, down = self.place
        same, mirrored = (
            Box(at * width, top * height, across * width, down * height) for at in (left, 1 - left - across)
        )
        own, here, there = (_pattern(picture, box) for box in (face, same, mirrored))
        others = (own, own[:, ::-1], here, there[:, ::-1])
        return float(min(np.linalg.norm(self.pattern - other) for other in others))


def _pattern(picture: NDArray[np.uint8], face: Box) -> NDArray[np.float32]:
    grey: Any = cv2.cvtColor(crop(picture, face, FACE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    quick = grey - cv2.GaussianBlur(grey, (0, 0), SLOW)
    quick -= quick.mean()
    return np.asarray(quick / max(float(np.linalg.norm(quick)), 1e-6), np.float32)
