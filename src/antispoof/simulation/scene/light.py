"""Lighting conditions, and what light a surface sends to the colour and the infrared camera."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.surface import Surface

__all__ = ["LIGHTING", "Light", "Lighting", "infrared_light", "set_light", "visible_light"]


@dataclass(frozen=True, slots=True)
class Lighting:
    """A kind of place.

    Attributes:
        level: brightness relative to an office, which decides the noise of the colour camera.
        diffuse: share of the light that comes from everywhere.
        side: how far to the side the main light stands, as the range of its horizontal angle in degrees.
        above: range of its height in degrees.
        warmth: range of the colour, 0 daylight to 1 incandescent.
        infrared: ambient light at 850 nm, relative to the device's own illuminator at half a metre.
        glow: light of the background itself.
        ambient_c: range of the air temperature.
    """

    level: float
    diffuse: float
    side: tuple[float, float]
    above: tuple[float, float]
    warmth: tuple[float, float]
    infrared: float
    glow: float
    ambient_c: tuple[float, float]


LIGHTING: Mapping[str, Lighting] = MappingProxyType(
    {
        # LED and fluorescent lamps emit next to nothing at 850 nm; sun and filament lamps do.
        "office": Lighting(1.0, 0.62, (-35, 35), (30, 65), (0.15, 0.45), 0.02, 0.0, (20, 25)),
        "window": Lighting(1.4, 0.35, (45, 75), (5, 30), (0.0, 0.2), 0.25, 0.0, (19, 26)),
        "dim": Lighting(0.09, 0.35, (-60, 60), (10, 45), (0.6, 1.0), 0.06, 0.0, (18, 24)),
        "backlit": Lighting(0.5, 0.85, (-30, 30), (20, 50), (0.0, 0.3), 0.15, 2.6, (20, 27)),
        "outdoor": Lighting(6.0, 0.55, (-60, 60), (35, 70), (0.0, 0.1), 0.9, 0.5, (6, 32)),
    }
)
"""Name → lighting condition."""

_DAYLIGHT = np.array((0.93, 1.0, 1.08), np.float32)
_INCANDESCENT = np.array((1.45, 0.95, 0.50), np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """One drawing of a lighting condition.

    Attributes:
        direction: unit vector towards the main light, camera coordinates.
        colour: red, green, blue.
        diffuse: share of light from everywhere.
        infrared: ambient 850 nm light.
        level: brightness.
    """

    direction: NDArray[np.float64]
    colour: NDArray[np.float32]
    diffuse: float
    infrared: float
    level: float


def set_light(kind: Lighting, rng: np.random.Generator) -> Light:
    """Draw a main light and its colour."""
    side = np.radians(rng.uniform(*kind.side) * (rng.choice([-1, 1]) if kind.side[0] > 0 else 1))
    above = np.radians(rng.uniform(*kind.above))
    direction = np.array([np.sin(side) * np.cos(above), -np.sin(above), -np.cos(side) * np.cos(above)])
    mix = np.float32(rng.uniform(*kind.warmth))
    return Light(
        direction=direction / np.linalg.norm(direction),
        colour=(_DAYLIGHT * (1 - mix) + _INCANDESCENT * mix).astype(np.float32),
        diffuse=kind.diffuse,
        infrared=kind.infrared * float(rng.uniform(0.6, 1.4)),
        level=kind.level * float(np.exp(rng.normal(0, 0.2))),
    )


def visible_light(surface: Surface, light: Light) -> NDArray[np.float32]:
    """Return red, green and blue light towards the camera; white paper facing the light gives about 1.

    Diffuse light by Lambert's law, softened on skin, where red light travels furthest before it comes out
    again; gloss by a Blinn-Phong lobe. Light on a surface is weakened where it cannot see its surroundings.
    """
    n = surface.normal
    facing = (n @ light.direction.astype(np.float32))[..., None]
    wrap = surface.skin[..., None] * np.array((0.30, 0.14, 0.10), np.float32)
    direct = np.clip((facing + wrap) / (1 + wrap), 0, None)
    sky = 0.75 - 0.25 * n[..., 1:2]
    around = surface.open[..., None]
    cast = np.clip(around * 1.6 - 0.45, 0, 1)
    incoming = light.colour * (light.diffuse * sky * around + (1 - light.diffuse) * 1.5 * direct * cast)
    shine = (
        _lobe(surface, light.direction, 22)[..., None] * surface.gloss[..., None] * (1 - light.diffuse) * 1.8
    )
    mirror = 0.10 * surface.gloss[..., None] * light.diffuse * np.clip(0.5 - n[..., 1:2], 0, 1)
    out = surface.reflectance[..., :3] * incoming + light.colour * (shine * cast + mirror)
    return np.asarray(out + surface.emission, np.float32)


def infrared_light(surface: Surface, light: Light, power: float) -> NDArray[np.float32]:
    """Return 850 nm light towards the camera from the device's own illuminator and from around.

    The illuminator stands beside the lens, so its light falls with the square of the distance, surfaces
    that face the camera are brightest, and glossy ones show it as a spot. A screen emits nothing at 850 nm.
    """
    ray = np.sqrt(1 + surface.u**2 + surface.v**2)
    toward = np.dstack([-surface.u, -surface.v, -np.ones_like(surface.u)]) / ray[..., None]
    facing = np.clip(np.sum(surface.normal * toward, axis=2), 0, 1)
    distance = surface.z * ray / 500
    falloff = power / np.maximum(distance, 0.2) ** 2
    spot = 4.0 * surface.gloss * facing ** (50 + 900 * surface.gloss)
    flank = surface.skin * 0.15 + facing * (1 - surface.skin * 0.15)  # scattering softens skin at 850 nm
    reflectance = surface.reflectance[..., 3]
    own = falloff * (reflectance * flank + spot)
    ambient = light.infrared * reflectance * surface.open * (0.7 - 0.3 * surface.normal[..., 1])
    return np.asarray(own + ambient, np.float32)


def _lobe(surface: Surface, direction: NDArray[np.float64], power: float) -> Any:
    toward = np.array([0.0, 0.0, -1.0])
    half = direction + toward
    half /= np.linalg.norm(half)
    return np.clip(surface.normal @ half.astype(np.float32), 0, 1) ** power
