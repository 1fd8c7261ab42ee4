"""A radiometric thermal picture of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.faces import CropRecipe, Fit, frame
from antispoof.sensing.maps import crop_map, find_head, inside, load_map, unit_of
from antispoof.sensing.modalities import modalities

__all__ = ["FaceThermal"]

ZERO_C = 273.15
COLDEST_C, HOTTEST_C = -40.0, 120.0  # what a camera for rooms and people may see
WARM_C = 27.0  # skin is 30 to 37 °C; uncooled cameras drift by a few degrees
ABOVE_AIR_C = 1.0
SPECTACLES = 0.12  # of the picture: they are cold, and would cut a face in two
MIN_FACE_SIDE = 12  # px
MIN_KNOWN = 0.5
MIN_SPREAD_C = 0.15  # over the picture: a sensor's own noise and a person are more


class FaceThermal:
    """``face_thermal``: a warm, head-sized shape in a picture of temperatures.

    Whole numbers are hundredths of a kelvin, as radiometric cameras write them into 16-bit pictures;
    floating-point numbers are degrees Celsius, unless a `Sample` says ``{"unit": "centikelvin"}`` or
    ``{"unit": "celsius"}``. Raw counts and pictures in false colours hold no temperature,
    and are rejected. Non-finite values and 0 K stand for "nothing measured".
    """

    name = "face_thermal"
    title = "thermal picture of the face"
    folders: tuple[str, ...] = ("thermal", "lwir")
    unnamed: tuple[str, ...] = ()
    windowed = False
    unit = "float32, (H, W), apparent temperature in degrees Celsius, NaN where nothing was measured"
    reasons: Mapping[str, str] = {
        "no_unit": "the thermal picture has 8 bits and no unit: hand in kelvin x 100 (16 bits) or Celsius",
        "empty": "the thermal picture has hardly any values: check the sensor",
        "out_of_range": "these are no temperatures of a room: hand in kelvin x 100 (16 bits) or Celsius",
        "constant": "the thermal picture shows one temperature: check the sensor and its shutter",
        "frozen": "all frames of the thermal sensor are the same: restart it",
        "no_face": "nothing warm of the size of a head was found: stand in front of the sensor",
        "too_small": "the face is too small: come closer",
    }

    def load(self, source: Source) -> Sample:
        """Decode temperatures to °C; raise `MediaError` when that cannot be done."""
        sample = load_map(source)
        array = sample.array
        usual = "celsius" if array.dtype.kind == "f" else "centikelvin"
        unit = unit_of(sample, ("centikelvin", "celsius"), usual)
        metadata = {"bits": 8 * array.dtype.itemsize, **sample.metadata, "unit": "celsius"}
        values = array.astype(np.float32)
        with np.errstate(invalid="ignore"):
            known = np.isfinite(values) & ((values > 0) | (unit == "celsius"))
        if unit == "centikelvin":
            values = values / np.float32(100) - np.float32(ZERO_C)
        return Sample(np.where(known, values, np.float32("nan")), metadata)

    def quality(self, sample: Sample) -> Quality:
        """Find the warm head, and tell whether it can be judged.

        The measurements are ``known`` (share of the pixels that have a temperature), ``air_c`` and
        ``warmest_c`` (tenth and 98th percentile), and, with a face, ``face_side_px`` and ``face_c`` (median).
        """
        heat = sample.array
        known = np.isfinite(heat)
        measurements = {"known": float(known.mean())}
        if sample.metadata.get("bits") == 8:
            return Quality(("no_unit",), measurements)
        if sample.metadata.get("frozen"):
            return Quality(("frozen",), measurements)
        if measurements["known"] < MIN_KNOWN:
            return Quality(("empty",), measurements)
        coldest, air, warmest = (float(v) for v in np.quantile(heat[known], (0.02, 0.1, 0.98)))
        measurements |= {"air_c": air, "warmest_c": warmest}
        if coldest < COLDEST_C or warmest > HOTTEST_C:
            return Quality(("out_of_range",), measurements)
        if float(np.ptp(heat[known])) < MIN_SPREAD_C:
            return Quality(("constant",), measurements)
        if warmest < WARM_C or warmest - air < ABOVE_AIR_C:
            return Quality(("no_face",), measurements)
        warm = known & (heat > max(air + 0.35 * (warmest - air), WARM_C - 3))
        box = find_head(warm, gap=SPECTACLES)
        if box is None:
            return Quality(("no_face",), measurements)
        face = heat[inside(box, heat.shape)]
        measurements |= {"face_side_px": max(box.width, box.height), "face_c": float(np.nanmedian(face))}
        reasons = ("too_small",) if measurements["face_side_px"] < MIN_FACE_SIDE else ()
        return Quality(reasons, measurements, box)

    def frame(
        self, sample: Sample, quality: Quality, *, scale: float, size: int, fit: Fit = "square", **_: Any
    ) -> Box | None:
        """Return the rectangle around the face that `prepare` cuts out, in pixels."""
        return frame(sample.array, quality.region, CropRecipe(scale, size, fit)) if quality.region else None

    def prepare(
        self,
        sample: Sample,
        quality: Quality,
        *,
        scale: float,
        size: int,
        fit: Fit = "square",
        low_c: float = 15.0,
        high_c: float = 40.0,
    ) -> NDArray[np.float32]:
        """Cut out the face.

        Args:
            sample: the temperatures.
            quality: what `quality` found in them.
            scale: see `CropRecipe`.
            size: see `CropRecipe`.
            fit: see `CropRecipe`.
            low_c: temperature that becomes 0, as do those below it and pixels without one.
            high_c: temperature that becomes 1, as do those above it.

        Returns:
            float32, (1, size, size), 0 to 1.
        """
        if quality.region is None:
            raise ValueError("prepare needs a face; quality.region is None")
        heat = sample.array
        known = np.isfinite(heat)
        level = np.clip((np.where(known, heat, low_c) - low_c) / (high_c - low_c), 0, 1).astype(np.float32)
        values, _ = crop_map(level, known, quality.region, CropRecipe(scale, size, fit))
        return values[np.newaxis]


modalities.register("face_thermal")(FaceThermal())
