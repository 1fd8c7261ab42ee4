"""A depth map of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.faces import CropRecipe, Fit, frame
from antispoof.sensing.maps import crop_map, find_head, inside, load_map
from antispoof.sensing.modalities import modalities
from antispoof.sensing.units import step_of, unknown_unit, worded

__all__ = ["FaceDepth"]

NEAREST_MM, FURTHEST_MM = 100, 2000  # where a head is looked for
HEAD_DEEP_MM = 190  # from the tip of the nose to behind the ears
NARROWEST_VIEW = 0.45  # width that a depth camera sees, as a share of the distance: 25 degrees
WIDEST_MM = 450  # what is surely wider is a wall, not a head and not a hand-held picture of one
MIN_FACE_SIDE = 20  # px
MIN_KNOWN = 0.05  # share of the picture's pixels that have a distance
MIN_FACE_KNOWN = 0.4  # the same of the face
MIN_SPREAD_MM = 0.1  # from the median of the face: a sensor's noise is larger
MIN_SPREAD = 0.01  # share of the face that lies further from the median than that
SYMBOLS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001}
UNITS = (
    "mm, cm, m or um, with a factor where one step is not one of them ('0.1 mm'), 'disparity K' "
    "(K/value millimetres) or 'relative S' (S millimetres from 0 to the largest value; below 0 where larger "
    "values are nearer)"
)
RELATIVE_NEAREST_MM = 400.0  # where relative depth is taken to begin; only differences are looked at


class FaceDepth:
    """``face_depth``: what is nearest and as large as a head, in a depth map.

    Whole numbers are millimetres, as depth cameras and published datasets write them into 16-bit pictures;
    floating-point numbers are metres, unless the unit of a `Recording` or a `Sample` says otherwise:
    ``"0.1 mm"``, ``"disparity 21000"`` (that over the value is millimetres: focal length in pixels times
    baseline) or ``"relative 300"`` (of a map that somebody scaled: how many millimetres 0 to full scale span;
    negative where larger values are nearer). 0, negative and non-finite values stand for "nothing measured".
    Eight bits cannot hold millimetres: without a stated unit such maps are rejected with ``no_unit``.
    """

    name = "face_depth"
    title = "depth picture of the face"
    folders: tuple[str, ...] = ("depth",)
    unnamed: tuple[str, ...] = ()
    windowed = False
    filmed: Literal["colour", "grey"] = "grey"
    unit = "float32, (H, W), millimetres along the optical axis, 0 where nothing was measured"
    reasons: Mapping[str, str] = {
        "no_unit": "the depth map has 8 bits and no unit: hand in 16 bits (millimetres), or state the unit",
        "empty": "the depth map has hardly any values: check the sensor, and clean its window",
        "constant": "the depth map shows one distance all over the face: check the sensor",
        "frozen": "all frames of the depth sensor are the same: restart it",
        "out_of_range": "nothing lies 0.1 to 2 m away: come closer, or state the unit (usual: millimetres)",
        "no_face": "no head-sized shape is nearest: stand alone in front of the sensor",
        "too_small": "the face is too small: come closer",
        "holes": "most of the face has no depth: move back a little, and out of the sun",
    }

    def load(self, source: Source) -> Sample:
        """Decode a depth map to millimetres; raise `MediaError` when that cannot be done."""
        sample = load_map(source)
        array = sample.array
        if "settled" in sample.metadata:
            return sample  # it came from here
        stated = str(sample.metadata.get("unit", ""))
        bits = 8 * array.dtype.itemsize
        settled = bool(stated) or bits > 8
        metadata = {"bits": bits, **sample.metadata, "unit": "mm", "settled": settled}
        usual = "m" if array.dtype.kind == "f" else "mm"
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            known = np.isfinite(array) & (array > 0)
            values = _millimetres(array, stated or usual, sample.metadata.get("full_scale"))
            known &= np.isfinite(values)
        return Sample(np.where(known, values, 0).astype(np.float32), metadata)

    def quality(self, sample: Sample) -> Quality:
        """Find the nearest head-sized shape, and tell whether it can be judged.

        The measurements are ``known`` (share of the pixels that have a distance), ``nearest_mm`` and, with
        a face, ``face_side_px``, ``face_known``, ``face_mm`` (median distance) and ``relief_mm`` (between the
        nearest and the furthest tenth).
        """
        depth = sample.array
        known = depth > 0
        measurements = {"known": float(known.mean())}
        if not sample.metadata.get("settled", True):
            return Quality(("no_unit",), measurements)
        if sample.metadata.get("frozen"):
            return Quality(("frozen",), measurements)
        if measurements["known"] < MIN_KNOWN:
            return Quality(("empty",), measurements)
        near = known & (depth >= NEAREST_MM) & (depth <= FURTHEST_MM)
        if near.mean() < MIN_KNOWN / 2:
            return Quality(("out_of_range",), {**measurements, "nearest_mm": float(depth[known].min())})
        # Nearest, but for noise and for fingers in front.
        nearest = float(np.quantile(depth[near], 0.03))
        measurements["nearest_mm"] = nearest
        box = find_head(near & (depth <= nearest + HEAD_DEEP_MM))
        if box is None or box.width / depth.shape[1] * NARROWEST_VIEW * nearest > WIDEST_MM:
            return Quality(("no_face",), measurements)
        face = depth[inside(box, depth.shape)]
        seen = face[(face >= NEAREST_MM) & (face <= nearest + 2 * HEAD_DEEP_MM)]
        measurements["face_side_px"] = max(box.width, box.height)
        measurements["face_known"] = seen.size / face.size
        reasons = []
        if measurements["face_side_px"] < MIN_FACE_SIDE:
            reasons.append("too_small")
        if measurements["face_known"] < MIN_FACE_KNOWN:
            return Quality((*reasons, "holes"), measurements, box)
        low, middle, high = (float(v) for v in np.quantile(seen, (0.1, 0.5, 0.9)))
        measurements |= {"face_mm": middle, "relief_mm": high - low}
        if float((np.abs(seen - middle) > MIN_SPREAD_MM).mean()) < MIN_SPREAD:
            reasons.append("constant")
        return Quality(tuple(reasons), measurements, box)

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
        range_mm: float = 100.0,
    ) -> NDArray[np.float32]:
        """Cut out the face, relative to its own median distance.

        Args:
            sample: the depth map.
            quality: what `quality` found in it.
            scale: see `CropRecipe`.
            size: see `CropRecipe`.
            fit: see `CropRecipe`.
            range_mm: what lies so much nearer than the median becomes 1, so much further -1, and so does
                whatever lies beyond.

        Returns:
            float32, (2, size, size): relief, -1 to 1 with 0 where nothing was measured, and the share of
            each pixel that was measured, 0 to 1.
        """
        if quality.region is None:
            raise ValueError("prepare needs a face; quality.region is None")
        depth = sample.array
        face = depth[inside(quality.region, depth.shape)]
        known = face[face > 0]
        middle = float(quality.measurements.get("face_mm", np.median(known) if known.size else 0.0))
        relief = np.clip((middle - depth) / range_mm, -1, 1).astype(np.float32)
        values, share = crop_map(relief, depth > 0, quality.region, CropRecipe(scale, size, fit))
        return np.stack([values, share])


def _millimetres(array: NDArray[Any], unit: str, full_scale: int | None) -> NDArray[np.float32]:
    wide = array.astype(np.float32)
    linear = step_of(unit, SYMBOLS)
    if linear is not None:
        return wide * np.float32(linear[0])
    disparity, span = worded(unit, "disparity"), worded(unit, "relative")
    if disparity is not None and disparity > 0:
        return np.float32(disparity) / wide
    if span:
        largest = full_scale or (np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1)
        share = wide / np.float32(largest)
        return np.float32(RELATIVE_NEAREST_MM) + np.float32(abs(span)) * (share if span > 0 else 1 - share)
    raise unknown_unit("face_depth", unit, UNITS)


modalities.register("face_depth")(FaceDepth())
