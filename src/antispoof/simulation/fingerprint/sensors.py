"""Sensors of fingerprints: closeness of a surface → grey values, by the physics of each family.

Optical: light is reflected totally at the prism but where something touches it whose index of refraction is
near skin's; ridges are dark. Capacitive: a plate a pixel, ridges store more charge; what does not conduct
hardly shows. Thermal: pyroelectric cells that the finger is swept over; the picture is put together from
strips (D. Maltoni et al., "Handbook of Fingerprint Recognition", 3rd ed., Springer 2022, chapter 2, for the
families, their resolutions and their flaws).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.fingerprint.finger import Field
from antispoof.simulation.fingerprint.press import noise

__all__ = ["SENSORS", "Contact", "Family", "Sensor", "take"]

Family = Literal["optical", "capacitive", "thermal"]


@dataclass(frozen=True, slots=True)
class Sensor:
    """One model of sensor.

    Attributes:
        family: its physics.
        ppi: pixels an inch of its pictures.
        size: width and height of what it sees, px at 500 ppi.
        blur: px at 500 ppi, deviation of its point spread.
        contrast: how steeply grey follows closeness, lowest and highest; steep ones come close to two values.
        ground: 0 to 255, grey where nothing touches, lowest and highest.
        ridge: 0 to 255, grey where skin touches, lowest and highest.
        noise: grey levels, deviation, lowest and highest.
        pattern: grey levels, deviation of what every picture of a device has in common.
        dirt: specks and a trace of the last finger, 0 to 1.
    """

    family: Family
    ppi: int
    size: tuple[int, int]
    blur: tuple[float, float]
    contrast: tuple[float, float]
    ground: tuple[float, float]
    ridge: tuple[float, float]
    noise: tuple[float, float]
    pattern: float
    dirt: float


# Ranges around the data sheets of such kinds of sensors; none is a product's.
SENSORS: dict[str, Sensor] = {
    "optical_prism": Sensor(
        "optical", 500, (320, 400), (0.5, 1.0), (1.0, 3.0), (205, 253), (5, 90), (1, 5), 1.5, 0.8
    ),
    "optical_sheet": Sensor(
        "optical", 569, (288, 352), (0.7, 1.5), (0.8, 2.0), (170, 245), (20, 110), (2, 8), 2.5, 0.6
    ),
    "optical_enhanced": Sensor(
        "optical", 500, (288, 368), (0.4, 0.9), (2.5, 7.0), (225, 255), (0, 40), (0.5, 3), 0.5, 1.0
    ),
    "capacitive_silicon": Sensor(
        "capacitive", 508, (256, 320), (0.3, 0.8), (0.7, 1.8), (170, 250), (15, 100), (2, 9), 4.0, 0.3
    ),
    "capacitive_small": Sensor(
        "capacitive", 363, (240, 300), (0.6, 1.2), (0.8, 2.5), (150, 240), (10, 90), (3, 10), 5.0, 0.3
    ),
    "thermal_sweep": Sensor(
        "thermal", 500, (280, 400), (0.6, 1.3), (0.8, 2.0), (150, 225), (20, 100), (3, 10), 3.0, 0.1
    ),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """What touches the sensor.

    Attributes:
        touched: 0 to 1, closeness.
        area: 0 to 1, where it is pressed.
        optical: 0 to 1, how dark it gets where it touches a prism.
        electric: 0 to 1, how much charge it holds; skin is 1.
        thermal: 0 to 1, how fast it takes heat; skin is 1.
        haze: 0 to 1, what it shows between its ridges, because it lets light through or conducts in depth.
    """

    touched: Field
    area: Field
    optical: float = 1.0
    electric: float = 1.0
    thermal: float = 1.0
    haze: float = 0.0


def take(sensor: Sensor, contact: Contact, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture: uint8, at the sensor's resolution, ridges dark."""
    shape = (contact.touched.shape[0], contact.touched.shape[1])
    strength = {"optical": contact.optical, "capacitive": contact.electric, "thermal": contact.thermal}[
        sensor.family
    ]
    seen = cv2.GaussianBlur(contact.touched, (0, 0), float(rng.uniform(*sensor.blur)))
    seen = seen + contact.haze * contact.area * (1 - seen) * np.float32(rng.uniform(0.3, 1.0))
    steep = float(np.exp(rng.uniform(*np.log(sensor.contrast))))
    middle = float(rng.uniform(0.35, 0.65))
    curve = np.tanh(steep * (seen - middle)) - np.tanh(-steep * middle)
    curve /= np.tanh(steep * (1 - middle)) - np.tanh(-steep * middle)
    ground, ridge = float(rng.uniform(*sensor.ground)), float(rng.uniform(*sensor.ridge))
    light = ground + 8 * rng.uniform(0, 1) * noise(rng, shape, 160.0)
    # Sensors regulate their gain: weak contrast is amplified in part, and so is the noise.
    gain = min(1 / max(strength, 0.15), float(rng.uniform(1.0, 2.5)))
    dirt = _dirt(sensor, contact, rng) if sensor.dirt else 0.0
    picture = light - (ground - ridge) * np.clip(curve * strength * gain + dirt, 0, 1)
    if sensor.family == "thermal":
        picture = _swept(np.asarray(picture, np.float32), ground, rng)
    scale = sensor.ppi / 500
    if scale != 1:
        size = (round(shape[1] * scale), round(shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    device = np.random.default_rng(int(rng.integers(12)) + 1000 * len(sensor.family) + sensor.ppi)
    picture = picture + sensor.pattern * _fixed(sensor, device, (picture.shape[0], picture.shape[1]))
    picture = picture + gain * float(rng.uniform(*sensor.noise)) * rng.standard_normal(
        picture.shape, np.float32
    )
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def _dirt(sensor: Sensor, contact: Contact, rng: np.random.Generator) -> Field:
    """Specks, a halo of moisture around the finger, and what the last finger left."""
    shape = (contact.touched.shape[0], contact.touched.shape[1])
    out = np.zeros(shape, np.float32)
    if rng.random() < sensor.dirt:
        specks = noise(rng, shape, 1.6)
        near = cv2.GaussianBlur((contact.area > 0.02).astype(np.float32), (0, 0), 25)
        out += float(rng.uniform(0, 0.9)) * np.clip(specks - (4.2 - 2.2 * near * rng.random()), 0, 1)
    if rng.random() < 0.5 * sensor.dirt:
        near = cv2.GaussianBlur((contact.area > 0.02).astype(np.float32), (0, 0), float(rng.uniform(8, 30)))
        out += (
            float(rng.uniform(0, 0.25))
            * near
            * np.clip(1 + 0.6 * noise(rng, shape, 3.0), 0, None)
            * (1 - contact.touched)
        )
    if rng.random() < 0.25 * sensor.dirt:
        ghost = contact.touched[::-1, ::-1]
        ghost = np.roll(ghost, rng.integers(-60, 60, 2), (0, 1))
        out += float(rng.uniform(0, 0.12)) * cv2.GaussianBlur(ghost, (0, 0), 1.2)
    return out


def _swept(picture: Field, ground: float, rng: np.random.Generator) -> Field:
    """Put strips together that slipped a little, and lose contrast where the sweep slows down."""
    out, top = picture.copy(), 0
    slip = 0.0
    while top < len(picture):
        strip = int(rng.integers(8, 28))
        slip = float(np.clip(slip + rng.normal(0, 0.7), -4, 4))
        shift = np.array([[1, 0, slip], [0, 1, 0]], np.float32)
        part = picture[top : top + strip]
        moved = cv2.warpAffine(part, shift, (part.shape[1], part.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        out[top : top + strip] = ground + (moved - ground) * float(np.clip(rng.normal(0.95, 0.06), 0.6, 1.1))
        top += strip
    return out


def _fixed(sensor: Sensor, device: np.random.Generator, shape: tuple[int, int]) -> Field:
    cells = device.standard_normal(shape, np.float32)
    if sensor.family == "optical":
        return np.asarray(cv2.GaussianBlur(cells, (0, 0), 1.0), np.float32)
    lines = device.standard_normal((1, shape[1]), np.float32)
    if sensor.family == "capacitive":
        return np.asarray(
            0.6 * cells + 0.5 * lines + 0.5 * device.standard_normal((shape[0], 1), np.float32), np.float32
        )
    return np.asarray(0.4 * cells + lines, np.float32)
