"""A near-infrared picture of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.faces import CropRecipe, Fit, find_faces, frame
from antispoof.sensing.maps import crop_map, inside, load_map
from antispoof.sensing.modalities import modalities

__all__ = ["FaceInfrared"]

MIN_FACE_SIDE = 32  # px, longer side of the box
MIN_BRIGHTEST = 14  # 0..255, 95th percentile: an illuminator that is off leaves less
MAX_SATURATED = 0.7  # share of face pixels of 250 or more
MIN_CONTRAST = 1.0  # standard deviation, 0..255
BITS = (8, 10, 12, 14, 16)


class FaceInfrared:
    """``face_infrared``: the largest face in a near-infrared picture, found as in colour pictures.

    8 bits are taken as they are. Of 16-bit pictures the sensor's own width is told from the largest value
    (10, 12, 14 or 16 bits), and the upper 8 bits of it are used.
    """

    name = "face_infrared"
    title = "infrared picture of the face"
    folders: tuple[str, ...] = ("ir", "nir", "infrared")
    unnamed: tuple[str, ...] = ()
    windowed = False
    unit = "uint8, (H, W), light at 700 to 1000 nm, 0 to 255"
    reasons: Mapping[str, str] = {
        "no_face": "no face was found in infrared: face the camera, with the whole face in the picture",
        "too_small": "the face is too small: come closer",
        "too_dark": "the infrared picture is dark: check that the infrared lamp is on",
        "too_bright": "the infrared picture is over-exposed: move back, or out of the sun",
        "constant": "the infrared picture shows nothing: check the sensor",
        "frozen": "all frames of the infrared sensor are the same: restart it",
    }

    def load(self, source: Source) -> Sample:
        """Decode an infrared picture to 8 bits; raise `MediaError` when that cannot be done."""
        sample = load_map(source)
        array = sample.array
        if array.dtype.kind == "f":
            raise MediaError("unsupported_media", "infrared needs 8-bit or 16-bit values, got floating point")
        bits = next(b for b in BITS if int(array.max()) < 2**b)
        if array.dtype == np.uint16:
            array = (array >> (bits - 8)).astype(np.uint8)
        return Sample(array, {"bits": bits, **sample.metadata})

    def quality(self, sample: Sample) -> Quality:
        """Find the face, and tell whether it can be judged.

        The measurements are ``brightest`` (95th percentile, 0 to 255), ``saturated`` (0 to 1) and
        ``contrast`` (standard deviation), of the face or, without one, of the picture; and ``face_side_px``.
        """
        picture = sample.array
        whole = _light(picture)
        if sample.metadata.get("frozen"):
            return Quality(("frozen",), whole)
        if whole["brightest"] < MIN_BRIGHTEST:
            return Quality(("too_dark",), whole)
        bright = whole["saturated"] > MAX_SATURATED
        if whole["contrast"] < MIN_CONTRAST:
            return Quality(("too_bright" if bright else "constant",), whole)
        faces = find_faces(np.repeat(picture[..., np.newaxis], 3, axis=2))
        if not faces:
            return Quality(("no_face", "too_bright") if bright else ("no_face",), whole)
        box = faces[0].box
        light = _light(picture[inside(box, picture.shape)])
        side = max(box.width, box.height)
        checks = (
            ("too_small", side < MIN_FACE_SIDE),
            ("too_dark", light["brightest"] < MIN_BRIGHTEST),
            ("too_bright", light["saturated"] > MAX_SATURATED),
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
