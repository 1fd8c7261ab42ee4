"""Which way up a face is, and whether its picture is a negative.

The detector finds many faces that lie on their side or stand on their head, and puts the landmarks as if they
were upright: its points do not tell the turn. How sure it is does: a small cut of the face is shown to it in
all four quarter turns and as a negative, and the surest counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing import yunet
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import Face, cut, find_faces

__all__ = ["Found", "find_upright", "turn_box"]

# Among 440 portraits, 111 simulated captures, their turns and their negatives, the detector was this sure of
# upright faces alone, where it found them (the surest other: 0.919) and in the first of `LOOKS` (0.888).
SURELY_UPRIGHT = 0.935
SURELY_UPRIGHT_CUT = 0.9
DOUBTFUL = 0.8  # a face of less may be something else in a picture that lies on its side
TURNED_SIDES = (160, 320)  # px, scales at which turned pictures are searched
LOOKS = ((64, 1.5), (112, 1.5), (64, 1.2))  # px, box sides: cuts of the face; the first tells nearly always
CLEAR_MARGIN = 0.05  # of confidence between the first two, for one look to tell a turn or a negative
LEAST_MARGIN = 0.02  # the same after all looks, and for one look to tell an upright face
LEAST_CONFIDENCE = 0.7  # of a turn or a negative that counts


@dataclass(frozen=True, slots=True)
class Found:
    """Faces in a picture that was turned upright.

    Attributes:
        picture: uint8, (H, W, 3), RGB: the picture, turned.
        faces: in ``picture``, the largest first.
        quarter_turns: how often the picture was turned, anticlockwise, 0 to 3.
        upright: False where the largest face is turned in a way that could not be made out.
        negative: whether the largest face is a negative.
    """

    picture: NDArray[np.uint8]
    faces: tuple[Face, ...]
    quarter_turns: int = 0
    upright: bool = True
    negative: bool = False


def find_upright(image: NDArray[np.uint8]) -> Found:
    """Find the faces in a picture, and turn it by quarters so that the largest is upright.

    Args:
        image: uint8, (H, W, 3), RGB.
    """
    found = Found(image, find_faces(image))
    if not found.faces or found.faces[0].confidence < DOUBTFUL:
        found = max((found, *(_turned(image, turns, TURNED_SIDES) for turns in (2, 1, 3))), key=_confidence)
    if not found.faces or found.faces[0].confidence >= SURELY_UPRIGHT:
        return found
    turns, negative, sure = _stance(found)
    if turns and sure:
        found = _turned(image, (found.quarter_turns + turns) % 4)
        if not found.faces:
            return Found(image, find_faces(image), upright=False)
        turns, negative, sure = _stance(found)
    return Found(found.picture, found.faces, found.quarter_turns, turns == 0, negative)


def turn_box(box: Box, shape: tuple[int, ...], quarter_turns: int) -> Box:
    """Return where ``box`` of a picture lies once the picture was turned.

    Args:
        box: in pixels of the picture.
        shape: of the picture: height, width.
        quarter_turns: anticlockwise.
    """
    height, width = shape[:2]
    for _ in range(quarter_turns % 4):
        box = Box(box.y, width - box.x - box.width, box.height, box.width)
        height, width = width, height
    return box


def _confidence(found: Found) -> float:
    """Return that of the largest face; of what was turned, only where the face is no matter of doubt."""
    confidence = found.faces[0].confidence if found.faces else 0.0
    return confidence if not found.quarter_turns or confidence >= DOUBTFUL else -1.0


def _turned(image: NDArray[np.uint8], turns: int, sides: tuple[int, ...] | None = None) -> Found:
    picture = np.ascontiguousarray(np.rot90(image, turns))
    return Found(picture, find_faces(picture) if sides is None else find_faces(picture, sides), turns)


def _stance(found: Found) -> tuple[int, bool, bool]:
    """Return the quarter turns that are missing, whether the face is a negative, and whether that is sure.

    What the detector hardly takes for a face in any turn is left as it is.
    """
    box, total = found.faces[0].box, np.zeros(5)
    for number, (side, scale) in enumerate(LOOKS, start=1):
        small, _ = cut(found.picture, box, side, scale)
        if number == 1 and yunet.confidences([small])[0] >= SURELY_UPRIGHT_CUT:
            return 0, False, True
        total += yunet.confidences([*_turns(small), ~small])
        best = int(np.argmax(total))
        second, first = np.sort(total)[-2:] / number
        if first >= LEAST_CONFIDENCE and first - second >= (CLEAR_MARGIN if best else LEAST_MARGIN):
            break
    if first < LEAST_CONFIDENCE:
        turned_negative = yunet.confidences(_turns(~small)).max() >= LEAST_CONFIDENCE
        return 0, bool(turned_negative), False
    return best % 4, best == 4, bool(first - second >= LEAST_MARGIN)


def _turns(picture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [np.rot90(picture, turns) for turns in range(4)]
