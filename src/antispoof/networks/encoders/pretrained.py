"""Pretrained vision networks by name: the network stays as it is, small adapters between its layers learn.

N. Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019 (adapters); R. Cai et al.,
"S-Adapter: Generalizing Vision Transformer for Face Anti-Spoofing with Statistical Tokens", IEEE T-IFS
2024, and X. Lin et al., "Suppress and Rebalance", CVPR 2024 (adapters with central differences). The
weights are those of the hub or folder that is named, under their own licence: for example
``facebook/dinov2-small`` and ``google/vit-base-patch16-224`` (Apache-2.0), ``openai/clip-vit-base-patch16``
(MIT), ``microsoft/resnet-18`` (Apache-2.0).
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from antispoof.errors import InputError, MissingExtraError
from antispoof.networks.central_difference import CentralDifferenceConv
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["Pretrained"]

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LAYERS = ("layers", "encoder.layers", "encoder.layer", "encoder.stages")
_FAMILIES = "ViT, DeiT, DINOv2, CLIP, SigLIP, ResNet and ConvNeXt"


class _Adapter(nn.Module):
    """Narrow, central differences over places if wanted, wide again. Adds nothing before it is trained.

    Z. Chen et al., "AdaptFormer", NeurIPS 2022, for the place beside the frozen layer.
    """

    def __init__(self, width: int, hidden: int, theta: float | None) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, hidden, 1)
        self.mix = nn.Identity() if theta is None else CentralDifferenceConv(hidden, hidden, theta)
        self.up = nn.Conv2d(hidden, width, 1)
        for parameter in self.up.parameters():
            nn.init.zeros_(parameter)

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = self.up(nn.functional.gelu(self.mix(self.down(maps))))
        return maps + added


@encoders.register("pretrained")
class Pretrained(Encoder):
    """A network of the ``transformers`` library, frozen, with an adapter after every layer or stage.

    The stage ``backbone`` is the frozen network; thaw it to fine-tune all of it.

    Args:
        channels: channels of the input; other than 3 are mixed to 3 by a learned 1 × 1 convolution.
        path: name on the hub, or a local folder; ViT, DeiT, DINOv2, CLIP, SigLIP, ResNet or ConvNeXt.
        adapter: ``plain``, ``central_difference``, or ``none`` to read the frozen network as it is.
        adapter_width: features inside an adapter.
        theta: share of differences in the adapters with central differences.
        image_size: pictures are resized to this side; a multiple of the patch.
        download: ask the hub where the name is not in the local cache.
    """

    def __init__(
        self,
        channels: int,
        *,
        path: str = "facebook/dinov2-small",
        adapter: Literal["plain", "central_difference", "none"] = "plain",
        adapter_width: int = 16,
        theta: float = 0.7,
        image_size: int = 224,
        download: bool = True,
    ) -> None:
        super().__init__()
        if adapter not in ("plain", "central_difference", "none"):
            raise InputError(f"adapter must be 'plain', 'central_difference' or 'none', got {adapter!r}")
        network, mean, deviation = _load(path, download)
        self.image_size = image_size
        self.colours: nn.Module = nn.Identity()
        if channels != 3:
            mix = nn.Conv2d(channels, 3, 1, bias=False)
            nn.init.constant_(mix.weight, 1 / channels)
            self.colours = mix
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])
        self.mean: Tensor
        self.deviation: Tensor
        self.backbone = _Backbone(network, path, image_size).requires_grad_(False).eval()
        layers = self.backbone.layers
        count = len(layers)
        # A network of stages has maps of falling resolution: the last three are the levels.
        self.ends = (
            (count - 2, count - 1, count) if self.backbone.staged else (count // 3, 2 * count // 3, count)
        )
        widths = self.backbone.widths
        self.dims = (widths[self.ends[0] - 1], widths[self.ends[1] - 1], widths[self.ends[2] - 1])
        self.adapters = nn.ModuleList()
        if adapter != "none":
            used = theta if adapter == "central_difference" else None
            self.adapters.extend(_Adapter(width, adapter_width, used) for width in widths)
        first, second, _ = self.ends
        self.stages = {
            "backbone": self.backbone,
            "shallow": nn.ModuleList([self.colours, *self.adapters[:first]]),
            "middle": self.adapters[first:second],
            "deep": self.adapters[second:],
        }

    def train(self, mode: bool = True) -> Pretrained:
        """Train the adapters; what is frozen keeps its statistics and drops nothing."""
        super().train(mode)
        self.backbone.train(mode and any(p.requires_grad for p in self.backbone.parameters()))
        return self

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens after thirds of the layers, or the last three stages."""
        x = self.colours(x)
        size = (self.image_size, self.image_size)
        if tuple(map(int, x.shape[-2:])) != size:
            x = nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
        hidden = self.backbone.embed((x - self.mean) / self.deviation)
        levels = []
        for index in range(len(self.backbone.layers)):
            hidden = self.backbone.step(index, hidden)
            if len(self.adapters):
                hidden = self._adapt(index, hidden)
            if index + 1 in self.ends:
                levels.append(self._level(hidden, index + 1 == self.ends[2]))
        return levels[0], levels[1], levels[2]

    def _adapt(self, index: int, hidden: Tensor) -> Tensor:
        if self.backbone.staged:
            adapted: Tensor = self.adapters[index](hidden)
            return adapted
        prefix = self.backbone.prefix
        maps = hidden[:, prefix:].transpose(1, 2).reshape(hidden.shape[0], -1, *self.backbone.grid)
        return torch.cat([hidden[:, :prefix], to_tokens(self.adapters[index](maps))], 1)

    def _level(self, hidden: Tensor, last: bool) -> Tensor:
        if self.backbone.staged:
            return to_tokens(hidden)
        tokens = hidden[:, self.backbone.prefix :]
        norm = self.backbone.norm if last else _without_scale
        normalised: Tensor = norm(tokens)
        return normalised


def _without_scale(tokens: Tensor) -> Tensor:
    return nn.functional.layer_norm(tokens, (int(tokens.shape[-1]),))


class _Backbone(nn.Module):
    """The parts of a library network that tokens go through, without pooling and heads."""

    def __init__(self, network: Any, path: str, size: int) -> None:
        super().__init__()
        network = getattr(network, "vision_model", network).eval()
        config = network.config
        embeddings = getattr(network, "embeddings", getattr(network, "embedder", None))
        found = [part for part in (_part(network, name) for name in _LAYERS) if part is not None]
        self.staged = _part(network, "encoder.stages") is not None
        if embeddings is None or not (self.staged or hasattr(config, "patch_size")) or len(found[0]) < 3:
            raise InputError(
                f"{path!r} is a {config.model_type} network, whose layers are not known: "
                f"use one of {_FAMILIES}"
            )
        self.layers = nn.ModuleList(found[0])
        self.first_norm: nn.Module = getattr(network, "pre_layrnorm", nn.Identity())
        self.norm: nn.Module = nn.Identity()
        self.entrance: nn.Module = embeddings
        if self.staged:
            self.widths = tuple(map(int, config.hidden_sizes))
            return
        self.widths = (int(config.hidden_size),) * len(self.layers)
        self.norm = getattr(network, "layernorm", getattr(network, "post_layernorm", self.norm))
        patch = int(config.patch_size)
        if size % patch:
            raise InputError(f"image_size must be a multiple of the patch, {patch}, got {size}")
        # Tokens are a constant (places, class and register tokens) and a linear function of the picture.
        # Only the library knows how to fit the places to a size, and its way cannot be exported.
        self.grid = (size // patch, size // patch)
        self.entrance = next(part for part in embeddings.modules() if isinstance(part, nn.Conv2d))
        fits = "interpolate_pos_encoding" in inspect.signature(embeddings.forward).parameters
        black = torch.zeros(1, 3, size, size)
        with torch.no_grad():
            constant = embeddings(black, interpolate_pos_encoding=True) if fits else embeddings(black)
        self.prefix = constant.shape[1] - self.grid[0] * self.grid[1]
        self.register_buffer("constant", constant)
        self.constant: Tensor

    def embed(self, x: Tensor) -> Tensor:
        if self.staged:
            maps: Tensor = self.entrance(x)
            return maps
        assert isinstance(self.entrance, nn.Conv2d)
        patches = nn.functional.conv2d(x, self.entrance.weight, None, self.entrance.stride)
        tokens: Tensor = self.constant + nn.functional.pad(to_tokens(patches), (0, 0, self.prefix, 0))
        normalised: Tensor = self.first_norm(tokens)
        return normalised

    def step(self, index: int, hidden: Tensor) -> Tensor:
        layer = self.layers[index]
        out = layer(hidden, attention_mask=None) if _wants_mask(layer) else layer(hidden)
        result: Tensor = out[0] if isinstance(out, tuple) else out
        return result


def _wants_mask(layer: nn.Module) -> bool:
    return "attention_mask" in inspect.signature(layer.forward).parameters


def _part(network: nn.Module, name: str) -> Any:
    part: Any = network
    for step in name.split("."):
        part = getattr(part, step, None)
    return part


def _load(path: str, download: bool) -> tuple[Any, tuple[float, ...], tuple[float, ...]]:
    """Return the network, and the mean and deviation its pictures are normalised with."""
    try:
        from transformers import AutoModel
        from transformers.image_processing_base import ImageProcessingMixin
    except ModuleNotFoundError:
        raise MissingExtraError("a pretrained encoder", "train") from None
    try:
        network = AutoModel.from_pretrained(
            path, use_safetensors=True, attn_implementation="eager", local_files_only=not download
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"cannot load the network {path!r}: {reason}; give the name of a network on the hub, or a folder "
            "with config.json and model.safetensors"
        ) from None
    try:
        settings, _ = ImageProcessingMixin.get_image_processor_dict(path, local_files_only=not download)
    except OSError:
        settings = {}
    mean, deviation = settings.get("image_mean", _IMAGENET[0]), settings.get("image_std", _IMAGENET[1])
    return network, tuple(mean), tuple(deviation)
