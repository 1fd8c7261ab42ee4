"""The modalities, one file each."""

from __future__ import annotations

from antispoof.registry import Registry
from antispoof.sensing.capture import Modality

__all__ = ["modalities"]

modalities: Registry[Modality] = Registry("modality", __name__)
