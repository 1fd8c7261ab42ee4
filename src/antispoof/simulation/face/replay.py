"""A picture of the person on a phone, tablet or monitor, captured a second time.

What gives a replay away to a small network is its tone, not its moiré: a bright screen over-exposed by a
camera that meters for a dark room, a veil of reflected light, a cast between display white and camera white,
highlights clipped twice, the softness of a second capture. Blown, washed, dark and middling exposures are
modes with their own ranges.
"""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.sensing.capture import Box
from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.bona_fide import room
from antispoof.simulation.face.optics import blur, jpeg, motion_blur, resize
from antispoof.simulation.face.staging import Staged, backdrop, hand, quadrilateral
from antispoof.simulation.face.tone import Picture, cast, display, linear, ramp, s_curve, saturate, shoulder

__all__ = ["replay"]

_MODES = (("blown", 0.45), ("wash", 0.25), ("dark", 0.12), ("mid", 0.18))
_CASTS = (("blue", 0.27), ("purple", 0.18), ("warm", 0.23), ("red", 0.12), ("neutral", 0.20))


def _choose(options: tuple[tuple[str, float], ...], rng: np.random.Generator) -> str:
    names, weights = zip(*options, strict=True)
    return str(rng.choice(names, p=np.array(weights) / sum(weights)))


def stored_picture(picture: Picture, rng: np.random.Generator) -> Picture:
    """What the attacker recorded: a bona fide capture at half strength, often small and compressed."""
    seen = room(picture, rng)
    shown = np.float32(0.6) * seen + np.float32(0.4) * picture
    if rng.random() < 0.7:
        height, width = shown.shape[:2]
        scale = min(1.0, rng.uniform(80, 200) / 160)
        small = jpeg(
            resize(shown, max(8, round(width * scale)), max(8, round(height * scale))),
            int(rng.integers(30, 91)),
        )
        shown = resize(small, width, height)
    return shown


def screen_light(picture: Picture, rng: np.random.Generator) -> Picture:
    """Display values → light that the screen emits: its pixel raster, its gamma, its vivid mode."""
    height, width = picture.shape[:2]
    scale = min(1.0, rng.uniform(110, 190) / 160)
    shown = resize(
        resize(picture, max(8, round(width * scale)), max(8, round(height * scale))), width, height
    )
    if rng.random() < 0.4:
        shown = saturate(shown, rng.uniform(1, 1.6))
    return linear(shown, rng.uniform(1.8, 3))


def veil(light: Picture, amount: float, rng: np.random.Generator) -> Picture:
    """Add reflected room light: ``amount``, tinted by exp N(0, 0.15), uneven in 60 % of cases."""
    tint = np.exp(rng.normal(0, 0.15, 3)).astype(np.float32)
    haze = np.ones((*light.shape[:2], 1), np.float32)
    if rng.random() < 0.6:
        haze = np.maximum(1 + rng.uniform(0, 1.6) * ramp(light.shape[:2], rng.uniform(0, 2 * np.pi)), 0)
    return light + np.float32(amount) * haze * tint


def glare(light: Picture, rng: np.random.Generator) -> Picture:
    """One or two lamps or windows mirrored in the glass: blurred blobs or bars."""
    height, width = light.shape[:2]
    for _ in range(rng.integers(1, 3)):
        spot = np.zeros((height, width), np.float32)
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        if rng.random() < 0.5:
            axes = (
                max(1, int(rng.uniform(0.02, 0.15) * width)),
                max(1, int(rng.uniform(0.02, 0.15) * height)),
            )
            cv2.ellipse(spot, (x, y), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
        else:
            angle = rng.uniform(0, np.pi)
            dx, dy = int(width * np.cos(angle)), int(width * np.sin(angle))
            cv2.line(
                spot, (x - dx, y - dy), (x + dx, y + dy), 1.0, max(1, int(rng.uniform(0.01, 0.08) * width))
            )
        soft = cv2.GaussianBlur(spot, (0, 0), rng.uniform(0.005, 0.06) * width + 0.3)[..., None]
        light = light + np.float32(rng.uniform(0.1, 1.2)) * soft
    return light


def refresh_band(light: Picture, rng: np.random.Generator) -> Picture:
    """A brightness band from the beat of refresh and shutter, 3 to 25 % deep."""
    y = np.linspace(0, 1, light.shape[0], dtype=np.float32)[:, None, None]
    wave = np.sin(2 * np.pi * (rng.uniform(0.5, 3) * y + rng.random()))
    return np.asarray(light * (1 - rng.uniform(0.03, 0.25) * (0.5 + 0.5 * wave)), np.float32)


def colour_cast(light: Picture, rng: np.random.Generator) -> Picture:
    """The difference between display white and camera white, in log gains."""
    kind = _choose(_CASTS, rng)
    strong, weak = abs(rng.normal(0.1, 0.25)), abs(rng.normal(0, 0.15))
    gains = {
        "blue": (-weak, rng.normal(0, 0.05), strong),
        "purple": (weak, -weak, strong),
        "warm": (strong, weak / 2, -strong),
        "red": (strong, -weak, -weak),
        "neutral": tuple(rng.normal(0, 0.04, 3)),
    }
    return cast(light, *gains[kind])


def exposure(light: Picture, face: Box, mode: str, rng: np.random.Generator) -> Picture:
    """Scale the face to the mean light that metering lands on in this mode; clip or roll off."""
    low, high = {"blown": (0.4, 1.8), "wash": (0.1, 0.5), "dark": (0.03, 0.12), "mid": (0.1, 0.4)}[mode]
    target = np.exp(rng.uniform(np.log(low), np.log(high)))
    rows, columns = (
        slice(max(int(face.y), 0), int(face.y + face.height)),
        slice(max(int(face.x), 0), int(face.x + face.width)),
    )
    light = light * np.float32(target / max(float(light[rows, columns].mean()), 1e-4))
    return np.clip(light, 0, 1) if rng.random() < 0.6 else shoulder(light, rng.uniform(0.4, 0.9))


def device(screen: Picture, face: Box, rng: np.random.Generator) -> Picture:
    """Put the screen into its bezel, and the device into a room that is darker than it. Light."""
    height, width = screen.shape[:2]
    side = max(face.width, face.height)
    reach = np.exp(rng.uniform(np.log(0.2), np.log(1.8))) * rng.uniform(0.7, 1.4, 4)
    inside, corners = quadrilateral((height, width), face, reach, rng)
    if inside.min() > 0.99:
        return screen
    border = max(1, round(rng.uniform(0.02, 0.2) * side))
    frame = cv2.dilate(inside[..., 0], np.ones((3, 3)), iterations=border)[..., None]
    bezel = np.float32(rng.uniform(0.5, 0.9) if rng.random() < 0.15 else rng.uniform(0, 0.08))
    room_light = np.float32(np.exp(rng.uniform(np.log(0.03), np.log(0.8))))
    around = linear(backdrop(width, height, rng)) * room_light
    scene = inside * screen + (frame - inside) * bezel * room_light + (1 - frame) * around
    return hand(scene, corners, side, rng) if rng.random() < 0.25 else scene


@face_instruments.register("replay")
def replay(staged: Staged, other: Staged | None, rng: np.random.Generator) -> Picture:
    """Show ``staged`` on a screen and see it through the capturing camera's exposure; display values out.

    Args:
        staged: what the screen shows.
        other: somebody in the same framing, mirrored in the glass in a quarter of cases.
        rng: draws every parameter.
    """
    mode = _choose(_MODES, rng)
    light = screen_light(stored_picture(staged.picture, rng), rng)
    amount = {"blown": abs(rng.normal(0, 0.03)), "wash": rng.uniform(0.06, 0.4)}.get(
        mode, abs(rng.normal(0, 0.05))
    )
    light = veil(light * np.float32(rng.uniform(0.6, 1)), amount, rng)
    if other is not None and rng.random() < 0.25:
        light = light + np.float32(rng.uniform(0.02, 0.2)) * linear(other.picture)
    if rng.random() < 0.3:
        light = glare(light, rng)
    if rng.random() < 0.2:
        light = refresh_band(light, rng)
    light = device(light, staged.face, rng)
    seen = display(exposure(colour_cast(light, rng), staged.face, mode, rng), rng.uniform(1.8, 2.4))
    if mode in ("blown", "mid") and rng.random() < 0.7:
        seen = s_curve(seen, rng.uniform(0, 3))
    low, high = {"blown": (0.8, 1.8), "wash": (0.35, 1.2)}.get(mode, (0.5, 1.5))
    seen = blur(saturate(seen, rng.uniform(low, high)), abs(rng.normal(0.2, 0.8)))
    if rng.random() < 0.1:
        seen = motion_blur(seen, rng.uniform(2, 7), rng.uniform(0, np.pi))
    return np.clip(seen, 0, 1)
