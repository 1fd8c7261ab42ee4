"""A print of the person on paper: sheet, photo, poster or cut-out mask, lit by the room like everything else.

Paper cannot be darker than its ink nor whiter than itself, reflects the room's light, bends, shines, and has
edges.
"""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.bona_fide import relight
from antispoof.simulation.face.optics import blur, resize
from antispoof.simulation.face.replay import stored_picture
from antispoof.simulation.face.staging import Staged, backdrop, hand, quadrilateral
from antispoof.simulation.face.tone import Picture, display, linear, luma, ramp, s_curve, saturate

__all__ = ["ink", "printed"]


def ink(picture: Picture, rng: np.random.Generator) -> Picture:
    """Display values → reflectance: black 0.02 to 0.16, paper white 0.6 to 0.95, a smaller gamut."""
    shown = saturate(
        s_curve(picture, rng.uniform(-0.5, 1.0)),
        rng.uniform(0.0, 0.4) if rng.random() < 0.12 else rng.uniform(0.45, 1.25),
    )
    black = np.exp(rng.uniform(np.log(0.02), np.log(0.16)))
    paper = rng.uniform(0.6, 0.95) * np.array([1.0, rng.uniform(0.93, 1.0), rng.uniform(0.82, 1.04)])
    tint = rng.normal(0, 0.05, 3)
    light = linear(shown, rng.uniform(1.7, 2.6)) * np.exp(tint).astype(np.float32)
    return np.asarray(black + light * (paper - black), np.float32)


def halftone(light: Picture, rng: np.random.Generator) -> Picture:
    """Dots of the print raster, 1.3 to 3 px, as a multiplicative pattern that is strongest in mid-tones."""
    height, width = light.shape[:2]
    pitch, angle = rng.uniform(1.3, 3.0), rng.uniform(0, np.pi / 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (np.cos(angle) * x + np.sin(angle) * y) / pitch, (-np.sin(angle) * x + np.cos(angle) * y) / pitch
    dots = (np.cos(2 * np.pi * u) * np.cos(2 * np.pi * v))[..., None]
    grey = np.clip(luma(light), 0, 1)
    return np.asarray(light * (1 + rng.uniform(0.05, 0.4) * 4 * grey * (1 - grey) * dots), np.float32)


def paper_texture(light: Picture, rng: np.random.Generator) -> Picture:
    """Fibre and coating: multiplicative noise of 0.5 to 4 % at two scales."""
    height, width = light.shape[:2]
    fine = rng.normal(0, 1, (height, width, 1)).astype(np.float32)
    coarse = resize(
        np.repeat(rng.normal(0, 1, (max(2, height // 6), max(2, width // 6), 1)).astype(np.float32), 3, 2),
        width,
        height,
    )
    return light * (1 + np.float32(rng.uniform(0.005, 0.04)) * (0.6 * fine + 0.8 * coarse[..., :1]))


def curl(light: Picture, rng: np.random.Generator) -> Picture:
    """Shading of a sheet that bends along one axis, or is folded."""
    t = ramp(light.shape[:2], rng.uniform(0, 2 * np.pi))
    shading = 1 + rng.uniform(0.03, 0.35) * np.sin(rng.uniform(1.5, 7) * t + rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.2:
        crease = np.abs(t - rng.uniform(-0.3, 0.3))
        shading = shading * (1 - rng.uniform(0.05, 0.3) * np.exp(-crease / rng.uniform(0.005, 0.03)))
    return np.asarray(light * shading, np.float32)


def shine(light: Picture, rng: np.random.Generator) -> Picture:
    """Glossy paper mirrors a lamp as a broad soft patch or stripe."""
    height, width = light.shape[:2]
    spot = np.zeros((height, width), np.float32)
    axes = (max(2.0, rng.uniform(0.1, 0.9) * width), max(2.0, rng.uniform(0.05, 0.4) * height))
    cv2.ellipse(spot, ((rng.uniform(0, width), rng.uniform(0, height)), axes, rng.uniform(0, 180)), 1.0, -1)
    return (
        light
        + np.float32(rng.uniform(0.05, 0.5)) * blur(spot, rng.uniform(0.03, 0.12) * width + 0.5)[..., None]
    )


def cut_out(staged: Staged, rng: np.random.Generator) -> Picture:
    """Outline of a face cut from paper with scissors, (H, W, 1)."""
    face = staged.face
    angles = np.linspace(0, 2 * np.pi, int(rng.integers(8, 20)), endpoint=False)
    radius = rng.uniform(0.5, 0.8) + rng.normal(0, 0.03, len(angles))
    x = face.x + face.width / 2 + radius * face.width * np.cos(angles)
    y = face.y + face.height / 2 + radius * face.height * np.sin(angles)
    mask = np.zeros(staged.picture.shape[:2], np.float32)
    cv2.fillPoly(mask, [np.round(np.stack([x, y], 1)).astype(np.int32)], 1.0, cv2.LINE_AA)
    return blur(mask, 0.7)[..., None]


@face_instruments.register("print")
def printed(staged: Staged, other: Staged | None, rng: np.random.Generator) -> Picture:
    """Hold a print of ``staged`` into the room; display values out.

    Args:
        staged: what the print shows.
        other: somebody in the same framing who stands behind the sheet, or wears it as a cut-out mask.
        rng: draws every parameter.
    """
    height, width = staged.picture.shape[:2]
    side = max(staged.face.width, staged.face.height)
    sheet = ink(stored_picture(staged.picture, rng), rng)
    if rng.random() < 0.35:
        sheet = halftone(sheet, rng)
    sheet = paper_texture(sheet, rng)
    around = backdrop(width, height, rng) if other is None else other.picture
    if other is not None and rng.random() < 0.5:
        inside, corners = cut_out(staged, rng), None
        rim = np.clip(blur(inside[..., 0], rng.uniform(0.5, 2.5)) * 2, 0, 1)[..., None]
    else:
        reach = rng.uniform(0.05, 1.5) * rng.uniform(0.6, 1.4, 4)
        inside, corners = quadrilateral((height, width), staged.face, reach, rng)
        margin = rng.uniform(0.02, 0.2) * side if rng.random() < 0.6 else 0.0
        rim = inside
        if margin:
            wider = cv2.dilate(inside[..., 0], np.ones((3, 3)), iterations=max(1, round(margin)))
            rim = np.asarray(np.clip(wider, 0, 1), np.float32)[..., None]
    sheet = inside * sheet + (1 - inside) * np.float32(rng.uniform(0.6, 0.95))
    if rng.random() < 0.7:
        sheet = curl(sheet, rng)
    if rng.random() < 0.3:
        sheet = shine(sheet, rng)
    scene = rim * sheet + (1 - rim) * linear(around)
    if corners is not None and rng.random() < 0.4:
        scene = hand(scene, corners, side, rng)
    return relight(display(scene), rng, low_light_share=0.2)
