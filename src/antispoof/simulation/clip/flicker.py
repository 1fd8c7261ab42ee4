"""Light that goes up and down, of lamps and of screens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from antispoof.simulation.clip.layers import Map

__all__ = ["flicker"]


def flicker(
    hertz: float, depth: float, exposure_s: float, rows_s: float, phase: float
) -> Callable[[float, Map], Map]:
    """Let light go up and down, as a camera sees it that exposes row after row.

    Args:
        hertz: of the light.
        depth: amplitude, as a share.
        exposure_s: how long a row is exposed, which evens out what is faster.
        rows_s: from the first row to the last.
        phase: at time 0, radians.

    Returns:
        (time, height of each row in the frame from 0 to 1) → factor on the light.
    """
    seen = depth * float(np.sinc(hertz * exposure_s))

    def factor(time_s: float, rows: Map) -> Map:
        turns = 2 * np.pi * hertz * (time_s + rows_s * rows) + phase
        return np.asarray(1 - seen * np.cos(turns), np.float32)

    return factor
