"""A print of the face, cut out and worn before somebody's own: paper bent as a cylinder."""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.instruments.sheets import printed
from antispoof.simulation.clip.layers import Layer
from antispoof.simulation.clip.person import act, head_layer
from antispoof.simulation.clip.stage import Layers, Stage

__all__ = ["mask_eyes_cut", "mask_paper"]


def _mask(stage: Stage, holes: bool) -> Layers:
    """The attacker, and the paper before the face, which moves as the head does."""
    rng, body = stage.rng, stage.body
    acting = act(rng, stage.seconds, stage.motion, stage.distance_mm())
    wearer = head_layer(stage.attacker, acting)
    x, y = body.flat[..., 0], body.flat[..., 1]
    radius = float(rng.choice([rng.uniform(90, 140), rng.uniform(300, 1500)], p=[0.6, 0.4]))
    bulge = np.sqrt(np.maximum(radius**2 - np.minimum(np.abs(x), 0.9 * radius) ** 2, 0)) - radius
    relief = (112.0 + bulge).astype(np.float32)
    size = body.picture.shape[1::-1]
    inside = ((x / rng.uniform(66, 78)) ** 2 + ((y - 22) / rng.uniform(88, 105)) ** 2 < 1).astype(np.float32)
    if holes:
        for eye_x, eye_y in body.eyes:
            inside[((x - eye_x) / 17) ** 2 + ((y - eye_y) / 9) ** 2 < 1] = 0
    cover = (cv2.resize(inside, size, interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.uint8) * 255
    mask = head_layer(body, acting, printed(body.picture, rng), relief)
    return [wearer, Layer(mask.points, mask.picture, cover)]


@clip_instruments.register("mask_paper")
def mask_paper(stage: Stage) -> Layers:
    """Without holes."""
    return _mask(stage, holes=False)


@clip_instruments.register("mask_eyes_cut")
def mask_eyes_cut(stage: Stage) -> Layers:
    """With holes, behind which the attacker's own eyes move."""
    return _mask(stage, holes=True)
