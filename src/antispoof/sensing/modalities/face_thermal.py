"""A radiometric thermal picture of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.faces import CropRecipe, Fit, frame
from antispoof.sensing.maps import crop_map, find_head, inside, load_map
from antispoof.sensing.modalities import modalities
from antispoof.sensing.units import step_of, unknown_unit

__all__ = ["FaceThermal"]

ZERO_C = 273.15
COLDEST_C, HOTTEST_C = -40.0, 120.0  # what a camera for rooms and people may see
HOTTEST_UNSTATED_C = 60.0  # hotter numbers around a face, if nobody says Celsius, are rather Fahrenheit
KELVIN = (200.0, 400.0)  # the median of a room in kelvin
SCALES = {
    "k": "k", "kelvin": "k", "decikelvin": "k", "centikelvin": "k",
    "c": "c", "°c": "c", "celsius": "c", "f": "f", "°f": "f", "fahrenheit": "f",
}  # fmt: skip
SYMBOLS = {symbol: {"decikelvin": 0.1, "centikelvin": 0.01}.get(symbol, 1.0) for symbol in SCALES}
UNITS = "celsius, kelvin or fahrenheit, with a factor where one step is not one degree ('0.01 K', '1/64 K')"
WARM_C = 27.0  # skin is 30 to 37 °C; uncooled cameras drift by a few degrees
ABOVE_AIR_C = 1.0
SPECTACLES = 0.12  # of the picture: they are cold, and would cut a face in two
MIN_FACE_SIDE = 12  # px
MIN_KNOWN = 0.5
MIN_SPREAD_C = 0.15  # over the picture: a sensor's own noise and a person are more


class FaceThermal:
    """``face_thermal``: a warm, head-sized shape in a picture of temperatures.

    Whole numbers are hundredths of a kelvin, as radiometric cameras write them into 16-bit pictures;
    floating-point numbers are kelvin or degrees Celsius, told apart by their range, unless the unit of a
    `Recording` or a `Sample` says otherwise: ``"0.1 K"``, ``"1/64 K"``, ``"celsius"``, ``"fahrenheit"``. Raw
    counts and pictures in false colours hold no temperature, and are rejected. Non-finite values and 0 K
    stand for "nothing measured".
    """

    name = "face_thermal"
    title = "thermal picture of the face"
    folders: tuple[str, ...] = ("thermal", "lwir")
    unnamed: tuple[str, ...] = ()
    windowed = False
    filmed: Literal["colour", "grey"] = "grey"
    unit = "float32, (H, W), apparent temperature in degrees Celsius, NaN where nothing was measured"
    reasons: Mapping[str, str] = {
        "no_unit": "the thermal picture leaves its unit open: hand in kelvin x 100, or state the unit",
        "empty": "the thermal picture has hardly any values: check the sensor",
        "out_of_range": "these are no temperatures of a room: hand in kelvin x 100, or state the unit",
        "constant": "the thermal picture shows one temperature: check the sensor and its shutter",
        "frozen": "all frames of the thermal sensor are the same: restart it",
        "no_face": "nothing warm of the size of a head was found: stand in front of the sensor",
        "too_small": "the face is too small: come closer",
    }

    def load(self, source: Source) -> Sample:
        """Decode temperatures to °C; raise `MediaError` when that cannot be done."""
        sample = load_map(source)
        array = sample.array
        if "settled" in sample.metadata:
            return sample  # it came from here
        stated = str(sample.metadata.get("unit", ""))
        unit = stated or _told(array)
        step = step_of(unit, SYMBOLS)
        if step is None:
            raise unknown_unit("face_thermal", unit, UNITS)
        values, scale = array.astype(np.float32) / np.float32(1 / step[0]), SCALES[step[1]]
        with np.errstate(invalid="ignore"):
            known = np.isfinite(values) & ((values > 0) | (scale != "k"))
        if scale == "k":
            values = values - np.float32(ZERO_C)
        elif scale == "f":
            values = (values - np.float32(32)) / np.float32(1.8)
        heat = np.where(known, values, np.float32("nan"))
        bits = 8 * array.dtype.itemsize
        settled = bool(stated) or bits > 8
        if not stated and array.dtype.kind == "f" and known.any():
            settled = not HOTTEST_UNSTATED_C < float(np.quantile(heat[known], 0.98)) <= HOTTEST_C
        return Sample(heat, {"bits": bits, **sample.metadata, "unit": "celsius", "settled": settled})

    def quality(self, sample: Sample) -> Quality:
        """Find the warm head, and tell whether it can be judged.

        The measurements are ``known`` (share of the pixels that have a temperature), ``air_c`` and
        ``warmest_c`` (tenth and 98th percentile), and, with a face, ``face_side_px`` and ``face_c`` (median).
        """
        heat = sample.array
        known = np.isfinite(heat)
        measurements = {"known": float(known.mean())}
        if not sample.metadata.get("settled", True):
            return Quality(("no_unit",), measurements)
        if sample.metadata.get("frozen"):
            return Quality(("frozen",), measurements)
        if measurements["known"] < MIN_KNOWN:
            return Quality(("empty",), measurements)
        coldest, air, warmest = (float(v) for v in np.quantile(heat[known], (0.02, 0.1, 0.98)))
        measurements |= {"air_c": air, "warmest_c": warmest}
        if coldest < COLDEST_C or warmest > HOTTEST_C:
            return Quality(("out_of_range",), measurements)
        low, high = (float(v) for v in np.quantile(heat[known], (0.005, 0.995)))
        if high - low < MIN_SPREAD_C:  # but for hot pixels
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


def _told(array: NDArray[Any]) -> str:
    """Tell the unit from the type and, of floating point, from the range."""
    if array.dtype.kind != "f":
        return "centikelvin"
    known = array[np.isfinite(array) & (array != 0)]
    return "kelvin" if known.size and KELVIN[0] <= float(np.median(known)) <= KELVIN[1] else "celsius"


modalities.register("face_thermal")(FaceThermal())
