"""A small network for edge processors: inverted residual blocks, then attention of linear cost.

M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018 (blocks);
S. Mehta, M. Rastegari, "Separable Self-attention for Mobile Vision Transformers", TMLR 2023 (attention of
linear cost on top of such blocks). What each kind of attention costs stands in
`antispoof.networks.attention`. There are no published weights: it is trained from scratch.
"""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.networks.attention import AttentionKind, TransformerBlock
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["Mobile"]


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


@encoders.register("mobile")
class Mobile(Encoder):
    """Blocks at a quarter and an eighth of the resolution, blocks and attention at a sixteenth.

    Args:
        channels: channels of the input.
        widths: features of the stem and of the three levels.
        blocks: inverted residual blocks of each level.
        expansion: hidden width of a block, in widths of its input.
        attention: kind of attention at the deep level.
        attention_blocks: how many attention blocks.
        heads: heads of the attention.
        window: side of its windows, where ``attention`` is ``windowed``.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: tuple[int, int, int, int] = (16, 24, 48, 96),
        blocks: tuple[int, int, int] = (2, 2, 2),
        expansion: int = 4,
        attention: AttentionKind = "linear",
        attention_blocks: int = 1,
        heads: int = 4,
        window: int = 7,
    ) -> None:
        super().__init__()
        stem, *levels = widths
        self.dims = (levels[0], levels[1], levels[2])
        self.shallow = nn.Sequential(
            nn.Conv2d(channels, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU6()
        )
        self.middle, self.deep = nn.Sequential(), nn.Sequential()
        inputs = stem
        for part, width, count in zip((self.shallow, self.middle, self.deep), levels, blocks, strict=True):
            for index in range(count):
                part.append(_InvertedResidual(inputs, width, 2 if index == 0 else 1, expansion))
                inputs = width
        self.attention = nn.ModuleList(
            TransformerBlock(levels[2], heads, 2, attention, window) for _ in range(attention_blocks)
        )
        self.stages = {
            "shallow": self.shallow,
            "middle": self.middle,
            "deep": nn.ModuleList([self.deep, self.attention]),
        }

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 4, 8 and 16."""
        shallow = self.shallow(x * 4 - 2)
        middle = self.middle(shallow)
        maps = self.deep(middle)
        deep = to_tokens(maps)
        for block in self.attention:
            deep = block(deep, maps.shape[-2], maps.shape[-1])
        return to_tokens(shallow), to_tokens(middle), deep
