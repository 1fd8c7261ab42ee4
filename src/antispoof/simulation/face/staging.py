"""Where things stand in the picture: framing, the room behind, the edges of a screen or sheet, the hand that
holds it.

Lengths are in faces: 1 is the longer side of the face box.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.simulation.face.optics import blur, resize, warp
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.tone import Picture, ramp

__all__ = ["Framing", "Staged", "backdrop", "draw_framing", "hand", "quadrilateral", "stage"]


@dataclass(frozen=True, slots=True)
class Framing:
    """How the face sits in the picture: the face side in pixels and the margins around it, in faces."""

    face_side: float
    left: float
    right: float
    top: float
    bottom: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        width = (1 + self.left + self.right) * self.face_side
        height = (1 + self.top + self.bottom) * self.face_side
        return max(16, round(width)), max(16, round(height))


@dataclass(frozen=True, slots=True)
class Staged:
    """A person in front of a background, evenly lit.

    Attributes:
        picture: float32, (H, W, 3), display values.
        face: where the face is.
        person: float32, (H, W, 1), 1 on the person.
    """

    picture: Picture
    face: Box
    person: Picture


def draw_framing(rng: np.random.Generator, face_side: float = 120.0, wide_share: float = 0.5) -> Framing:
    """Draw a framing: a scene (margins 0.3 to 1.6 faces), a tight crop (0.02 to 0.35), or a bare box.

    Systems keep, and data sets publish, pictures that end at the box some detector drew; its sides cut into
    what the longer side of a face spans.

    Args:
        rng: draws every parameter.
        face_side: longer side of the face, in pixels.
        wide_share: share of scenes; a fifth of the others are bare, the rest tight.
    """
    if rng.random() < wide_share:
        margins = rng.uniform(0.3, 1.6) * rng.uniform(0.5, 1.5, 4)
    elif rng.random() < 0.8:
        margins = rng.uniform(0.02, 0.35) * rng.uniform(0.5, 1.5, 4)
    else:
        margins = np.concatenate([rng.uniform(-0.2, 0.02, 2), rng.uniform(-0.06, 0.1, 2)])
    return Framing(face_side, *(float(m) for m in margins))


def backdrop(width: int, height: int, rng: np.random.Generator) -> Picture:
    """Draw a room: a wall with a light gradient, soft boxes and lines for furniture. Display values."""
    base = rng.uniform(0.1, 0.95)
    colour = np.clip(base + rng.normal(0, 0.05, 3), 0, 1).astype(np.float32)
    wall = colour * (1 + rng.uniform(0, 0.6) * ramp((height, width), rng.uniform(0, 2 * np.pi)))
    wall = np.ascontiguousarray(wall, np.float32)
    for _ in range(rng.integers(0, 9)):
        shade = tuple(float(c) for c in np.clip(rng.uniform(0, 1) + rng.normal(0, 0.07, 3), 0, 1))
        x, y = rng.uniform(-0.2, 1) * width, rng.uniform(-0.2, 1) * height
        w, h = rng.uniform(0.05, 0.6) * width, rng.uniform(0.05, 0.8) * height
        kind = rng.random()
        if kind < 0.6:
            cv2.rectangle(wall, (int(x), int(y)), (int(x + w), int(y + h)), shade, -1)
        elif kind < 0.85:
            thickness = max(1, int(rng.uniform(0.005, 0.03) * width))
            cv2.line(wall, (int(x), int(y)), (int(x + w), int(y + rng.uniform(-1, 1) * h)), shade, thickness)
        else:
            cv2.ellipse(wall, ((x, y), (w, h), rng.uniform(0, 180)), shade, -1)
    wall = blur(wall, float(np.exp(rng.uniform(np.log(0.4), np.log(8)))))
    grain = rng.normal(0, rng.uniform(0, 0.025), (max(2, height // 3), max(2, width // 3), 1)).astype(
        np.float32
    )
    return np.asarray(np.clip(wall + resize(np.repeat(grain, 3, 2), width, height), 0, 1), np.float32)


def stage(
    portrait: Portrait, framing: Framing, rng: np.random.Generator, own_background: float = 0.35
) -> Staged:
    """Place a person into a framing, slightly turned and shifted, before a room or the portrait's own
    background.

    Args:
        portrait: the person.
        framing: face side and margins.
        rng: corners move by N(0, 0.015) faces, the head rolls by N(0, 4°), half of the pictures are mirrored.
        own_background: share of pictures that keep the portrait's background.
    """
    width, height = framing.size
    face = portrait.face
    side = max(face.width, face.height)
    middle = np.array([face.x + face.width / 2, face.y + face.height / 2])
    # Corners of one face square in the portrait, and where they go.
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    angle = np.deg2rad(rng.normal(0, 4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = (corners @ turn.T + rng.normal(0, 0.015, (4, 2))) * side + middle
    if rng.random() < 0.5:
        source = source[[1, 0, 3, 2]]
    target = (corners + 0.5 + [framing.left, framing.top]) * framing.face_side
    homography = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    picture = np.clip(warp(np.asarray(portrait.image / 255, np.float32), homography, width, height), 0, 1)
    person = warp(np.asarray(portrait.person / 255, np.float32), homography, width, height)[..., None]
    if rng.random() >= own_background:
        person = np.clip(person * 1.5 - 0.25, 0, 1)
        picture = person * picture + (1 - person) * backdrop(width, height, rng)
    x, y = framing.left * framing.face_side, framing.top * framing.face_side
    narrow = framing.face_side * face.width / side
    shift = (framing.face_side - narrow) / 2
    box = Box(
        x + shift,
        y + (framing.face_side - framing.face_side * face.height / side) / 2,
        narrow,
        framing.face_side * face.height / side,
    )
    return Staged(picture.astype(np.float32), box, person)


def quadrilateral(
    shape: tuple[int, int], face: Box, reach: NDArray[np.float64], rng: np.random.Generator, soft: float = 0.7
) -> tuple[Picture, NDArray[np.float32]]:
    """Mask of a slightly skewed rectangle around the face.

    Args:
        shape: height and width of the picture.
        face: the face.
        reach: how far the rectangle reaches beyond the face, in faces: left, right, top, bottom.
        rng: corners move by N(0, 0.03) faces.
        soft: blur of the edge in pixels.

    Returns:
        Mask in 0..1, (H, W, 1), and the corners, (4, 2), in pixels.
    """
    side = max(face.width, face.height)
    x0, x1 = face.x - reach[0] * side, face.x + face.width + reach[1] * side
    y0, y1 = face.y - reach[2] * side, face.y + face.height + reach[3] * side
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) + rng.normal(0, 0.03, (4, 2)) * side
    mask = np.zeros(shape, np.float32)
    cv2.fillConvexPoly(mask, np.round(corners * 8).astype(np.int32), 1.0, lineType=cv2.LINE_AA, shift=3)
    return blur(mask, soft)[..., None], corners.astype(np.float32)


def hand(picture: Picture, corners: NDArray[np.float32], side: float, rng: np.random.Generator) -> Picture:
    """Draw fingers that hold a sheet or device by one of its edges. Display values or light."""
    skin = np.exp(rng.uniform(np.log(0.12), np.log(0.75))) * np.array(
        [1.0, rng.uniform(0.65, 0.85), rng.uniform(0.45, 0.75)]
    )
    edge = int(rng.integers(0, 4))
    a, b = corners[edge].astype(float), corners[(edge + 1) % 4].astype(float)
    along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-3)
    inwards = np.array([-along[1], along[0]])
    start = a + (b - a) * rng.uniform(0.1, 0.8)
    thick = rng.uniform(0.12, 0.22) * side
    layer = np.zeros(picture.shape[:2], np.float32)
    for finger in range(int(rng.integers(1, 5))):
        root = start + along * finger * thick * 1.1 - inwards * side * rng.uniform(0.4, 0.9)
        tip = start + along * finger * thick * 1.1 + inwards * side * rng.uniform(0.05, 0.3)
        cv2.line(
            layer,
            (int(root[0]), int(root[1])),
            (int(tip[0]), int(tip[1])),
            1.0,
            max(1, int(thick)),
            cv2.LINE_AA,
        )
    cover = blur(layer, 1.2)
    shade = 0.7 + 0.3 * blur(layer, max(1.0, thick / 3))
    painted = np.clip(skin, 0, 1).astype(np.float32) * shade[..., None]
    return np.asarray(picture * (1 - cover[..., None]) + painted * cover[..., None], np.float32)
