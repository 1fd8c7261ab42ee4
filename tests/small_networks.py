"""Small networks, batches and checks that several tests of networks share."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from antispoof.networks.encoders import Encoder
from antispoof.networks.network import EncoderChoice, FusionChoice, MultiSensorNetwork, build_network

CHANNELS = {"face_rgb": 3, "face_depth": 1, "face_thermal": 1}
SIDE = 32
TINY = {"widths": (8, 8, 12, 16), "blocks": (1, 1, 1), "expansion": 2, "heads": 2}

WAVEFORMS = {"graph_attention", "pretrained_speech", "speech_moments", "speech_residual"}
"""Encoders of sound, which are built for one channel."""

SMALL: dict[str, dict[str, object]] = {
    "densenet121": {"growth": 8},
    "resnet18": {"width": 16},
    "resnet34": {"width": 16},
    "resnet50": {"width": 8},
    "seam_maps": {"grid": 4, "width": 8},
    "vit": {"width": 32, "heads": 2, "depth": 4},
}
"""Options that keep a test short; an encoder that is not here is built as it comes."""


def tiny_network(
    fusion: str | None,
    outputs: Sequence[str] = (),
    modalities: Sequence[str] = tuple(CHANNELS),
    **options: object,
) -> MultiSensorNetwork:
    choices = {name: EncoderChoice("mobile", CHANNELS[name], TINY) for name in modalities}
    network = build_network(choices, FusionChoice(fusion, options) if fusion else None, outputs)
    return as_if_trained(network, pictures(8, modalities=modalities))


def as_if_trained(module: Any, *inputs: Any) -> Any:
    """Give zeros some size, and normalisation the statistics of the inputs: nothing is trivially equal."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.normal_(0, 0.1, generator=generator)
        # Layers of pretrained weights keep the statistics that they came with.
        norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
        if norms and not any(norm.running_mean.any() for norm in norms):
            momenta = [norm.momentum for norm in norms]
            for norm in norms:
                norm.momentum = 1.0
            module.train()(*inputs)
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
    return module


def pictures(rows: int, seed: int = 0, modalities: Sequence[str] = tuple(CHANNELS)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(rows, CHANNELS[name], SIDE, SIDE, generator=generator) for name in modalities}


def encoder_input(encoder: Encoder, rows: int, channels: int, side: int = 64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if encoder.takes == "waveform":
        return torch.rand(rows, 16000, generator=generator) * 2 - 1
    return torch.rand(rows, channels, side, side, generator=generator)


def save_tiny_speech_model(kind: str, folder: Path) -> None:
    """Save an untrained speech model of transformers, a thousandth of the usual size."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8, 8, 8),
        conv_kernel=(10, 8, 4),
        conv_stride=(8, 8, 5),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        apply_spec_augment=False,
        layerdrop=0.0,
    )
    torch.manual_seed(3)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)


def onnx_outputs(module: nn.Module, inputs: Mapping[str, Tensor], rows: int) -> list[np.ndarray]:
    """Export with one row, run with ``rows``; the module takes and returns arrays in order."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of every size that it fixes
        torch.onnx.export(
            module.eval(),
            tuple(array[:1] for array in inputs.values()),
            file,
            input_names=list(inputs),
            dynamic_axes={name: {0: "batch"} for name in inputs},
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    used = {each.name for each in session.get_inputs()}
    return list(session.run(None, {name: x[:rows].numpy() for name, x in inputs.items() if name in used}))


def save_backbone(family: str, folder: Path) -> Path:
    """Write a small network of the transformers library with random weights."""
    import transformers

    blocks = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    pixels = {"image_size": 32, "patch_size": 8}
    stages = {"hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1]}
    config = {
        "vit": lambda: transformers.ViTConfig(**blocks, **pixels),
        "dinov2": lambda: transformers.Dinov2Config(**blocks, **pixels, mlp_ratio=2),
        "clip": lambda: transformers.CLIPVisionConfig(**blocks, **pixels),
        "siglip": lambda: transformers.SiglipVisionConfig(**blocks, **pixels),
        "resnet": lambda: transformers.ResNetConfig(**stages, embedding_size=8, layer_type="basic"),
        "convnext": lambda: transformers.ConvNextConfig(**stages),
        "bert": lambda: transformers.BertConfig(**blocks, vocab_size=20),
    }[family]()
    torch.manual_seed(1)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    return folder


class Flat(nn.Module):
    """A network that takes its inputs and the presence in order, as a graph does."""

    def __init__(self, network: MultiSensorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        out = self.network(dict(zip(self.network.modalities, arrays[:-1], strict=True)), arrays[-1])
        return (
            out.score,
            out.embedding,
            out.modality_scores,
            *out.patch_scores.values(),
            *out.depth.values(),
        )
