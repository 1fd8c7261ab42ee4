"""A plain vision transformer: square patches are tokens, and every token looks at every other.

A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; widths are those of DeiT-Tiny (H. Touvron
et al., ICML 2021), and places are fixed sines as in L. Beyer, X. Zhai, A. Kolesnikov, "Better plain ViT
baselines for ImageNet-1k", 2022, so that pictures may be of any size. Trained from scratch; for pretrained
weights use the encoder ``pretrained``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.attention import TransformerBlock
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["VisionTransformer", "sines"]


@encoders.register("vit")
class VisionTransformer(Encoder):
    """Patches, then blocks in three groups, each of which gives a level.

    Args:
        channels: channels of the input.
        patch: side of a patch in pixels; it must divide the sides of the picture.
        width: features of a token.
        depth: blocks, three or more.
        heads: heads of the attention.
    """

    def __init__(
        self, channels: int, *, patch: int = 16, width: int = 192, depth: int = 12, heads: int = 3
    ) -> None:
        super().__init__()
        if depth < 3:
            raise InputError(f"depth must be 3 or more, one block a level, got {depth}")
        if width % 4:
            raise InputError(f"width must be a multiple of 4, got {width}")
        self.patch = patch
        self.dims = (width, width, width)
        self.embed = nn.Conv2d(channels, width, patch, patch)
        ends = (depth // 3, 2 * depth // 3, depth)
        blocks = [TransformerBlock(width, heads) for _ in range(depth)]
        self.shallow = nn.ModuleList(blocks[: ends[0]])
        self.middle = nn.ModuleList(blocks[ends[0] : ends[1]])
        self.deep = nn.ModuleList(blocks[ends[1] :])
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.stages = {
            "shallow": nn.ModuleList([self.embed, self.shallow, self.norms[0]]),
            "middle": nn.ModuleList([self.middle, self.norms[1]]),
            "deep": nn.ModuleList([self.deep, self.norms[2]]),
        }

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to three levels of one token a patch."""
        if x.shape[-1] % self.patch or x.shape[-2] % self.patch:
            raise InputError(
                f"sides of the picture must be multiples of the patch, {self.patch}, got "
                f"{int(x.shape[-2])} × {int(x.shape[-1])}: choose another patch or size"
            )
        maps = self.embed(x * 4 - 2)
        height, width = int(maps.shape[-2]), int(maps.shape[-1])
        tokens = to_tokens(maps) + sines(height, width, self.dims[0]).to(maps)
        levels = []
        for blocks, norm in zip((self.shallow, self.middle, self.deep), self.norms, strict=True):
            for block in blocks:
                tokens = block(tokens, height, width)
            levels.append(norm(tokens))
        return levels[0], levels[1], levels[2]


def sines(height: int, width: int, features: int) -> Tensor:
    """Fixed code of places, (height·width, features): sines and cosines of row and column."""
    frequencies = 10000 ** -(torch.arange(features // 4) / (features // 4))
    rows = torch.arange(height)[:, None, None] * frequencies
    columns = torch.arange(width)[None, :, None] * frequencies
    code = [rows.sin(), rows.cos(), columns.sin(), columns.cos()]
    return torch.cat([part.expand(height, width, -1) for part in code], 2).flatten(0, 1)
