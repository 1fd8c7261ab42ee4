"""Early stages of EfficientNet-Lite0 as they were learned from photos: a bank of filters for texture.

What is false about a surface is small: noise, edges, bubbles, dots. Early filters see that, and as nothing in
them is learned from the task, they lean on no sensor that the task happened to show (M. Tan, Q. Le,
"EfficientNet", ICML 2019; the weights are those of `antispoof.networks.encoders.efficientnet_lite`). Every
channel is brought to mean 0 and deviation 1 over what is trained with.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0, imagenet_state
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["FrozenTexture"]

STAGES = 4


@encoders.register("frozen_texture")
class FrozenTexture(Encoder):
    """The second, third and fourth stage of EfficientNet-Lite0 are the levels, at strides 4, 8 and 16.

    Args:
        channels: 1, which is shown as grey, or 3.
        pretrained: with the ImageNet weights; without them it is a bank of random filters.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.network = EfficientNetLite0(STAGES, channels)
        if pretrained:
            state = imagenet_state(self.network)
            if channels != 3:
                grey = state["stem.0.weight"].sum(1, keepdim=True)
                state["stem.0.weight"] = grey.repeat(1, channels, 1, 1) / channels
            self.network.load_state_dict(state)
        self.dims = cast("tuple[int, int, int]", self.network.channels[1:])
        self.placed = self.dims[2]  # channels of the deep level that differ from place to place
        self.register_buffer("mean", torch.zeros(sum(self.dims)))
        self.register_buffer("deviation", torch.ones(sum(self.dims)))
        parts = self.network.stages
        self.stages = {
            "shallow": torch.nn.ModuleList([self.network.stem, *parts[:2]]),
            "middle": parts[2],
            "deep": parts[3],
        }

    def raw(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens as the filters give them."""
        _, shallow, middle, deep = self.network(x)
        return to_tokens(shallow), to_tokens(middle), to_tokens(deep)

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to standardised tokens."""
        means, deviations = (torch.split(part, list(self.dims)) for part in (self.mean, self.deviation))
        parts = zip(self.raw(x), means, deviations, strict=True)
        shallow, middle, deep = ((tokens - mean) / deviation for tokens, mean, deviation in parts)
        return shallow, middle, deep
