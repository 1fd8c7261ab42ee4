"""A near-infrared picture of an eye."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.eight_bits import load_eight_bits
from antispoof.sensing.eyes import Eye, find_eyes
from antispoof.sensing.faces import CropRecipe, frame
from antispoof.sensing.iris_quality import iris_measures
from antispoof.sensing.modalities import modalities
from antispoof.sensing.ridges import find_ridges, of_a_finger

__all__ = ["Iris"]

# The gate keeps out what cannot be judged; what is merely worse than a standard asks passes.
MIN_AGREEMENT = 0.5  # of the rays, of pupil and limbus each
MIN_PUPIL_AGREEMENT = 0.6  # of the rays of the pupil, that no lid covers
PLAIN_PUPIL = 0.95  # the same, with lines all over: 3 of 1,360 simulated eyes have less
SURE = 0.7  # of a second eye
CERTAIN = 0.85  # of one of another size: one more of 540 simulated eyes is taken for two by it
BESIDE = 1.6  # radii of the iris from its middle: another eye is looked for beyond
ROOM = 2.2  # radii that another eye needs
MIN_RADIUS = 28.0  # px; the standard asks 80
MIN_IRIS_IN_PICTURE = 0.07  # radius over the longer side: less is a picture of a face
RATIO = (12.0, 75.0)  # radius of the pupil, percent of that of the iris; the standard asks 20 to 70
MIN_PUPIL_CONTRAST = 8.0  # the standard asks 30: washed-out prints have 15
MIN_USABLE = 35.0  # percent of the iris; the standard asks 70
MIN_CONCENTRICITY = 70.0  # the standard asks 90
MIN_CIRCULARITY = 88.0  # percent
MIN_ENTROPY = 4.0  # bits; the standard asks 6
MIN_SEEN = 0.75  # share of the box around the iris that lies in the picture
MIN_TO_SIDE = 1.0  # radii from the middle of the iris to the left and right edge: no side is missing
MAX_RIDGES, MAX_PUPIL_DEVIATION = 0.32, 0.2  # lines all over where the pupil should be: no eye
MAX_INTERLACE = 1.25  # difference of neighbouring rows over that of rows two apart
MIN_BRIGHTEST = 30  # 0..255, 95th percentile
MAX_SATURATED = 0.7  # share of pixels of 250 or more
MIN_SIDE = 48  # px


class Iris:
    """``iris``: the eye in a near-infrared picture, cropped to the iris or with all that is around it.

    Bits are told as for ``face_infrared``; JPEG 2000, PNG, BMP and TIFF state or show them. Left and right
    eyes are judged alike. Colour pictures are refused: in visible light the texture of dark eyes is not seen.
    """

    name = "iris"
    title = "near-infrared picture of the eye"
    folders: tuple[str, ...] = ("irises", "eye", "eyes")
    unnamed: tuple[str, ...] = ()
    windowed = False
    single: Literal[True] = True
    unit = "uint8, (H, W), light at 700 to 900 nm, 0 to 255"
    reasons: Mapping[str, str] = {
        "no_bits": "the picture of the eye does not tell how bright white is: state the bits of the sensor",
        "no_iris": "no iris was found: open the eye wide, and look into the sensor",
        "several_eyes": "several eyes are in the picture: hand in a picture of each by itself",
        "too_small": "the iris is too small: come closer, or send the picture in its full size",
        "cut_off": "the iris is cut off by the edge of the picture: move into the middle",
        "covered": "lids, lashes or reflections cover the iris: open the eye wide, and take glasses off",
        "pupil_size": "the pupil is too small or too wide: change the light, and wait a moment",
        "off_gaze": "the eye looks aside: look straight into the sensor",
        "no_contrast": "pupil and iris can hardly be told apart: check the infrared lamp",
        "interlaced": "odd and even rows were taken at different moments: hold still, or change the sensor",
        "too_dark": "the picture of the eye is dark: check that the infrared lamp is on",
        "too_bright": "the picture of the eye is over-exposed: move back, or out of the sun",
        "constant": "the picture of the eye shows hardly any grey levels: check the sensor",
    }

    def load(self, source: Source) -> Sample:
        """Decode a near-infrared picture to 8 bits; raise `MediaError` when that cannot be done."""
        try:
            return load_eight_bits(source, self.name)
        except MediaError as error:
            if error.code != "colour":
                raise
            raise MediaError(
                "colour",
                "this is a colour picture; an eye is judged in near-infrared: in visible light the texture "
                "of dark eyes is not seen",
            ) from None

    def quality(self, sample: Sample) -> Quality:
        """Find pupil and iris, and tell whether they can be judged.

        The measurements are ``brightest`` (95th percentile, 0 to 255) and ``saturated`` (0 to 1) of the
        picture and, where there is an eye, those of `antispoof.sensing.iris_quality` and ``agreement``, the
        share of rays that agree with the circles, and ``ridges``, the share of the picture with lines as a
        fingerprint has them, 0 to 1.
        """
        picture = sample.array
        light = {
            "brightest": float(np.quantile(picture[::2, ::2], 0.95)) if picture.size else 0.0,
            "saturated": float((picture >= 250).mean()),
        }
        if not sample.metadata.get("settled", True):
            return Quality(("no_bits",), light)
        if light["brightest"] < MIN_BRIGHTEST:
            return Quality(("too_dark",), light)
        if light["saturated"] > MAX_SATURATED:
            return Quality(("too_bright",), light)
        if min(picture.shape) < MIN_SIDE:
            return Quality(("too_small",), light)
        eyes = find_eyes(picture)
        if not eyes or eyes[0].agreement < MIN_AGREEMENT:
            return Quality(("no_iris",), light)
        eye = eyes[0]
        ridges, _ = of_a_finger(find_ridges(picture))
        measured = {
            "agreement": eye.agreement,
            **iris_measures(picture, eye),
            "ridges": float(ridges.mean()),
            **light,
        }
        box = Box(
            eye.iris.x - eye.iris.radius,
            eye.iris.y - eye.iris.radius,
            2 * eye.iris.radius,
            2 * eye.iris.radius,
        )
        checks = (
            (
                "no_iris",
                eye.pupil_agreement < MIN_PUPIL_AGREEMENT
                or (
                    eye.pupil_agreement < PLAIN_PUPIL
                    and measured["ridges"] > MAX_RIDGES
                    and measured["pupil_deviation"] > MAX_PUPIL_DEVIATION
                ),
            ),
            ("several_eyes", any(_another(other, eye) for other in (*eyes[1:], *_beside(picture, eye)))),
            (
                "too_small",
                eye.iris.radius < MIN_RADIUS or eye.iris.radius < MIN_IRIS_IN_PICTURE * max(picture.shape),
            ),
            (
                "cut_off",
                _seen(box, picture.shape) < MIN_SEEN
                or min(eye.iris.x, picture.shape[1] - 1 - eye.iris.x) < MIN_TO_SIDE * eye.iris.radius,
            ),
            ("covered", measured["usable_iris_area"] < MIN_USABLE),
            ("pupil_size", not RATIO[0] <= measured["pupil_iris_ratio"] <= RATIO[1]),
            (
                "off_gaze",
                measured["concentricity"] < MIN_CONCENTRICITY
                or measured["pupil_circularity"] < MIN_CIRCULARITY,
            ),
            ("no_contrast", measured["iris_pupil_contrast"] < MIN_PUPIL_CONTRAST),
            ("interlaced", measured["interlace"] > MAX_INTERLACE),
            ("constant", measured["grey_utilisation_bits"] < MIN_ENTROPY),
        )
        reasons = tuple(code for code, failed in checks if failed)
        # Circles that are no eye's tell nothing of how somebody looks or stands.
        return Quality(reasons[:1] if reasons[:1] == ("no_iris",) else reasons, measured, box)

    def frame(self, sample: Sample, quality: Quality, *, scale: float, size: int) -> Box | None:
        """Return the square around the iris that `prepare` cuts out, in pixels."""
        return frame(sample.array, quality.region, CropRecipe(scale, size)) if quality.region else None

    def prepare(self, sample: Sample, quality: Quality, *, scale: float, size: int) -> NDArray[np.float32]:
        """Cut out the iris: float32, (1, size, size), 0 to 1; edge pixels repeat outside the picture.

        Args:
            sample: what was loaded.
            quality: with its region.
            scale: side of the square, in diameters of the iris.
            size: of the result, in pixels.
        """
        if quality.region is None:
            raise ValueError("prepare needs an iris; quality.region is None")
        cut = frame(sample.array, quality.region, CropRecipe(scale, size))
        return _cut(sample.array, cut, size)[np.newaxis]


def _another(other: Eye, eye: Eye) -> bool:
    """Tell whether another eye is sure, and about as large; or, beside it, of any size and certain."""
    if 1 / 1.5 < other.iris.radius / eye.iris.radius < 1.5:
        return other.agreement >= SURE
    apart = np.hypot(other.iris.x - eye.iris.x, other.iris.y - eye.iris.y)
    return bool(
        min(other.agreement, other.pupil_agreement) >= CERTAIN
        and other.iris.radius >= MIN_RADIUS
        and apart > other.iris.radius + eye.iris.radius
    )


def _beside(picture: NDArray[np.uint8], eye: Eye) -> Iterator[Eye]:
    """Look for eyes in what is left of the picture to each side of one."""
    reach = BESIDE * eye.iris.radius
    left, right = max(0, round(eye.iris.x - reach)), max(0, round(eye.iris.x + reach))
    top, bottom = max(0, round(eye.iris.y - reach)), max(0, round(eye.iris.y + reach))
    for part, x, y in (
        (picture[:, :left], 0, 0),
        (picture[:, right:], right, 0),
        (picture[:top], 0, 0),
        (picture[bottom:], 0, bottom),
    ):
        if min(part.shape) >= max(ROOM * eye.iris.radius, MIN_SIDE):
            for other in find_eyes(np.ascontiguousarray(part)):
                iris = replace(other.iris, x=other.iris.x + x, y=other.iris.y + y)
                yield replace(other, iris=iris)


def _seen(box: Box, shape: tuple[int, ...]) -> float:
    width = min(box.x + box.width, shape[1]) - max(box.x, 0)
    height = min(box.y + box.height, shape[0]) - max(box.y, 0)
    return max(width, 0.0) * max(height, 0.0) / (box.width * box.height)


def _cut(picture: NDArray[np.uint8], cut: Box, size: int) -> NDArray[np.float32]:
    rows, columns = picture.shape
    left, top, side = int(cut.x), int(cut.y), int(cut.width)
    inside = picture[max(top, 0) : max(top + side, 1), max(left, 0) : max(left + side, 1)]
    padding = (max(-top, 0), max(top + side - rows, 0), max(-left, 0), max(left + side - columns, 0))
    if any(padding):
        inside = np.asarray(cv2.copyMakeBorder(inside, *padding, borderType=cv2.BORDER_REPLICATE))
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (size, size), interpolation=how), np.float32) / np.float32(255)


modalities.register("iris")(Iris())
