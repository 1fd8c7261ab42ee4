"""A near-infrared picture of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.eight_bits import load_eight_bits
from antispoof.sensing.faces import CropRecipe, Fit, frame
from antispoof.sensing.maps import crop_map, inside
from antispoof.sensing.modalities import modalities
from antispoof.sensing.upright import find_upright, turn_box

__all__ = ["FaceInfrared"]

MIN_FACE_SIDE = 32  # px, longer side of the box
MIN_BRIGHTEST = 14  # 0..255, 95th percentile: an illuminator that is off leaves less
MAX_SATURATED = 0.7  # share of face pixels of 250 or more
MIN_CONTRAST = 1.0  # standard deviation, 0..255


class FaceInfrared:
    """``face_infrared``: the largest face in a near-infrared picture, found as in colour pictures.

    8 bits are taken as they are. How many of 16 bits a sensor uses is stated by a `Recording` or a `Sample`
    (``"12 bit"``, or ``"up to 4000"``) or by the file (PGM, TIFF); only a picture that needs more than
    14 bits, hot pixels aside, shows it by itself. Any other one is rejected with ``no_bits``: what looks like
    a bright picture of a 10-bit sensor may be a dark one of a 12-bit sensor, and darkness is evidence.
    Floating point is 0 to 1 or 0 to 255. Pixels without a value are black.
    """

    name = "face_infrared"
    title = "infrared picture of the face"
    folders: tuple[str, ...] = ("ir", "nir", "infrared")
    unnamed: tuple[str, ...] = ()
    windowed = False
    filmed: Literal["colour", "grey"] = "grey"
    unit = "uint8, (H, W), light at 700 to 1000 nm, 0 to 255"
    reasons: Mapping[str, str] = {
        "no_bits": "the infrared picture does not tell how bright white is: state the bits of the sensor",
        "no_face": "no face was found in infrared: face the camera, with the whole face in the picture",
        "too_small": "the face is too small: come closer",
        "too_dark": "the infrared picture is dark: check that the infrared lamp is on",
        "too_bright": "the infrared picture is over-exposed: move back, or out of the sun",
        "not_upright": "the infrared picture is not upright: hold the head and turn the sensor upright",
        "inverted_colours": "the infrared picture is a negative: hand it in as it was taken",
        "constant": "the infrared picture shows nothing: check the sensor",
        "frozen": "all frames of the infrared sensor are the same: restart it",
    }

    def load(self, source: Source) -> Sample:
        """Decode an infrared picture to 8 bits; raise `MediaError` when that cannot be done."""
        return load_eight_bits(source, self.name)

    def quality(self, sample: Sample) -> Quality:
        """Find the face, and tell whether it can be judged.

        The measurements are ``brightest`` (95th percentile, 0 to 255), ``saturated`` (0 to 1) and
        ``contrast`` (standard deviation), of the face or, without one, of the picture; and ``face_side_px``.
        """
        picture = sample.array
        whole = _light(picture)
        if sample.metadata.get("frozen"):
            return Quality(("frozen",), whole)
        if not sample.metadata.get("settled", True):
            return Quality(("no_bits",), whole)
        if whole["brightest"] < MIN_BRIGHTEST:
            return Quality(("too_dark",), whole)
        bright = whole["saturated"] > MAX_SATURATED
        if whole["contrast"] < MIN_CONTRAST:
            return Quality(("too_bright" if bright else "constant",), whole)
        found = find_upright(np.repeat(picture[..., np.newaxis], 3, axis=2))
        if not found.faces:
            return Quality(("no_face", "too_bright") if bright else ("no_face",), whole)
        box = turn_box(found.faces[0].box, found.picture.shape, -found.quarter_turns)
        light = _light(picture[inside(box, picture.shape)])
        side = max(box.width, box.height)
        checks = (
            ("too_small", side < MIN_FACE_SIDE),
            ("too_dark", light["brightest"] < MIN_BRIGHTEST),
            ("too_bright", light["saturated"] > MAX_SATURATED),
            ("not_upright", found.quarter_turns > 0 or not found.upright),  # the other sensors cannot tell
            ("inverted_colours", found.negative),
        )
        reasons = tuple(code for code, failed in checks if failed)
        return Quality(reasons, {"face_side_px": side, **light}, box)

    def frame(
        self, sample: Sample, quality: Quality, *, scale: float, size: int, fit: Fit = "square"
    ) -> Box | None:
        """Return the rectangle around the face that `prepare` cuts out, in pixels."""
        return frame(sample.array, quality.region, CropRecipe(scale, size, fit)) if quality.region else None

    def prepare(
        self, sample: Sample, quality: Quality, *, scale: float, size: int, fit: Fit = "square"
    ) -> NDArray[np.float32]:
        """Cut out the face: float32, (1, size, size), 0 to 1; 0 outside the picture."""
        if quality.region is None:
            raise ValueError("prepare needs a face; quality.region is None")
        picture = sample.array.astype(np.float32) / np.float32(255)
        everywhere = np.ones(picture.shape, bool)
        values, share = crop_map(picture, everywhere, quality.region, CropRecipe(scale, size, fit))
        return (values * (share > 0))[np.newaxis]


def _light(picture: NDArray[Any]) -> dict[str, float]:
    return {
        "brightest": float(np.quantile(picture, 0.95)),
        "saturated": float((picture >= 250).mean()),
        "contrast": float(picture.std()),
    }


modalities.register("face_infrared")(FaceInfrared())
