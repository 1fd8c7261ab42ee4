"""Pictures of faces that were changed after they were taken: self-blended, swapped, morphed.

A detector that learns from the generators of the day knows those. What every one of them leaves is a seam:
two pictures with a past of their own, other noise, sharpness, colour and compression, met somewhere in the
face. `forgeries` makes seams of all kinds from licensed portraits (K. Shiohara, T. Yamasaki, "Detecting
Deepfakes with Self-Blended Images", CVPR 2022; L. Li et al., "Face X-ray for More General Face Forgery
Detection", CVPR 2020). There are two families of methods that share neither warp, region, colour transfer,
blending nor codec: ``taught`` to learn from, and ``held_out`` to measure on.
"""

from __future__ import annotations

from antispoof.simulation.face.manipulation.forgeries import (
    FAMILIES,
    KINDS,
    Family,
    Manipulated,
    Seen,
    morph,
    seen,
    self_blend,
    swap,
)

__all__ = ["FAMILIES", "KINDS", "Family", "Manipulated", "Seen", "morph", "seen", "self_blend", "swap"]
