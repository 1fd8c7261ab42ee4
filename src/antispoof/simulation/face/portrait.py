"""The person that a simulated presentation shows: a portrait, its face, and what is background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box

__all__ = ["Portrait", "person_mask"]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A bona fide picture to simulate from.

    Attributes:
        subject: who it is.
        image: uint8, (H, W, 3), RGB.
        face: where the face is, in pixels of ``image``.
        person: uint8, (H, W), 255 on the person and 0 on the background.
    """

    subject: str
    image: NDArray[np.uint8]
    face: Box
    person: NDArray[np.uint8]

    @classmethod
    def of(cls, subject: str, image: NDArray[np.uint8], face: Box) -> Portrait:
        """Make a portrait, separating the person from the background."""
        return cls(subject, image, face, person_mask(image, face))


def person_mask(image: NDArray[np.uint8], face: Box) -> NDArray[np.uint8]:
    """Separate a person from the background with GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004).

    The face and what lies below it start as person, the upper corners as background.

    Args:
        image: uint8, (H, W, 3), RGB.
        face: where the face is.

    Returns:
        uint8, (H, W): 255 person, 0 background.
    """
    height, width = image.shape[:2]
    scale = 128 / max(height, width)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    rows, columns = small.shape[:2]
    x, y = (face.x + face.width / 2) * scale, (face.y + face.height / 2) * scale
    half_width, half_height = face.width * scale / 2, face.height * scale / 2
    seed = np.full((rows, columns), cv2.GC_PR_BGD, np.uint8)
    cv2.ellipse(seed, ((x, y), (half_width * 3.2, half_height * 3.4), 0.0), int(cv2.GC_PR_FGD), -1)
    seed[int(min(y + half_height, rows - 1)) :, int(max(x - 2 * half_width, 0)) : int(x + 2 * half_width)] = (
        cv2.GC_PR_FGD
    )
    cv2.ellipse(seed, ((x, y), (half_width * 1.8, half_height * 1.9), 0.0), int(cv2.GC_FGD), -1)
    top = int(max(min(y, rows - 1), 1))
    seed[:top, : max(int(x - 2.2 * half_width), 1)] = cv2.GC_BGD
    seed[:top, min(int(x + 2.2 * half_width), columns - 1) :] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(small, seed, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    person = np.isin(seed, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    person = cv2.medianBlur(person, 5)  # type: ignore[assignment]
    return np.asarray(cv2.resize(person, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
