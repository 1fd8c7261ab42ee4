"""ResNet-18, -34 and -50: shortcuts around two or three convolutions.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; the stride of a
bottleneck is in its 3 × 3 convolution, as in all current versions. Trained from scratch; for ImageNet
weights use the encoder ``pretrained`` with ``microsoft/resnet-18``, ``-34`` or ``-50`` (Apache-2.0).
"""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["ResNet", "resnet18", "resnet34", "resnet50"]


class ResNet(Encoder):
    """A stem and four groups of blocks, as Transformers builds them; the shallow level is the second group.

    Args:
        channels: channels of the input.
        blocks: blocks of each group.
        bottleneck: blocks of three convolutions instead of two.
        width: features of the first group; 64 in the paper.
    """

    def __init__(
        self, channels: int, blocks: tuple[int, int, int, int], bottleneck: bool, width: int
    ) -> None:
        super().__init__()
        from transformers import ResNetConfig, ResNetModel

        widths = [(4 if bottleneck else 1) * width << group for group in range(4)]
        network = ResNetModel(
            ResNetConfig(
                num_channels=channels,
                embedding_size=width,
                hidden_sizes=widths,
                depths=list(blocks),
                layer_type="bottleneck" if bottleneck else "basic",
            )
        )
        groups = network.encoder.stages
        self.shallow = nn.Sequential(network.embedder, groups[0], groups[1])
        self.middle, self.deep = groups[2], groups[3]
        self.dims = (widths[1], widths[2], widths[3])
        self.stages = {"shallow": self.shallow, "middle": self.middle, "deep": self.deep}

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 8, 16 and 32."""
        shallow = self.shallow(x * 4 - 2)
        middle = self.middle(shallow)
        return to_tokens(shallow), to_tokens(middle), to_tokens(self.deep(middle))


@encoders.register("resnet18")
def resnet18(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-18: eight blocks of two convolutions; ``width`` is that of the first group."""
    return ResNet(channels, (2, 2, 2, 2), False, width)


@encoders.register("resnet34")
def resnet34(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-34: sixteen blocks of two convolutions; ``width`` is that of the first group."""
    return ResNet(channels, (3, 4, 6, 3), False, width)


@encoders.register("resnet50")
def resnet50(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-50: sixteen bottlenecks; ``width`` is that of the first group."""
    return ResNet(channels, (3, 4, 6, 3), True, width)
