"""Pictures of light in one channel, of any number of bits → 8 bits, where it is known how bright white is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.sensing.capture import Recording, Sample, Source
from antispoof.sensing.maps import load_map
from antispoof.sensing.source import name_of
from antispoof.sensing.units import bulk_top, step_of, unknown_unit, worded

__all__ = ["load_eight_bits"]

OVERSHOOT = 1.05  # of interpolation, over white


def load_eight_bits(source: Source, modality: str) -> Sample:
    """Decode a picture of one channel to 8 bits.

    8 bits are taken as they are; of more, the largest value there may be is what the caller states (``"12
    bit"``, ``"up to 4000"``), what the file does, or 65,535 where the picture needs more than 14 bits.

    Args:
        source: see `antispoof.sensing.maps.load_map`.
        modality: named where the unit is none that is known.

    Returns:
        uint8, (H, W). ``metadata["settled"]`` is False where nothing tells how bright white is.

    Raises:
        MediaError: it cannot be decoded, or is a colour picture.
        InputError: the unit is not known, or is that of more bits than the file has, or of too few for its
            values.
    """
    sample = load_map(source)
    if "settled" in sample.metadata:
        return sample  # it came from here
    array = sample.array
    found = _stated(sample, modality) or _told(array)
    largest = 65535.0 if found is None else found
    settled = found is not None
    bits = sample.metadata.get("bits")
    asked = sample.metadata.get("unit") or (f"{bits} bit" if bits else "")
    if asked and array.dtype == np.uint8 and largest > 255:
        raise InputError(
            f"the unit of {modality} is stated as {asked!r}, and {_called(source)} has 8 bits a pixel: leave "
            "the unit out, or state '8 bit'; more bits are kept in files of 16 (PNG, TIFF, PGM)"
        )
    if asked and (top := bulk_top(array)) > largest * OVERSHOOT:
        raise InputError(
            f"the unit of {modality} is stated as {asked!r}, which is too small: white is {largest:g} by it, "
            f"and values of {_called(source)} reach {top:g}: state '{_bits(top)} bit' or more, as many as "
            "the sensor has"
        )
    metadata = {**sample.metadata, "bits": _bits(largest), "unit": "8 bit", "settled": settled}
    if array.dtype == np.uint8 and largest == 255:
        return Sample(array, metadata)
    wide = np.where(np.isfinite(array), array, 0).astype(np.float64)
    scaled = wide / largest * 255 if array.dtype.kind == "f" else np.floor(wide * 256 / (largest + 1))
    return Sample(np.clip(scaled, 0, 255).astype(np.uint8), metadata)


def _called(source: Source) -> str:
    path = source.source if isinstance(source, Recording) else source
    return name_of(path) if isinstance(path, (str, Path)) else "the picture"


def _stated(sample: Sample, modality: str) -> float | None:
    """Return the value of white that a caller or the file states."""
    unit, bits = str(sample.metadata.get("unit", "")), sample.metadata.get("bits")
    if not unit:
        stated = 2.0**bits - 1 if isinstance(bits, int) else sample.metadata.get("full_scale")
        return None if stated is None else float(stated)
    step, top = step_of(unit, {"bit": 1.0, "bits": 1.0}), worded(unit, "up to")
    if step is not None and step[0] in range(1, 17):
        return float(2 ** int(step[0]) - 1)
    if top is not None and top > 0:
        return top
    raise unknown_unit(modality, unit, "'N bit', with N of 1 to 16, or 'up to X', the value of white")


def _told(array: NDArray[Any]) -> float | None:
    """Tell the value of white from the type and the bulk of a picture; None where both leave it open."""
    if array.dtype == np.uint8:
        return 255.0
    top = bulk_top(array)
    if array.dtype.kind == "f":
        return 1.0 if top <= OVERSHOOT else 255.0 if 128 <= top <= 255 * OVERSHOOT else None
    return 65535.0 if top >= 2**14 else None


def _bits(largest: float) -> int:
    return max(1, math.ceil(math.log2(largest + 1))) if largest > 1 else 8
