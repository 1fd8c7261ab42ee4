"""Copy synthesis, one family of vocoders a file: speech is taken apart and put together again.

A copier maps float32 samples, shape (N,), in [-1, 1], at 16 kHz to as many samples. Its generator draws
the variant: analysis windows, bands, iterations, internal sample rate. Many variants of few ideas teach
more than one good vocoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.registry import Registry

__all__ = ["Copier", "copiers"]

Copier = Callable[[NDArray[np.float32], np.random.Generator], NDArray[Any]]

copiers: Registry[Copier] = Registry("copy synthesis", __name__)
