"""Simulated captures: bona fide faces and attack instruments made from licensed portraits.

A simulated presentation is a physical chain. `tone` holds light and colour, `optics` everything that bends or
blurs, `camera` the ONE capturing camera that bona fide and attack share; each instrument is one file that
puts a picture of the person in front of that camera. Every parameter is drawn from a stated range by a
seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from antispoof.registry import Registry
from antispoof.simulation.face.staging import Staged
from antispoof.simulation.face.tone import Picture

__all__ = ["FaceInstrument", "face_instruments"]

FaceInstrument = Callable[[Staged, Staged | None, np.random.Generator], Picture]
"""Puts a staged person, and perhaps another in the same framing, before the camera; display values out."""

face_instruments: Registry[FaceInstrument] = Registry("face attack instrument", __name__)
