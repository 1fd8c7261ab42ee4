"""A colour picture of a face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box, Quality, Sample, Source
from antispoof.sensing.faces import CropRecipe, Face, Fit, crop, frame
from antispoof.sensing.media import load_picture
from antispoof.sensing.modalities import modalities
from antispoof.sensing.upright import find_upright, turn_box

__all__ = ["FaceRgb"]

# The gate keeps out what cannot be judged, not what is hard to judge: dark rooms, bright screens and faces of
# sixty pixels pass.
MIN_FACE_SIDE = 40  # px, longer side of the box
WHOLE_FACE_ASPECT = (0.5, 1.2)  # width over height of what can be seen of a face that touches the edge
# A large JPEG is decoded smaller, to no less than this: at this side a face fills the closest view
# of the shipped bundles, and a picture of so many pixels has the longest side at which the detector looks.
ENOUGH_FACE_SIDE = 140  # px
ENOUGH_PIXELS = 640 * 640
FOUND = "found"  # in the metadata of a sample: which array was searched already, and what was found in it
MIN_BRIGHTEST = 24  # 0..255, 95th percentile of the luminance of the face
MAX_SATURATED = 0.7  # share of face pixels of luminance 250 or more
MIN_DETAIL = 0.1  # Laplacian over luminance, standard deviations, on the face scaled to 64 px
SECOND_FACE_SIDE = 0.6  # of the largest face: smaller ones are in the background
SECOND_FACE_CONFIDENCE = 0.7
MIN_SKIN_RED = (
    0.87  # red over blue; of simulated people in lamps of all colours, and of portraits, least 0.98
)


class FaceRgb:
    """``face_rgb``: the largest face in a colour picture, turned upright by quarters where it is not.

    A second face whose side is at least 0.6 of the largest makes it unclear who is to be judged, so the
    sample is rejected with ``several_faces``; smaller ones are taken for background and ignored.
    """

    name = "face_rgb"
    title = "picture of the face"
    folders: tuple[str, ...] = ("color", "colour", "rgb")
    unnamed: tuple[str, ...] = ("picture",)
    unit = "uint8, (H, W, 3), RGB, 0 to 255"
    windowed = False
    filmed: Literal["colour", "grey"] = "colour"
    reasons: Mapping[str, str] = {
        "no_face": "no face was found: face the camera, with the whole face in the picture",
        "several_faces": "several faces are about equally large: have one person in front of the camera",
        "too_small": "the face is too small: come closer, or send the picture in its full size",
        "cut_off": "the face is cut off by the edge of the picture: move into the middle",
        "too_dark": "the face is too dark: turn towards a light",
        "too_bright": "the face is over-exposed: move away from the light, or dim it",
        "too_blurred": "the face is blurred: hold still, and wipe the lens",
        "not_upright": "the face is not upright: hold your head and the camera upright",
        "inverted_colours": "the picture is a negative: hand it in with its colours as they were taken",
        "swapped_colours": "the skin is blue: hand in red, green, blue in this order, or go into white light",
    }

    def load(self, source: Source) -> Sample:
        """Decode a picture; raise `MediaError` when that cannot be done.

        A large JPEG is decoded no larger than the face in it needs: see `Sample.reduced`.
        """
        sample = load_picture(source, enough_pixels=ENOUGH_PIXELS)
        if sample.reduced == 1:
            return sample
        found = find_upright(sample.array)
        sample = Sample(sample.array, {**sample.metadata, FOUND: (sample.array, found)})
        if not found.faces:
            return sample
        side = max(found.faces[0].box.width, found.faces[0].box.height)
        if side >= ENOUGH_FACE_SIDE:
            return sample
        wanted = sample.array[..., 0].size * (ENOUGH_FACE_SIDE / side) ** 2
        return load_picture(source, enough_pixels=math.ceil(wanted))

    def quality(self, sample: Sample) -> Quality:
        """Find the face, and tell whether it can be judged.

        The measurements are ``face_side_px``, ``aspect`` (width over height), ``detail``,
        ``second_face_side`` (as a share of the first), ``turned_deg`` (by how much the face had to be turned
        anticlockwise to be upright: 0, 90, 180 or 270), ``skin_red_over_blue``, ``brightest`` (0 to 255) and
        ``saturated`` (0 to 1); without a face only the last two remain, taken on the whole picture. The
        region is in pixels of the sample, ``face_side_px`` in those of the file.
        """
        searched, found = sample.metadata.get(FOUND, (None, None))
        if found is None or searched is not sample.array:
            found = find_upright(sample.array)
        faces, picture = found.faces, found.picture
        if not faces:
            light = _light(sample.array)
            return Quality(("no_face", *_light_reasons(light)), light)
        box = faces[0].box
        x, y, right, bottom = _inside(box, picture.shape)
        face = picture[y:bottom, x:right]
        light = _light(face)
        measurements = {
            "face_side_px": max(box.width, box.height) * sample.reduced,
            "aspect": (right - x) / (bottom - y),
            "detail": _detail(face),
            "second_face_side": _second_side(faces),
            "turned_deg": 90.0 * found.quarter_turns,
            "skin_red_over_blue": _red_over_blue(_skin(picture, faces[0])),
            **light,
        }
        touches_edge = x == 0 or y == 0 or bottom == picture.shape[0] or right == picture.shape[1]
        lowest, highest = WHOLE_FACE_ASPECT
        checks = (
            ("several_faces", measurements["second_face_side"] >= SECOND_FACE_SIDE),
            ("too_small", max(box.width, box.height) < MIN_FACE_SIDE),
            ("cut_off", touches_edge and not lowest <= measurements["aspect"] <= highest),
            ("too_blurred", measurements["detail"] < MIN_DETAIL),
            ("not_upright", not found.upright),
            ("inverted_colours", found.negative),
            (
                "swapped_colours",
                not found.negative and _is_blue(measurements["skin_red_over_blue"], picture, box),
            ),
        )
        reasons = tuple(code for code, failed in checks if failed) + _light_reasons(light)
        region = turn_box(box, picture.shape, -found.quarter_turns)
        return Quality(reasons, measurements, region, found.quarter_turns)

    def frame(
        self, sample: Sample, quality: Quality, *, scale: float, size: int, fit: Fit = "square"
    ) -> Box | None:
        """Return the rectangle around the face that `prepare` cuts out, in pixels."""
        return frame(sample.array, quality.region, CropRecipe(scale, size, fit)) if quality.region else None

    def prepare(
        self, sample: Sample, quality: Quality, *, scale: float, size: int, fit: Fit = "square"
    ) -> NDArray[np.float32]:
        """Cut out the face: float32, (3, size, size), RGB, 0 to 1; arguments as in `CropRecipe`."""
        if quality.region is None:
            raise ValueError("prepare needs a face; quality.region is None")
        patch = crop(sample.array, quality.region, CropRecipe(scale, size, fit))
        patch = np.rot90(patch, quality.quarter_turns)
        return np.ascontiguousarray(patch.transpose(2, 0, 1), np.float32) / np.float32(255)


def _inside(box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of ``box`` in the picture, at least one pixel wide and high."""
    height, width = shape[:2]
    left, top = (min(max(round(v), 0), limit - 1) for v, limit in ((box.x, width), (box.y, height)))
    right = min(max(round(box.x + box.width), left + 1), width)
    bottom = min(max(round(box.y + box.height), top + 1), height)
    return left, top, right, bottom


def _light(picture: NDArray[np.uint8]) -> dict[str, float]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    counts = np.bincount(grey.ravel(), minlength=256)
    brightest = int(np.searchsorted(np.cumsum(counts), 0.95 * grey.size))
    return {"brightest": float(brightest), "saturated": float(counts[250:].sum() / grey.size)}


def _light_reasons(light: Mapping[str, float]) -> tuple[str, ...]:
    if light["brightest"] < MIN_BRIGHTEST:
        return ("too_dark",)
    return ("too_bright",) if light["saturated"] > MAX_SATURATED else ()


def _detail(face: NDArray[np.uint8]) -> float:
    grey: Any = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    shrinking = min(grey.shape) > 64
    grey = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    return float(
        laplacian.std() / (grey.std() + 2)
    )  # two grey levels keep flat pictures from dividing by nothing


def _skin(picture: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """Return the nose and the cheeks beside it, at least one pixel, as a view."""
    eyes, mouth = face.landmarks[:2].mean(axis=0), face.landmarks[3:].mean(axis=0)
    left, right = sorted(face.landmarks[:2, 0].tolist())
    top, bottom = sorted((eyes[1] + share * (mouth[1] - eyes[1])) for share in (0.25, 0.8))
    x, y, end, below = _inside(Box(left, top, right - left, bottom - top), picture.shape)
    return _sparse(picture[y:below, x:end])


def _is_blue(skin: float, picture: NDArray[np.uint8], box: Box) -> bool:
    """Tell whether skin is bluer than people are, and than what is around them: not so in blue light."""
    if skin >= MIN_SKIN_RED:
        return False
    grown = Box(box.x - box.width / 3, box.y - box.height / 3, box.width * 5 / 3, box.height * 5 / 3)
    x, y, right, _ = _inside(grown, picture.shape)
    around = np.ones(picture.shape[:2], bool)
    around[y:, x:right] = False  # the head and what is below it
    return around.mean() < 0.1 or skin < _red_over_blue(_sparse(picture)[_sparse(around)])


def _sparse(picture: NDArray[Any]) -> NDArray[Any]:
    """Return some 4,000 pixels of a picture of any size, as a view."""
    step = max(1, round((picture.shape[0] * picture.shape[1] / 4000) ** 0.5))
    return picture[::step, ::step]


def _red_over_blue(pixels: NDArray[np.uint8]) -> float:
    red, _, blue = pixels.reshape(-1, 3).mean(axis=0, dtype=np.float64) + 4  # so that it is 1 in black
    return float(red / blue)


def _second_side(faces: tuple[Face, ...]) -> float:
    first, *others = (max(face.box.width, face.box.height) for face in faces)
    return max(
        (
            side / first
            for side, face in zip(others, faces[1:], strict=True)
            if face.confidence >= SECOND_FACE_CONFIDENCE
        ),
        default=0.0,
    )


modalities.register("face_rgb")(FaceRgb())
