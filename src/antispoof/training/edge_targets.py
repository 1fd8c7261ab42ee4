"""Names of what a bundle can be exported to; needs no extra, so that a wrong name is told first."""

from __future__ import annotations

__all__ = ["EDGE_TARGETS"]

EDGE_TARGETS = ("onnx-int8", "openvino", "litert", "ort-web")
"""The keys of `antispoof.training.edge_formats.FORMATS`."""
