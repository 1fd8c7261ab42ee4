"""What the numbers of a sensor mean, stated in a few words: ``"0.1 mm"``, ``"1/64 K"``, ``"12 bit"``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError

__all__ = ["bulk_top", "step_of", "unknown_unit", "worded"]

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
STEP = re.compile(rf"(?:({NUMBER})(?:/(\d+))?\s*)?([^\s\d./+-][^\s\d/]*)", re.IGNORECASE)


def step_of(unit: str, symbols: Mapping[str, float]) -> tuple[float, str] | None:
    """Read a unit such as ``"mm"``, ``"0.25 mm"`` or ``"1/64 K"``.

    Args:
        unit: the text.
        symbols: what each symbol, in lower case, is worth.

    Returns:
        how much one step of a number is worth, and the symbol; None where it is no such unit.
    """
    found = STEP.fullmatch(unit.strip())
    if found is None or found[3].lower() not in symbols:
        return None
    step = float(found[1] or 1) / int(found[2] or 1) if int(found[2] or 1) else 0.0
    return (step * symbols[found[3].lower()], found[3].lower()) if step > 0 else None


def worded(unit: str, word: str) -> float | None:
    """Read a unit such as ``"disparity 21000"``: the number after a word; None where it is no such unit."""
    found = re.fullmatch(rf"{word}\s+({NUMBER})", unit.strip(), re.IGNORECASE)
    return float(found[1]) if found else None


def unknown_unit(modality: str, unit: object, known: str) -> InputError:
    """Return the error that tells which units a modality takes."""
    return InputError(f"the unit of {modality} must be {known}; got {unit!r}")


def bulk_top(array: NDArray[Any]) -> float:
    """Return the value that hardly any pixel exceeds.

    Hot pixels, also small clusters and single lines of them, do not count: a median over 5 × 5 pixels takes
    them out, all but those along the edge, and then the highest fiftieth is left out.

    Args:
        array: uint8, uint16 or float32, (H, W); values that are not finite count as 0.
    """
    clean = np.where(np.isfinite(array), array, 0).astype(array.dtype)
    if min(array.shape) >= 5:
        clean = np.asarray(cv2.medianBlur(np.ascontiguousarray(clean), 5))
    return float(np.quantile(clean, 0.98))
