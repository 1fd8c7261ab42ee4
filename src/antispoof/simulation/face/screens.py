"""Replays that do not look like one: well exposed, evenly lit, in natural contrast.

`replay` catches the camera out at a screen; here it is not: a dim screen metered as it should be, of which
only a shift in colour is left, and a soft monitor at arm's length, beige and flat, with what a player or a
desktop lays over the face.
"""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.sensing.capture import Box
from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.optics import blur, jpeg, resize
from antispoof.simulation.face.replay import device, exposure, glare, screen_light, stored_picture, veil
from antispoof.simulation.face.staging import Staged
from antispoof.simulation.face.tone import Picture, cast, display, s_curve, saturate

__all__ = ["overlay", "replay_dim", "replay_monitor"]


def overlay(shown: Picture, face: Box, rng: np.random.Generator) -> Picture:
    """Draw a pointer, a play button, a window's border, a notch or a bar of text over what a screen shows."""
    shown = np.ascontiguousarray(shown)
    side = max(face.width, face.height)
    middle = np.array([face.x + face.width / 2, face.y + face.height / 2])
    at = middle + rng.uniform(-0.5, 0.5, 2) * side
    shade = float(rng.choice([0.02, 0.15, 0.85, 0.97]))
    colour = tuple(float(c) for c in np.clip(shade + rng.normal(0, 0.03, 3), 0, 1))
    kind = rng.integers(5)
    layer = shown.copy()
    if kind == 0:  # pointer
        long = rng.uniform(0.08, 0.2) * side
        arrow = np.array([[0, 0], [0, 1], [0.25, 0.78], [0.62, 0.7]]) * long + at
        cv2.fillPoly(layer, [np.round(arrow).astype(np.int32)], colour, cv2.LINE_AA)
    elif kind == 1:  # play button
        radius = rng.uniform(0.12, 0.3) * side
        cv2.circle(layer, (int(middle[0]), int(middle[1])), int(radius), colour, -1, cv2.LINE_AA)
        triangle = np.array([[-0.35, -0.5], [-0.35, 0.5], [0.55, 0]]) * radius + middle
        cv2.fillPoly(layer, [np.round(triangle).astype(np.int32)], (1 - shade,) * 3, cv2.LINE_AA)
    elif kind == 2:  # window border or progress bar
        y = int(face.y + face.height * rng.choice([rng.uniform(-0.25, 0.12), rng.uniform(0.88, 1.25)]))
        thick = max(1, int(rng.uniform(0.01, 0.12) * side))
        cv2.rectangle(layer, (0, y), (shown.shape[1], y + thick), colour, -1)
    elif kind == 3:  # notch
        half = rng.uniform(0.15, 0.5) * side
        y = int(face.y - rng.uniform(0, 0.25) * side)
        cv2.ellipse(layer, (int(middle[0]), y), (int(half), int(0.12 * side)), 0, 0, 360, colour, -1)
    else:  # text
        letters = np.zeros(shown.shape[:2], np.uint8)
        for line in range(int(rng.integers(1, 3))):
            x, y = at[0], at[1] + line * 0.12 * side
            cv2.putText(letters, "mil 0 lo", (int(x), int(y)), 0, side / 300, 255, 1, cv2.LINE_AA)
        ink = letters[..., None].astype(np.float32) / 255
        layer = np.asarray(layer * (1 - ink) + ink * np.array(colour, np.float32), np.float32)
    opaque = np.float32(rng.uniform(0.45, 1))
    return np.asarray(layer * opaque + shown * (1 - opaque), np.float32)


def _natural(light: Picture, face: Box, rng: np.random.Generator) -> Picture:
    """Expose as for a living face: the mode `exposure` calls "mid", without clipping."""
    return exposure(light, face, "mid" if rng.random() < 0.7 else "dark", rng)


@face_instruments.register("replay_dim")
def replay_dim(staged: Staged, _other: Staged | None, rng: np.random.Generator) -> Picture:
    """Show ``staged`` on a dim, evenly exposed screen; display values out.

    Args:
        staged: what the screen shows.
        _other: not used: nothing is mirrored in the glass.
        rng: draws every parameter.
    """
    light = screen_light(stored_picture(staged.picture, rng), rng)
    light = veil(light, abs(rng.normal(0, 0.02)), rng)
    shift = abs(rng.normal(0.1, 0.12))
    gains = (-shift, 0.0, shift * rng.uniform(0.3, 1)) if rng.random() < 0.55 else (shift, 0.0, -shift)
    light = device(cast(light, gains[0], rng.normal(0, 0.03), gains[2]), staged.face, rng)
    seen = display(_natural(light, staged.face, rng))
    if rng.random() < 0.5:
        seen = s_curve(seen, rng.uniform(-0.5, 0.9))
    return np.clip(blur(saturate(seen, rng.uniform(0.55, 1.2)), abs(rng.normal(0.3, 0.6))), 0, 1)


@face_instruments.register("replay_monitor")
def replay_monitor(staged: Staged, _other: Staged | None, rng: np.random.Generator) -> Picture:
    """Show ``staged`` as a small film on a monitor, perhaps under a player's marks; display values out.

    Args:
        staged: what the monitor shows.
        _other: not used: a monitor is matt.
        rng: draws every parameter.
    """
    picture = stored_picture(staged.picture, rng)
    height, width = picture.shape[:2]
    scale = rng.uniform(50, 120) / max(staged.face.width, staged.face.height)
    small = resize(picture, max(8, round(width * scale)), max(8, round(height * scale)))
    shown = resize(jpeg(small, int(rng.integers(25, 85))), width, height)
    if rng.random() < 0.4:
        shown = overlay(shown, staged.face, rng)
    light = veil(screen_light(shown, rng), rng.uniform(0.02, 0.2), rng)
    warm = rng.normal(0.06, 0.1)
    light = device(cast(light, warm, rng.normal(0, 0.03), -warm), staged.face, rng)
    if rng.random() < 0.1:
        light = glare(light, rng)
    seen = s_curve(display(_natural(light, staged.face, rng)), rng.uniform(-1.0, 0.4))
    return np.clip(blur(saturate(seen, rng.uniform(0.4, 1.0)), rng.uniform(0.3, 1.6)), 0, 1)
