"""A rendered person before a rendered camera: a moving, blinking head in three dimensions, made in the tests.

The texture of the face is the public-domain portrait in scikit-image's wheel, or painted by the simulator.
Everything here is simulated: it proves that the measures respond to what they claim to measure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.head import Head, make_head
from antispoof.simulation.scene.light import LIGHTING, set_light, visible_light
from antispoof.simulation.scene.render import person_of
from antispoof.simulation.scene.surface import Pose, background, lay_head, lay_torso

VIEW = 48.0  # degrees, of a square picture


@dataclass(frozen=True)
class Look:
    """One moment: angles in degrees, distance in mm, ``closed`` lids 0 to 1."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 15.0
    distance: float = 560.0
    closed: float = 0.0


FRONT = Look()


@lru_cache(maxsize=8)
def _head(subject: int | None) -> Head:
    rng = np.random.default_rng(5)
    if subject is not None:
        return make_head(replace(person_of(11, subject), glasses=False), rng, 22.0)
    from skimage.data import astronaut

    face = np.ascontiguousarray(astronaut()[52:186, 172:274])
    return make_head(replace(person_of(11, 3), glasses=False, beard=0.0, hair="medium"), rng, 22.0, face)


@lru_cache(maxsize=32)
def _blinking(subject: int | None, closed: float) -> Head:
    """Lower the lids: skin over the eyes from above, with a line of lashes at its edge."""
    head = _head(subject)
    if closed <= 0:
        return head
    from antispoof.simulation.scene.grid import GRID

    colour = head.reflectance.copy()
    x = (GRID.left + GRID.step * np.arange(GRID.width))[None, :]
    y = (GRID.top + GRID.step * np.arange(GRID.height))[:, None]
    row = int((18 - GRID.top) / GRID.step)
    column = int((30 - GRID.left) / GRID.step)
    skin = colour[row, column]
    half = 31.0 if subject is None else person_of(11, subject).shape["ipd"] / 2
    middle = -1.0 if subject is None else 0.0
    edge = middle - 9 + 17 * closed
    reach = np.clip(1 - ((np.abs(x) - half) / 17) ** 2, 0, 1)
    lid = ((y > middle - 10) & (y < edge) & (reach > 0)) * np.minimum(1, reach * 4)
    lash = np.exp(-0.5 * ((y - edge) / 1.2) ** 2) * reach * 0.6
    colour = colour + lid[..., None] * (skin - colour)
    colour = colour * (1 - lash[..., None])
    return head.with_(reflectance=colour.astype(np.float32), eyes=head.eyes * np.float32(1 - closed))


@lru_cache(maxsize=96)
def _light(look: Look, size: int, subject: int | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the light towards the camera in a room, and what a white screen beside the lens adds to it."""
    light = set_light(LIGHTING["office"], np.random.default_rng(1))
    surface = background(size, VIEW, np.random.default_rng(2), 22.0, 0.0)
    pose = Pose((look.x, look.y, look.distance), look.yaw, look.pitch, look.roll)
    lay_torso(surface, pose, np.random.default_rng(3), 22.0)
    lay_head(surface, _blinking(subject, round(look.closed, 1)), pose, light.direction)
    room = 0.9 * visible_light(surface, light) / light.colour
    facing = np.clip(-surface.normal[..., 2:], 0, 1)
    screen = 0.9 * surface.reflectance[..., :3] * facing * (450.0 / surface.z[..., None]) ** 2
    return room.astype(np.float32), screen.astype(np.float32)


def picture(
    look: Look = FRONT,
    *,
    size: int = 240,
    subject: int | None = None,
    screen: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise: float = 1.0,
    rng: np.random.Generator | None = None,
) -> NDArray[np.uint8]:
    """Render uint8 (size, size, 3) RGB.

    Args:
        look: where the head is.
        size: of the picture.
        subject: a simulated person; None wears the astronaut's portrait.
        screen: light of the screen at 450 mm, 1 is as bright as the room.
        noise: of the camera, levels.
        rng: of the noise.
    """
    room, added = _light(look, size, subject)
    display: Any = np.clip(room + added * np.array(screen, np.float32), 0, 1) ** (1 / 2.2) * 255
    if noise:
        display = display + noise * (rng or np.random.default_rng(0)).standard_normal(display.shape)
    return np.asarray(np.clip(np.rint(display), 0, 255), np.uint8)


def on_paper(shown: NDArray[np.uint8], yaw: float, pitch: float = 0.0) -> NDArray[np.uint8]:
    """Turn a flat print of ``shown`` in perspective, before a grey wall."""
    size = shown.shape[0]
    a, b = np.radians(yaw), np.radians(pitch)
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    flat = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.9
    turned = flat @ (rx @ ry).T + np.array([0, 0, 3.0])
    corners = turned[:, :2] / turned[:, 2:] * 3.0 / 2 * size + size / 2
    source = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
    warp = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    seen = cv2.warpPerspective(shown, warp, (size, size), borderValue=(120, 120, 120))
    return np.asarray(seen, np.uint8)


def posed(picture: NDArray[np.uint8], phase: float) -> NDArray[np.uint8]:
    """Bend a picture by 3 px, another way at another phase: no copy, as another capture of a face is none."""
    rows, columns = np.indices(picture.shape[:2], np.float32)
    across = columns + 3 * np.sin(rows / 17 + phase, dtype=np.float32)
    down = rows + 3 * np.sin(columns / 23 + phase, dtype=np.float32)
    bent = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8)
