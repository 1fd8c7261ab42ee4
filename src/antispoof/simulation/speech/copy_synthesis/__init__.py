"""Copy synthesis, one family of vocoders a file: speech is taken apart and put together again.

A copier maps float32 samples, shape (N,), in [-1, 1], at 16 kHz to as many samples. Its generator draws
the variant: analysis windows, bands, iterations, internal sample rate. Many variants of few ideas teach
more than one good vocoder.

A copier whose package or program is not on this machine is not offered; `missing_copiers` says what it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.registry import Registry

__all__ = ["Copier", "copiers", "missing_copiers", "offer"]

Copier = Callable[[NDArray[np.float32], np.random.Generator], NDArray[Any]]

copiers: Registry[Copier] = Registry("copy synthesis", __name__)

_MISSING: dict[str, str] = {}


def offer(name: str, missing: str) -> Callable[[Copier], Copier]:
    """Return a decorator that files a copier under ``name``, unless ``missing`` says what to install."""

    def file_under(copier: Copier) -> Copier:
        if missing:
            _MISSING[name] = missing
            return copier
        return copiers.register(name)(copier)

    return file_under


def missing_copiers() -> dict[str, str]:
    """Return the copiers that this machine cannot run, each with what must be installed."""
    len(copiers)  # imports every file of this folder
    return dict(sorted(_MISSING.items()))
