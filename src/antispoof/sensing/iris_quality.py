"""Measures of ISO/IEC 29794-6 of an iris, as public sources describe them.

The sources are NIST Interagency Report 7820 ("IREX II - IQCE", 2011), which evaluated the candidates of the
standard, and the documentation of MITRE's open BIQT-Iris. Values run as there: shares in percent, radii in
pixels, grey levels of 8 bits. Pixels are told apart by the rubber sheet of `antispoof.sensing.eyes.ring`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.eyes import RAYS, Circle, Eye, ring

__all__ = [
    "circularity",
    "concentricity",
    "grey_utilisation",
    "interlace",
    "iris_measures",
    "margin",
    "pupil_contrast",
    "pupil_deviation",
    "sclera_contrast",
    "sharpness",
]

Grey = NDArray[np.uint8]

SHARPNESS_HALF = 1_800_000.0  # power of the filtered picture at which sharpness is 50
LAMP_LEVEL = 250  # grey level of a reflection that saturates


@dataclass(frozen=True, slots=True)
class _Zones:
    pupil: float
    iris: float
    sclera: float
    usable: float


def iris_measures(picture: Grey, eye: Eye) -> dict[str, float]:
    """Measure an eye: name → value; see the functions of this module for their definitions.

    Args:
        picture: uint8, (H, W).
        eye: pupil and iris in it, in pixels.
    """
    zones = _zones(picture, eye)
    return {
        "iris_radius_px": eye.iris.radius,
        "usable_iris_area": zones.usable,
        "iris_pupil_contrast": pupil_contrast(zones.iris, zones.pupil),
        "iris_sclera_contrast": sclera_contrast(zones.iris, zones.pupil, zones.sclera),
        "pupil_iris_ratio": 100 * eye.pupil.radius / eye.iris.radius,
        "concentricity": concentricity(eye),
        "pupil_circularity": circularity(picture, eye),
        "margin": margin(picture.shape, eye.iris),
        "sharpness": sharpness(picture),
        "grey_utilisation_bits": grey_utilisation(picture),
        "interlace": interlace(picture),
        "pupil_deviation": pupil_deviation(picture, eye),
    }


def pupil_contrast(iris: float, pupil: float) -> float:
    """Contrast of iris and pupil, 0 to 100: Weber's, |I - P| / (20 + P), through w / (0.75 + w).

    Args:
        iris: median grey level.
        pupil: median grey level.
    """
    weber = abs(iris - pupil) / (20 + pupil)
    return 100 * weber / (0.75 + weber)


def pupil_deviation(picture: Grey, eye: Eye) -> float:
    """Return how unevenly grey the pupil is, without its brightest tenth, over how much brighter the iris is.

    A pupil is a dark hole, whatever mirrors in it: about 0.05 or less. This is no measure of the standard.
    """
    centre = Circle(eye.pupil.x, eye.pupil.y, 0.0)
    pupil = ring(picture, centre, eye.pupil, np.linspace(0.1, 0.8, 12))
    iris = ring(picture, eye.pupil, eye.iris, np.linspace(0.1, 0.9, 24))
    darker = pupil[pupil <= np.quantile(pupil, 0.9)]
    return float(darker.std() / max(float(np.median(iris) - np.median(pupil)), 1.0))


def sclera_contrast(iris: float, pupil: float, sclera: float) -> float:
    """Contrast of iris and sclera, 0 to 100: |S - I| / (S + I - 2 P); 0 where the pupil is no darker."""
    if pupil >= iris or sclera + iris <= 2 * pupil:
        return 0.0
    return min(100.0, 100 * abs(sclera - iris) / (sclera + iris - 2 * pupil))


def concentricity(eye: Eye) -> float:
    """Return 100 less the distance of both centres in percent of the radius of the iris, at least 0."""
    apart = np.hypot(eye.pupil.x - eye.iris.x, eye.pupil.y - eye.iris.y) / eye.iris.radius
    return float(100 * max(0.0, 1 - apart))


def margin(shape: tuple[int, ...], iris: Circle) -> float:
    """Return how much of the asked margins is there, 0 to 100.

    Asked are 0.6 radii of the iris to the left and right, 0.2 above and below; the scarcest side counts.
    """
    height, width = shape[:2]
    sides = (
        (iris.x - iris.radius) / (0.6 * iris.radius),
        (width - 1 - iris.x - iris.radius) / (0.6 * iris.radius),
        (iris.y - iris.radius) / (0.2 * iris.radius),
        (height - 1 - iris.y - iris.radius) / (0.2 * iris.radius),
    )
    return float(100 * np.clip(min(sides), 0, 1))


def grey_utilisation(picture: Grey) -> float:
    """Entropy of the histogram of grey levels, in bits, 0 to 8."""
    counts = np.bincount(picture.ravel(), minlength=256)
    share = counts[counts > 0] / picture.size
    return float(-(share * np.log2(share)).sum())


def sharpness(picture: Grey) -> float:
    """Power of the picture after a Laplacian of a Gaussian, 0 to 100: 100 p² / (p² + 1,800,000²).

    The filter is the 9 × 9 one of deviation 1.4, of whole numbers whose middle is -40, at every fourth pixel;
    p is the sum of squares over the number of pixels looked at.
    """
    filtered = cv2.filter2D(picture, cv2.CV_32F, _laplacian(), borderType=cv2.BORDER_REPLICATE)[::4, ::4]
    power = float(np.mean(np.square(filtered)))
    return 100 * power**2 / (power**2 + SHARPNESS_HALF**2)


def interlace(picture: Grey) -> float:
    """Return how much more neighbouring rows differ than rows two apart do; about 1 or less is usual."""
    wide = picture.astype(np.float32)
    near = float(np.mean(np.abs(wide[2:] - wide[1:-1])))
    far = float(np.mean(np.abs(wide[2:] - wide[:-2])))
    return near / max(far, 0.5)


def circularity(picture: Grey, eye: Eye) -> float:
    """Return 100 less what the edge of the pupil deviates from its circle, in percent of its radius.

    The standard sums the power of the edge's first harmonics; this is the mean absolute deviation, which
    BIQT-Iris reports as ``pupil_circularity_avg_deviation``, over the rays without lid or reflection.
    """
    share = np.linspace(0.7, 1.3, 37)
    centre = Circle(eye.pupil.x, eye.pupil.y, 0.0)
    along = cv2.GaussianBlur(ring(picture, centre, eye.pupil, share), (3, 5), 0)
    rise = along[2:] - along[:-2]
    edge = share[1:-1][rise.argmax(axis=0)]
    sure = rise.max(axis=0) > 0.5 * np.median(rise.max(axis=0))
    return float(100 * max(0.0, 1 - np.mean(np.abs(edge[sure] - np.median(edge[sure])))))


def _zones(picture: Grey, eye: Eye) -> _Zones:
    """Return the median grey of pupil, iris and sclera, and the usable share of the iris, in percent."""
    centre = Circle(eye.pupil.x, eye.pupil.y, 0.0)
    pupil = float(np.median(ring(picture, centre, eye.pupil, np.linspace(0.1, 0.8, 8))))
    iris = ring(picture, eye.pupil, eye.iris, np.linspace(0.1, 0.9, 24))
    sides = np.abs(np.cos(np.arange(RAYS) * (2 * np.pi / RAYS))) > np.cos(np.deg2rad(30))
    sclera = ring(picture, Circle(eye.iris.x, eye.iris.y, 0.0), eye.iris, np.linspace(1.1, 1.25, 6))
    middle = float(np.median(iris[:, sides]))
    spread = 1.4826 * float(np.median(np.abs(iris[:, sides] - middle))) + 3
    # Lids are brighter or darker than the iris at its sides, lashes darker; reflections saturate.
    off = (np.abs(iris - middle) > 4 * spread) | (iris >= LAMP_LEVEL)
    return _Zones(pupil, middle, float(np.median(sclera[:, sides])), float(100 * (1 - off.mean())))


@functools.cache
def _laplacian() -> NDArray[np.float32]:
    quarter = [[0, 1, 1, 2, 2], [1, 2, 4, 5, 5], [1, 4, 5, 3, 0], [2, 5, 3, -12, -24], [2, 5, 0, -24, -40]]
    half = np.hstack([quarter, np.fliplr(quarter)[:, 1:]])
    return np.asarray(np.vstack([half, np.flipud(half)[1:]]), np.float32)
