"""Sensor suites: what the devices make of the light, the distances and the heat in front of them.

Sources:
    [Khoshelham] K. Khoshelham, S. O. Elberink, "Accuracy and resolution of Kinect depth data", Sensors 12,
    2012: the
        error of triangulation grows with the square of the distance.
    [Lange] R. Lange, P. Seitz, "Solid-state time-of-flight range camera", IEEE J. Quantum Electron. 37,
    2001: the
        error of time of flight falls with the square root of the light that comes back; light over several
        paths lengthens the distance in hollows, pixels on edges mix two distances.
    Uncooled microbolometers: noise-equivalent temperature difference of 40-100 mK, drift of about a degree
    between calibrations, column noise (data sheets of 80×60 to 320×256 modules).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.jpeg import decode_jpeg
from antispoof.simulation.scene.surface import Surface

__all__ = ["SUITES", "Suite", "colour_picture", "depth_map", "infrared_picture", "thermal_map"]

Map = NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Suite:
    """A device with four registered sensors.

    Attributes:
        view: full angle of view, degrees.
        distance_mm: range in which people stand before it.
        blur: of the colour lens, in pixels of the output at 128.
        well: electrons of a white pixel under office light: the colour noise.
        tint: red, green, blue response.
        jpeg: quality of its stored colour pictures.
        depth: ``structured_light``, ``time_of_flight`` or ``active_stereo``.
        depth_noise: in mm at half a metre, on a surface that reflects half the light.
        nearest_mm: the depth sensor is blind before this.
        illuminator: power at 850 nm relative to the others.
        thermal_pixels: pixels of the thermal sensor across the picture.
        netd_mk: thermal noise in millikelvin.
    """

    view: float
    distance_mm: tuple[float, float]
    blur: float
    well: float
    tint: tuple[float, float, float]
    jpeg: int
    depth: str
    depth_noise: float
    nearest_mm: float
    illuminator: float
    thermal_pixels: int
    netd_mk: float


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "kiosk": Suite(
            28, (440, 640), 0.55, 9000, (1.00, 1.00, 1.00), 92, "active_stereo", 1.6, 280, 1.3, 128, 45
        ),
        "desk": Suite(
            34, (380, 540), 0.75, 4000, (1.06, 1.00, 0.94), 85, "structured_light", 0.8, 200, 1.0, 80, 60
        ),
        "phone": Suite(
            42, (290, 420), 0.65, 2500, (0.96, 1.00, 1.05), 90, "time_of_flight", 2.2, 120, 0.8, 60, 90
        ),
    }
)
"""Name → sensor suite."""


def colour_picture(
    light: Map, level: float, illuminant: Map, suite: Suite, size: int, rng: Rng
) -> NDArray[np.uint8]:
    """Expose, blur, add noise, balance white and compress: uint8, (size, size, 3), sRGB.

    Args:
        light: (H, W, 3), linear, one value a ray.
        level: brightness of the scene relative to an office: little light, few electrons.
        illuminant: colour of the light, (3,).
        suite: camera.
        size: pixels across and down.
        rng: noise.
    """
    small: Any = cv2.resize(light, (size, size), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), suite.blur * size / 128)
    small = small * np.array(suite.tint, np.float32)
    middle = small[size // 6 : -size // 6, size // 5 : -size // 5]
    # The white balance finds most of the light's colour, and a little that is not there.
    gain = illuminant ** -rng.uniform(0.6, 1.0) * np.exp(0.03 * rng.standard_normal(3))
    exposure = 0.24 / max(float(np.mean(middle)), 1e-3) * float(np.exp(rng.normal(0, 0.12)))
    picture = small * gain.astype(np.float32) * np.float32(exposure)
    electrons = suite.well * float(np.clip(level, 0.02, 1.0))
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.sqrt(
        np.clip(picture, 0, 4) / electrons + (4 / electrons) ** 2
    )
    picture = 1.1 * np.clip(picture, 0, None) ** 1.15
    picture = picture * (1 + picture / 1.8**2) / (1 + picture)  # highlights roll off
    picture = np.clip(picture * 1.35, 0, 1)
    coded = np.where(picture < 0.0031308, 12.92 * picture, 1.055 * picture ** (1 / 2.4) - 0.055)
    eight = (coded * 255 + 0.5).astype(np.uint8)
    _, stored = cv2.imencode(".jpg", eight[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, suite.jpeg])
    return decode_jpeg(stored.tobytes())


def infrared_picture(light: Map, suite: Suite, size: int, rng: Rng) -> NDArray[np.uint8]:
    """Expose for the middle of the picture and add noise: uint8, (size, size), 850 nm."""
    small: Any = cv2.resize(light, (size, size), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), suite.blur * 1.15 * size / 128)
    middle = small[size // 5 : -size // 5, size // 4 : -size // 4]
    # The gain has an end: a dark screen stays dark.
    gain = 0.42 / float(np.clip(np.percentile(middle, 80), 0.24, 4.0))
    picture = small * np.float32(gain)
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.sqrt(
        np.clip(picture, 0, 2) * gain / 5000 + (0.006 * gain**0.5) ** 2
    )
    return np.asarray(np.clip(picture, 0, 1) ** (1 / 1.4) * 255 + 0.5, np.uint8)


def depth_map(
    surface: Surface, infrared: Map, ambient: float, suite: Suite, size: int, rng: Rng
) -> NDArray[np.uint16]:
    """Measure distances: uint16, (size, size), mm along the optical axis, 0 where nothing was measured.

    Args:
        surface: what is there.
        infrared: light that comes back at 850 nm.
        ambient: 850 nm light from elsewhere, which drowns the pattern.
        suite: sensor.
        size: pixels across and down.
        rng: noise and holes.
    """
    pick = (np.arange(size) + 0.5) * surface.z.shape[0] / size
    rows = pick.astype(int)
    take = np.ix_(rows, rows)
    z, back = surface.z[take], infrared[take]
    normal, gloss, opened = surface.normal[take], surface.gloss[take], surface.open[take]
    signal = np.clip(back, 1e-3, None)
    noise = rng.standard_normal((2, size, size), dtype=np.float32)
    coarse: Any = cv2.GaussianBlur(noise[1], (0, 0), 1.6) * 4.5
    measured, valid = _DEPTH[suite.depth](_Echo(z, signal, opened, noise[0], coarse), suite)
    facing = -normal[..., 2]
    dark = signal < 0.045 * (1 + 6 * ambient)
    glare = (gloss > 0.2) & (facing > 0.99) & (coarse > 1.2 - 3.0 * gloss)
    valid &= ~(dark & (coarse < 1.2)) & ~glare & (facing > 0.16) & (z > suite.nearest_mm)
    valid &= rng.random((size, size), dtype=np.float32) > 0.001 + 0.02 * ambient * (
        suite.depth != "time_of_flight"
    )
    return np.where(valid, np.clip(measured + 0.5, 0, 65535), 0).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class _Echo:
    """What a depth sensor works from: true depth, light that comes back, openness, fine and coarse noise."""

    z: Map
    signal: Map
    opened: Map
    noise: Map
    coarse: Map


def _structured_light(a: _Echo, suite: Suite) -> tuple[Map, NDArray[np.bool_]]:
    sigma = suite.depth_noise * (a.z / 500) ** 2 * np.sqrt(0.5 / np.clip(a.signal, 0.05, 4))
    disparity = 60000 / (a.z + sigma * (0.6 * a.noise + 0.5 * a.coarse))
    measured = 60000 / (np.round(disparity * 8) / 8)  # eighths of a pixel [Khoshelham]
    return measured.astype(np.float32), ~_shadow(a.z, 5)


def _active_stereo(a: _Echo, suite: Suite) -> tuple[Map, NDArray[np.bool_]]:
    smooth: Any = cv2.medianBlur(a.z, 5)  # blocks are matched, so edges are rounded
    near = np.abs(smooth - a.z) < 60
    sigma = suite.depth_noise * (a.z / 500) ** 2 * np.sqrt(0.5 / np.clip(a.signal, 0.1, 4))
    disparity = 48000 / (np.where(near, smooth, a.z) + sigma * (0.3 * a.noise + 0.9 * a.coarse))
    return (48000 / (np.round(disparity * 16) / 16)).astype(np.float32), ~_shadow(a.z, 3)


def _time_of_flight(a: _Echo, suite: Suite) -> tuple[Map, NDArray[np.bool_]]:
    mixed: Any = cv2.blur(a.z, (3, 3))
    sigma = suite.depth_noise * np.sqrt(0.5 / np.clip(a.signal, 0.03, 6))
    edge = np.abs(mixed - a.z) > 12
    paths = 9 * (1 - a.opened) + 3.0 * np.clip(0.25 - a.signal, 0, 1)  # [Lange]
    measured = np.where(edge, mixed, a.z) + paths + sigma * (0.8 * a.noise + 0.25 * a.coarse)
    return measured.astype(np.float32), ~(edge & (a.noise > 0.3))


def _shadow(z: Map, reach: int) -> NDArray[np.bool_]:
    """Tell where the projector, to the left of the camera, is hidden by something nearer."""
    hidden = np.zeros(z.shape, bool)
    for k in range(1, reach + 1):
        hidden[:, k:] |= z[:, k:] - z[:, :-k] > 18 * k + 8
    return hidden


_DEPTH: Mapping[str, Callable[[_Echo, Suite], tuple[Map, NDArray[np.bool_]]]] = {
    "structured_light": _structured_light,
    "active_stereo": _active_stereo,
    "time_of_flight": _time_of_flight,
}


def thermal_map(surface: Surface, ambient_c: float, suite: Suite, size: int, rng: Rng) -> NDArray[np.uint16]:
    """Measure heat: uint16, (size, size), apparent temperature in hundredths of a kelvin (K × 100).

    Radiance of the 8-14 µm band goes about with the fourth power of temperature near 300 K; what a surface
    does not emit it reflects from its surroundings, taken to be at air temperature.
    """
    kelvin = surface.temperature + 273.15
    around = ambient_c + 273.15
    radiance = surface.emissivity * (kelvin / 300) ** 4 + (1 - surface.emissivity) * (around / 300) ** 4
    pixels = min(suite.thermal_pixels, size)
    coarse: Any = cv2.resize(radiance.astype(np.float32), (pixels, pixels), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 0.6)
    apparent = 300 * coarse**0.25
    apparent += rng.standard_normal(coarse.shape, dtype=np.float32) * np.float32(suite.netd_mk / 1000)
    apparent += rng.standard_normal(pixels, dtype=np.float32) * np.float32(suite.netd_mk / 1500)  # columns
    apparent += np.float32(rng.normal(0, 0.5))  # drift
    full: Any = cv2.resize(apparent, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(full * 100 + 0.5, 0, 65535), np.uint16)
