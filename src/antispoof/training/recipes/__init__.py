"""Recipes, one a file or folder: each keeps to the contract of `antispoof.training.recipe`."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

__all__: list[str] = []

_MOVED = {"Experiment": "schema", "Part": "schema", "Trained": "recipe", "recipes": "recipe"}
"""Names that stood here in version 0.1 → where they are; they go in the release after 0.2."""


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = f"antispoof.training.{_MOVED[name]}"
    warnings.warn(f"{__name__}.{name} is in {new} now", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(new), name)
