"""Multimodal biometric anti-spoofing: tells whether the person in front of the sensors is really there.

    import antispoof

    detector = antispoof.load()
    verdict = detector.check(face_rgb="selfie.jpg")
    verdict.outcome  # "bona_fide", "attack" or "non_response"

The public names below are imported on first use, so that this import costs next to nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from antispoof._moved import MovedModules

if TYPE_CHECKING:
    from antispoof.batch.rows import Row
    from antispoof.batch.run import score
    from antispoof.errors import (
        AntispoofError,
        BundleError,
        ExperimentError,
        InputError,
        MediaError,
        MissingExtraError,
        UnknownNameError,
    )
    from antispoof.runtime.detector import Detector, load
    from antispoof.runtime.policy import Policy, read_policy
    from antispoof.runtime.site import SiteCalibration, read_site, write_site
    from antispoof.runtime.verdict import BundleReference, BundleScore, Evidence, OperatingPoint, Verdict
    from antispoof.sensing.capture import Recording, Sample
    from antispoof.sites.learning import learn_site

__version__ = "0.1.0"

sys.meta_path.insert(0, MovedModules())

__all__ = [
    "AntispoofError",
    "BundleError",
    "BundleReference",
    "BundleScore",
    "Detector",
    "Evidence",
    "ExperimentError",
    "InputError",
    "MediaError",
    "MissingExtraError",
    "OperatingPoint",
    "Policy",
    "Recording",
    "Row",
    "Sample",
    "SiteCalibration",
    "UnknownNameError",
    "Verdict",
    "learn_site",
    "load",
    "read_policy",
    "read_site",
    "score",
    "write_site",
]

_HOMES = {
    "BundleReference": "runtime.verdict",
    "Detector": "runtime.detector",
    "Evidence": "runtime.verdict",
    "OperatingPoint": "runtime.verdict",
    "BundleScore": "runtime.verdict",
    "Policy": "runtime.policy",
    "Recording": "sensing.capture",
    "Row": "batch.rows",
    "Sample": "sensing.capture",
    "SiteCalibration": "runtime.site",
    "Verdict": "runtime.verdict",
    "learn_site": "sites.learning",
    "load": "runtime.detector",
    "read_policy": "runtime.policy",
    "read_site": "runtime.site",
    "score": "batch.run",
    "write_site": "runtime.site",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name == "Opinion":  # the name of version 0.1, for one release
        return getattr(import_module("antispoof.runtime.verdict"), name)
    if name not in __all__:
        raise AttributeError(f"module 'antispoof' has no attribute {name!r}")
    value: object = getattr(import_module(f"antispoof.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
