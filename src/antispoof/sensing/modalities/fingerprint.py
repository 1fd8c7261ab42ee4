"""A live-scan picture of one finger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import MediaError
from antispoof.sensing.capture import Box, Quality, Recording, Sample, Source
from antispoof.sensing.fingers import count_fingers, extent, seam
from antispoof.sensing.maps import load_map
from antispoof.sensing.minutiae import minutiae_density
from antispoof.sensing.modalities import modalities
from antispoof.sensing.ridges import MIN_CONTRAST, PERIOD_MM, STEP, Ridges, find_ridges, of_a_finger
from antispoof.sensing.source import read_bytes
from antispoof.sensing.units import step_of, unknown_unit, worded

__all__ = ["PPI", "Fingerprint"]

PPI = 500.0
MM = PPI / 25.4  # px a mm, once a picture is at 500 ppi
BLOCK_MM2 = (STEP / MM) ** 2
USUAL_PERIOD = PERIOD_MM * MM  # px at 500 ppi
PERIOD_DEVIATION = 0.15  # of the period, over people and pressure: what an estimate is uncertain by
SEEN_PERIODS = (5.5, 14.5)  # px at 500 ppi; outside, a stated resolution cannot be right
STATED_PPI = (150.0, 2100.0)  # what a file states is believed within; 72 and 96 are what programs fill in
MIN_PPI = 240.0  # ridges of 4 px; ISO/IEC 19794-4 has no level below 250
WIDEST = 1400  # px: larger pictures are looked at smaller

MIN_AREA_MM2 = 30.0  # of ridges; the smallest sensor of phones has about as much
SOME_AREA_MM2 = 8.0
SECOND_FINGER_MM2 = 45.0
FINGER_GAP = round(2.5 * MM / STEP) | 1  # of 2.5 mm: a crease parts no finger
DRAWN = 0.96  # clarity that no skin reaches, with its pores and its uneven ridges
DRAWN_LIKENESS = 0.93  # of directions: ruled lines and cloth run one way all over, ridges of fingers turn
DRAWN_EVEN = 0.06  # standard deviation of clarity: no place of a finger is as clear as every other
MIN_MINUTIAE = 0.1  # a mm², of fingers 0.16 and more; lines that never end are drawn
WIDEST_MM = 25.0  # of the ridges of one finger, across; platens for one plain finger are 20 × 25 mm (FAP 30)
LONGEST_MM = 50.0
NARROWEST_MM = 12.0  # longer side of what a picture of a finger shows: sensors of phones have as much
BROAD = 1.46  # width over height: of simulated prints one in two hundred has more
SEAM = 0.7  # of 560 simulated prints one in two hundred has more
MIN_GROUND, INVERTED = 0.05, 0.5  # share of the picture; how much darker it is, over contrast of the ridges
MIN_CLEAR = 0.3  # share of what has contrast that has ridges
MIN_RELIEF = 0.45  # contrast of the ridges over the change of light from place to place
DARK = (0.06, 0.94)  # share of the print that is darker than its middle
RAW = re.compile(r"(\d{1,5})\s*[x×]\s*(\d{1,5})")


class Fingerprint:
    """``fingerprint``: the print of one finger on a sensor that it touches or is swept over.

    The resolution is stated by a `Recording` (``"500 ppi"``; the size of a raw picture as ``"280x360"``, or
    both with a comma between) or by the file; else it is 500 ppi where the distance of the ridges allows
    that, and otherwise estimated from that distance. Where the ground around the finger is darker than the
    finger, the picture is a negative, and is judged with its ridges dark. Whether a picture is mirrored
    cannot be told from one print: a left loop mirrored is a right loop.
    """

    name = "fingerprint"
    title = "fingerprint"
    folders: tuple[str, ...] = ("finger", "fingers", "fingerprints", "fp")
    unnamed: tuple[str, ...] = ()
    windowed = False
    single: Literal[True] = True
    unit = "uint8, (H, W), grey, 0 to 255"
    reasons: Mapping[str, str] = {
        "no_ridges": "no ridges of a finger can be made out: lay one finger flat on the sensor",
        "too_small": "too little of the finger is on the sensor: lay it flat, with its middle on the sensor",
        "several_fingers": "several fingers are on the picture: one at a time is needed here",
        "low_resolution": "the picture is too coarse: hand it in as the sensor took it, 250 ppi or more",
        "wrong_resolution": "ridges this far apart are no finger's: state the right resolution",
        "drawn": "lines as even as these are no print of a finger: lay one finger flat on the sensor",
        "smeared": "the print is smeared: lift the finger, wipe the sensor, and hold still",
        "too_dry": "the print is too faint: moisten the finger a little, and press",
        "too_wet": "the ridges run together: dry the finger, wipe the sensor, and press less",
        "not_live_scan": "this is a photo of a finger, or a trace: use a fingerprint sensor",
    }

    def load(self, source: Source) -> Sample:
        """Decode a picture to 8 bits; raise `MediaError` when that cannot be done.

        ``metadata["ppi"]`` is the resolution that was stated, and ``metadata["ppi_from"]`` by whom:
        ``caller`` or ``file``.
        """
        unit = source.unit if isinstance(source, Recording) else ""
        ppi, size = _stated(unit)
        if size is not None:
            return Sample(_raw(source, size), {"ppi": ppi, "ppi_from": "caller"} if ppi else {})
        try:
            sample = load_map(source)
        except MediaError as error:
            if error.code != "colour":
                raise
            raise MediaError(
                "colour",
                "this is a colour picture, and no fingerprint sensor's: a photo of a finger is not judged",
            ) from None
        array, metadata = sample.array, dict(sample.metadata)
        own = metadata.get("ppi")
        if ppi:
            metadata |= {"ppi": ppi, "ppi_from": "caller"}
        elif own and "ppi_from" not in metadata:
            believed = STATED_PPI[0] <= own <= STATED_PPI[1]
            metadata |= {"ppi_from": "file"} if believed else {"ppi": None, "ppi_not_believed": own}
        return Sample(_eight_bits(array, metadata.get("full_scale")), metadata)

    def quality(self, sample: Sample) -> Quality:
        """Find the print, and tell whether it can be judged.

        The measurements are ``ppi`` and ``ppi_deviation`` (its standard deviation, where it was estimated; 0
        where it was stated), ``ridge_period_px`` (of the picture as it came), ``area_mm2`` (of clear ridges),
        ``clarity`` (0 to 1), ``clear`` (0 to 1, how much of what has contrast has ridges), ``flow`` (0 to 1,
        how steadily directions change), ``dark`` (0 to 1, how much of the print is dark: little where it is
        dry, much where it is wet), ``relief`` (contrast of the ridges over the change of light from place to
        place), ``inverted`` (0 or 1), ``ground`` (0 to 1, how much of the picture lies around the print),
        ``fingers``, ``across_mm`` and ``along_mm`` (of all ridges), ``seam`` (how little
        neighbouring lines have in common at one place), ``minutiae_per_mm2`` (ends and forks of ridges; -1
        where too little is clear), ``clarity_deviation`` (from place to place), ``likeness`` (0 to 1, of
        directions) and ``left_mm2`` (clear ridges beside the print, such as a latent one that was left).
        """
        found = _look(sample)
        return found if isinstance(found, Quality) else _judged(sample, found)

    def frame(self, sample: Sample, quality: Quality, *, size: int) -> Box | None:
        """Return the square that `prepare` cuts out, in pixels of the sample."""
        if quality.region is None:
            return None
        scale = quality.measurements["ppi"] / PPI
        left, top = _corner(sample, quality, size)
        return Box(left * scale, top * scale, size * scale, size * scale)

    def prepare(self, sample: Sample, quality: Quality, *, size: int) -> NDArray[np.float32]:
        """Cut out the square that holds most ridges, at 500 ppi, ridges dark.

        Grey is stretched so that the darkest and the lightest fiftieth of the print are black and white.

        Args:
            sample: from `load`.
            quality: of the sample.
            size: side of the square, in pixels at 500 ppi.

        Returns:
            float32, (1, size, size), 0 to 1; white outside the picture.
        """
        if quality.region is None:
            raise ValueError("prepare needs a print; quality.region is None")
        picture = _at_500(sample.array, quality.measurements["ppi"])
        if quality.measurements["inverted"]:
            picture = 255 - picture
        left, top = _corner(sample, quality, size)
        box = quality.region.scaled(PPI / quality.measurements["ppi"])
        y, x = (
            slice(max(0, round(v)), max(0, round(v)) + round(e))
            for v, e in ((box.y, box.height), (box.x, box.width))
        )
        low, high = np.percentile(picture[y, x][::2, ::2], (2, 98))
        out = np.full((size, size), 255, np.float32)
        part = picture[max(top, 0) : top + size, max(left, 0) : left + size]
        at_y, at_x = max(-top, 0), max(-left, 0)
        stretched = (part - np.float32(low)) * np.float32(255 / max(high - low, 1.0))
        out[at_y : at_y + part.shape[0], at_x : at_x + part.shape[1]] = stretched
        return np.asarray(np.rint(np.clip(out, 0, 255))[np.newaxis] / 255, np.float32)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was seen of a picture, at ``ppi``; maps as in `Ridges`, at 500 ppi."""

    ppi: float
    deviation: float
    ridges: Ridges
    there: NDArray[np.bool_]  # ridges of a finger
    flow: NDArray[np.float32]


def _look(sample: Sample) -> _Found | Quality:
    """Find ridges, and settle the resolution; a `Quality` where that ends it."""
    picture = sample.array
    stated, by = sample.metadata.get("ppi"), sample.metadata.get("ppi_from")
    if min(picture.shape) < STEP:
        return Quality(
            ("too_small",), {"width_px": float(picture.shape[1]), "height_px": float(picture.shape[0])}
        )
    if stated and by == "caller" and stated < MIN_PPI:
        return Quality(("low_resolution",), {"ppi": float(stated), "ppi_deviation": 0.0})
    assumed = float(stated or PPI)
    if not stated and max(picture.shape) > WIDEST:  # no sensor of one finger at 500 ppi is as wide
        assumed = 2 * PPI
    found = _seen(picture, assumed)
    period = _period(found)
    for other in (2 * PPI, PPI / 2):
        if period is None and not stated:
            again = _seen(picture, other)
            period = _period(again)
            found = found if period is None else again
    if period is None:
        return found
    if SEEN_PERIODS[0] <= period <= SEEN_PERIODS[1]:
        near = abs(np.log(period / USUAL_PERIOD)) < 2 * PERIOD_DEVIATION
        if stated and stated < MIN_PPI:  # the ridges agree with what the file states
            return Quality(("low_resolution",), {"ppi": float(stated), "ppi_deviation": 0.0})
        if stated or (found.ppi == PPI and near):
            return (
                found
                if stated
                else _Found(PPI, PPI * PERIOD_DEVIATION, found.ridges, found.there, found.flow)
            )
    if stated and by == "caller":
        return Quality(("wrong_resolution",), {"ppi": assumed, "ridge_period_px": period * assumed / PPI})
    estimated = found.ppi * period / USUAL_PERIOD
    if estimated < MIN_PPI * (1 - PERIOD_DEVIATION):
        return Quality(("low_resolution",), {"ppi": estimated, "ppi_deviation": estimated * PERIOD_DEVIATION})
    again = _seen(picture, estimated)
    return _Found(estimated, estimated * PERIOD_DEVIATION, again.ridges, again.there, again.flow)


def _seen(picture: NDArray[np.uint8], ppi: float) -> _Found:
    ridges = find_ridges(_at_500(picture, ppi))
    return _Found(ppi, 0.0, ridges, *of_a_finger(ridges))


def _period(found: _Found) -> float | None:
    """Median distance of ridges, px at the resolution that was assumed; None where there are too few."""
    if found.there.sum() * BLOCK_MM2 < SOME_AREA_MM2:
        return None
    return float(np.median(found.ridges.period[found.there]))


def _judged(sample: Sample, found: _Found) -> Quality:
    ridges, ppi = found.ridges, found.ppi
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.there.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA] * BLOCK_MM2
    measurements = {"ppi": ppi, "ppi_deviation": found.deviation}
    if count < 2 or areas.max() < SOME_AREA_MM2:
        return Quality(("low_resolution" if _too_coarse(sample) else "no_ridges",), measurements)
    main = 1 + int(areas.argmax())
    there = labels == main
    scale = ppi / PPI
    x, y, width, height = (int(v) * STEP * scale for v in stats[main, :4])
    region = Box(x, y, min(width, sample.array.shape[1] - x), min(height, sample.array.shape[0] - y))
    contrasty = ridges.contrast > max(MIN_CONTRAST, 0.4 * float(np.median(ridges.contrast[there])))
    hull = _hull(there)
    ground = ~cv2.dilate(hull.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    ground &= ~found.there
    periods = ridges.period[there]
    likeness = float(abs(np.exp(2j * ridges.angle[there]).mean()))
    light = float(np.std(ridges.mean[there]))
    contrast = float(np.median(ridges.contrast[there]))
    darker = ground.mean() > MIN_GROUND and ridges.mean[hull].mean() - ridges.mean[ground].mean()
    inverted = bool(darker > INVERTED * contrast)
    dark = _dark(sample.array, region)
    picture = _at_500(sample.array, ppi)
    across, along, wide, high = (side * STEP / MM for side in extent(labels, areas, SOME_AREA_MM2))
    measurements |= {
        "ridge_period_px": float(np.median(periods)) * scale,
        "area_mm2": float(areas.max()),
        "clarity": float(np.median(ridges.clarity[there])),
        "clear": float(found.there[hull & contrasty].mean()) if (hull & contrasty).any() else 0.0,
        "flow": float(np.median(found.flow[there])),
        "dark": 1 - dark if inverted else dark,
        "relief": contrast / max(light, 1.0),
        "inverted": float(inverted),
        "ground": float(ground.mean()),
        "fingers": float(count_fingers(labels, areas, SECOND_FINGER_MM2, FINGER_GAP)),
        "across_mm": across,
        "along_mm": along,
        "seam": seam(picture),
        "minutiae_per_mm2": minutiae_density(picture, there, float(np.median(periods)), BLOCK_MM2),
        "clarity_deviation": float(np.std(ridges.clarity[there])),
        "likeness": likeness,
        "left_mm2": float(areas.sum() - areas.max()),
    }
    checks = (
        ("too_small", measurements["area_mm2"] < MIN_AREA_MM2),
        (
            "several_fingers",
            measurements["fingers"] > 1
            or across > WIDEST_MM
            or (wide > WIDEST_MM and wide > BROAD * high)
            or along > LONGEST_MM
            or measurements["seam"] > SEAM,
        ),
        (
            "drawn",
            measurements["clarity"] > DRAWN
            or likeness > DRAWN_LIKENESS
            or measurements["clarity_deviation"] < DRAWN_EVEN
            or 0 <= measurements["minutiae_per_mm2"] < MIN_MINUTIAE,
        ),
        ("smeared", measurements["clear"] < MIN_CLEAR),
        ("too_dry", measurements["dark"] < DARK[0]),
        ("too_wet", measurements["dark"] > DARK[1]),
        ("not_live_scan", measurements["relief"] < MIN_RELIEF),
    )
    return Quality(tuple(code for code, failed in checks if failed), measurements, region)


def _too_coarse(sample: Sample) -> bool:
    """Tell whether a picture without ridges is too coarse to show any.

    So it is where its file states less than `MIN_PPI` and the picture has no more of a hand than one finger
    then; and, where nothing is stated, where it shows less than `NARROWEST_MM` of a finger at `MIN_PPI`.
    """
    if sample.array.std() < MIN_CONTRAST:
        return False  # an empty sensor
    longer = int(max(sample.array.shape))
    stated = sample.metadata.get("ppi") or sample.metadata.get("ppi_not_believed")
    if stated:
        return bool(stated < MIN_PPI and longer < LONGEST_MM / 25.4 * stated)
    return longer < NARROWEST_MM / 25.4 * MIN_PPI


def _hull(there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    points = cv2.findNonZero(there.astype(np.uint8))
    filled = np.zeros(there.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return filled.astype(bool)


def _dark(picture: NDArray[np.uint8], region: Box) -> float:
    """Share of the print that is darker than the middle between its darkest and its lightest twentieth."""
    y, x = int(region.y), int(region.x)
    part = picture[y : y + int(region.height) : 2, x : x + int(region.width) : 2]
    low, high = np.percentile(part, (5, 95))
    return float((part < (low + high) / 2).mean())


def _corner(sample: Sample, quality: Quality, size: int) -> tuple[int, int]:
    """Left and top of the square of ``size`` px at 500 ppi around the middle of the print."""
    assert quality.region is not None
    scale = PPI / quality.measurements["ppi"]
    box = quality.region.scaled(scale)
    corner = []
    for start, side, whole in (
        (box.x, box.width, sample.array.shape[1] * scale),
        (box.y, box.height, sample.array.shape[0] * scale),
    ):
        first = start + side / 2 - size / 2
        corner.append(round(min(max(first, 0), whole - size) if whole >= size else (whole - size) / 2))
    return corner[0], corner[1]


def _at_500(picture: NDArray[np.uint8], ppi: float) -> NDArray[np.uint8]:
    scale = PPI / ppi
    if abs(scale - 1) < 0.01:
        return picture
    size = tuple(max(1, round(side * scale)) for side in picture.shape[::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def _stated(unit: str) -> tuple[float | None, tuple[int, int] | None]:
    """Read resolution, and width and height of a raw picture, from what was stated."""
    ppi, size = None, None
    for part in filter(None, (piece.strip() for piece in unit.split(","))):
        raw = RAW.fullmatch(part)
        step = step_of(part, {"ppi": 1.0, "dpi": 1.0}) or ((worded(part, "ppi") or 0.0), "ppi")
        if raw is not None:
            size = int(raw[1]), int(raw[2])
        elif 1 <= step[0] <= 10_000:
            ppi = step[0]
        else:
            raise unknown_unit(
                "fingerprint", unit, "'N ppi', or the size of a raw picture, '280x360, 500 ppi'"
            )
    return ppi, size


def _raw(source: Source, size: tuple[int, int]) -> NDArray[np.uint8]:
    assert isinstance(source, Recording)
    content = read_bytes(source.source)
    width, height = size
    if len(content) != width * height:
        raise MediaError(
            "decode_failed",
            f"a raw picture of {width}×{height} has {width * height} bytes, one a pixel; got {len(content)}",
        )
    return np.frombuffer(content, np.uint8).reshape(height, width)


def _eight_bits(array: NDArray[Any], full_scale: int | None) -> NDArray[np.uint8]:
    """Scale to 8 bits: what is stated to be white is 255, else the type's largest value, or 1 of floats."""
    if array.dtype == np.uint8:
        return array
    wide = np.where(np.isfinite(array), array, 0).astype(np.float64)
    if array.dtype.kind == "f":
        white = 1.0 if wide.max(initial=0) <= 1 else 255.0
    else:
        white = float(full_scale or 65535)
        if not full_scale and 0 < wide.max() < 4096:  # 10 or 12 bits in 16: ridges keep their contrast
            white = float(2 ** int(np.ceil(np.log2(wide.max() + 1))) - 1)
    return np.clip(wide * (255 / white), 0, 255).astype(np.uint8)


modalities.register("fingerprint")(Fingerprint())
