"""Replays: the face on a telephone, a tablet or a laptop."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.head import make_head
from antispoof.simulation.scene.instruments import Setup, Stage, instrument
from antispoof.simulation.scene.physics import MATERIALS
from antispoof.simulation.scene.surface import Panel, Pose

Map = NDArray[np.float32]


def _replay(stage: Stage, width: float, height: float, bezel: float, near: float, held: bool) -> Setup:
    rng = stage.rng
    glass, body = MATERIALS["screen"], MATERIALS["device_body"]
    picture = stage.picture()
    rows = 150
    columns = int(rows * width / height)
    shown = _fill(picture, rows, columns)
    matte = rng.uniform() < 0.2
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    blue = np.array((0.93, 1.0, 1.10), np.float32) ** rng.uniform(0, 1.2)
    emission = (0.006 + np.clip(shown, 0, 1) ** rng.uniform(0.95, 1.2)) * blue * rng.uniform(0.8, 1.6)
    # The two grids of pixels beat; the period and direction change with distance and tilt, so it curves.
    k = rng.uniform(0.15, 1.1, 2) * rng.choice([-1, 1], 2)
    curve = 0.002 * rng.standard_normal(2)
    for channel in range(3):
        phase = k[0] * x + k[1] * y + curve[0] * x**2 + curve[1] * y**2 + 2.1 * channel * rng.uniform(0.3, 1)
        emission[..., channel] *= 1 + rng.uniform(0.02, 0.10) * np.sin(phase)
    reflectance = np.tile(np.array(glass.reflectance, np.float32), (rows, columns, 1))
    sheen = cv2.GaussianBlur((rng.uniform(size=(7, 5)) > 0.8).astype(np.float32), (0, 0), 0.7)
    sheen = cv2.resize(sheen, (columns, rows), interpolation=cv2.INTER_CUBIC)
    emission += (0.0 if matte else 0.20) * np.clip(sheen, 0, 1)[..., None]
    heat = (
        stage.ambient_c
        + rng.uniform(6, 12)
        + 4 * np.exp(-(((x / columns - 0.5) / 0.35) ** 2) - ((y / rows - rng.uniform(0.1, 0.9)) / 0.25) ** 2)
    )
    rim_x, rim_y = int(bezel / width * columns) + 1, int(bezel / height * rows) + 1
    rim = np.ones((rows, columns), bool)
    rim[rim_y:-rim_y, rim_x:-rim_x] = False
    emission[rim] = 0
    reflectance[rim] = np.array(body.reflectance, np.float32) * (1 if rng.uniform() < 0.8 else 12)
    centre = (
        stage.pose.centre[0] * 0.4 + rng.normal(0, 5),
        stage.pose.centre[1] * 0.3 + rng.normal(0, 5),
        near,
    )
    pose = Pose(
        (float(centre[0]), float(centre[1]), float(centre[2])),
        float(rng.normal(0, 8)),
        float(rng.normal(0, 5)),
        float(rng.normal(0, 3)),
    )
    panel = Panel(
        pose, width, height, np.clip(reflectance, 0, 0.8), emission.astype(np.float32),
        heat.astype(np.float32), np.ones((rows, columns), np.float32), glass.emissivity,
        0.06 if matte else glass.gloss,
    )  # fmt: skip
    if not held:
        return Setup(None, stage.pose, False, panel)
    behind = dataclasses.replace(stage.pose, centre=(*stage.pose.centre[:2], near)).further(
        rng.uniform(170, 320)
    )
    head = make_head(stage.attacker, rng, stage.ambient_c) if rng.uniform() < 0.6 else None
    return Setup(head, behind, True, panel, True)


@instrument("replay_phone")
def replay_phone(stage: Stage) -> Setup:
    """A phone shows the target: it shines in the visible, is dark at 850 nm, flat, warm near its chips."""
    return _replay(stage, 72, 152, 3, stage.rng.uniform(150, 230), True)


@instrument("replay_tablet")
def replay_tablet(stage: Stage) -> Setup:
    """A tablet shows the target, near life size."""
    return _replay(stage, 180, 250, 9, stage.pose.centre[2] * stage.rng.uniform(0.85, 1.15), True)


@instrument("replay_laptop")
def replay_laptop(stage: Stage) -> Setup:
    """A laptop shows the target; nobody holds it."""
    return _replay(stage, 320, 215, 10, stage.pose.centre[2] * stage.rng.uniform(0.9, 1.3), False)


def _fill(picture: Map, rows: int, columns: int) -> Map:
    """Crop the middle of a picture to a shape."""
    h, w = picture.shape[:2]
    if w / h > columns / rows:
        keep = int(h * columns / rows)
        picture = picture[:, (w - keep) // 2 : (w - keep) // 2 + keep]
    else:
        keep = int(w * rows / columns)
        top = max(0, min(h - keep, int(0.45 * h - keep / 2)))
        picture = picture[top : top + keep]
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
