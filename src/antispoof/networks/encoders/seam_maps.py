"""How every place of a picture differs from the rest of it, and a small network that looks for a seam.

Two pictures that were joined keep their pasts: sharpness, grain, compression, resampling. Frozen early
filters of EfficientNet-Lite0 (ImageNet weights) and high-pass residuals (J. Fridrich, J. Kodovský,
"Rich Models for Steganalysis of Digital Images", IEEE TIFS 2012) measure them in every cell of a grid. The
mean over the picture is taken off each: what camera, codec and light do to all of it is gone, what differs
within it stays. A later stage of the same network sees what no texture tells: a second frame of spectacles,
a mouth that fits no chin. Only the network over the grid learns, so that numbers are taken once.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from antispoof.networks.encoders import encoders
from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0, imagenet_state
from antispoof.networks.moments import MomentsEncoder
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["CellNumbers", "SeamMaps"]

_CELL = 16  # px
_STRIDES = (2, 4, 8, 16, 16)  # of the stages of EfficientNet-Lite0 whose maps are told relative to their mean
_FLOOR = 1e-5  # of a mean square, so that its logarithm has a bound: a third of a grey level
_FILTERS = (
    ((0, 0, 0), (0, -1, 1), (0, 0, 0)),
    ((0, 0, 0), (0, -1, 0), (0, 1, 0)),
    ((-1, 2, -1), (2, -4, 2), (-1, 2, -1)),
    ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
)
_TO_YCC = ((0.299, 0.587, 0.114), (-0.169, -0.331, 0.5), (0.5, -0.419, -0.081))
_RESIDUALS = len(_FILTERS) * 3


class CellNumbers(nn.Module):
    """Picture (B, 3, S, S) → ``channels`` numbers a cell, less their mean, and ``wide`` of every four cells.

    Args:
        grid: cells across; where S is sixteen times it, they do not overlap.
        pretrained: take the ImageNet weights.
        blocks: how many of the four blocks of the sixth stage are looked at; with 0, ``wide`` is 0.
    """

    filters: Tensor
    colours: Tensor

    def __init__(self, grid: int, pretrained: bool, blocks: int) -> None:
        super().__init__()
        if not 0 <= blocks <= 4:
            raise ValueError(f"blocks must be 0 to 4, got {blocks}")
        self.network = EfficientNetLite0(len(_STRIDES) + (blocks > 0))
        if pretrained:
            self.network.load_state_dict(imagenet_state(self.network))
        if blocks:
            self.network.stages[-1] = nn.Sequential(*list(self.network.stages[-1].children())[:blocks])
        self.requires_grad_(False)
        self.grid = grid
        self.register_buffer("filters", torch.tensor(_FILTERS, dtype=torch.float32)[:, None])
        self.register_buffer("colours", torch.tensor(_TO_YCC)[:, :, None, None])
        both = [2 if stride < _CELL else 1 for stride in _STRIDES]
        near = self.network.channels[: len(_STRIDES)]
        self.wide = self.network.channels[-1] if blocks else 0
        self.channels = int(np.dot(both, near)) + _RESIDUALS + 3
        self.dim = self.channels * grid**2 + self.wide * _quarter(grid) ** 2

    def train(self, mode: bool = True) -> CellNumbers:
        """Stay in evaluation mode: frozen statistics are part of frozen features."""
        del mode
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, S, S) in 0..1 to (B, dim): cells, then fours of cells."""
        if x.shape[1] != 3:
            x = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        found = []
        levels = self.network(x)
        for stride, maps in zip(_STRIDES, levels, strict=False):
            mean = _cells(maps, self.grid)
            found.append(mean)
            if stride < _CELL:
                square = _cells(maps * maps, self.grid)
                found.append((square - mean * mean).clamp(min=0).add(1e-6).sqrt())
        shades = nn.functional.conv2d(x, self.colours)
        flat = nn.functional.pad(shades, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
        residuals = nn.functional.conv2d(flat, self.filters)
        residuals = residuals.reshape(-1, _RESIDUALS, *residuals.shape[2:])
        found += [(_cells(residuals * residuals, self.grid) + _FLOOR).log(), _cells(shades, self.grid)]
        cells = torch.cat(found, 1)
        numbers = [(cells - cells.mean((2, 3), keepdim=True)).flatten(1)]
        if self.wide:
            numbers.append(_cells(levels[-1], _quarter(self.grid)).flatten(1))
        return torch.cat(numbers, 1)


def _quarter(grid: int) -> int:
    return -(-grid // 2)


def _cells(maps: Tensor, grid: int) -> Tensor:
    sides = [int(side) for side in maps.shape[-2:]]
    if any(side % grid for side in sides):  # cells overlap; such a graph cannot be exported
        return nn.functional.adaptive_avg_pool2d(maps, grid)
    return nn.functional.avg_pool2d(maps, [side // grid for side in sides])


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.layers(x))


@encoders.register("seam_maps")
class SeamMaps(MomentsEncoder):
    """Standardised numbers of cells and a small residual network over them; a token is a cell.

    Args:
        channels: of the input; of others than three colours the mean is looked at.
        grid: cells of 16 px across.
        width: channels of the network.
        dropout: share of the numbers that training hides, each in all cells.
        pretrained: with the ImageNet weights, which stay as they are.
        blocks: how many of the four blocks of the sixth stage are looked at.
    """

    where: Tensor

    def __init__(
        self,
        channels: int,
        *,
        grid: int = 10,
        width: int = 48,
        dropout: float = 0.2,
        pretrained: bool = True,
        blocks: int = 1,
    ) -> None:
        del channels  # of others than three colours the mean is looked at
        numbers = CellNumbers(grid, pretrained, blocks)
        super().__init__(numbers, (width, width), dropout)
        self.grid = grid
        place = torch.linspace(-1, 1, grid)
        down, across = torch.meshgrid(place, place, indexing="ij")
        self.register_buffer("where", torch.stack([down, torch.hypot(down, across)])[None])
        self.dims = (width, width, width)
        self.shallow = nn.Sequential(
            nn.Dropout2d(dropout),
            nn.Conv2d(numbers.channels + 2, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.wide = (
            nn.Sequential(
                nn.Dropout2d(dropout), nn.Conv2d(numbers.wide, width, 1, bias=False), nn.BatchNorm2d(width)
            )
            if numbers.wide
            else None
        )
        self.middle = nn.Sequential(_Block(width))
        self.deep = nn.Sequential(nn.Dropout2d(dropout / 2), _Block(width))
        self.sizes = [numbers.channels * grid**2, numbers.wide * _quarter(grid) ** 2]
        self.stages = {
            "features": numbers,
            "shallow": nn.ModuleList([self.shallow, *([self.wide] if self.wide else [])]),
            "middle": self.middle,
            "deep": self.deep,
        }

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the mean of every number of every place, and one deviation of a number over all places."""
        places = (self.grid**2, _quarter(self.grid) ** 2)
        over_places = [
            part.reshape(-1, count).square().mean(1, keepdim=True).sqrt().expand(-1, count).flatten()
            for part, count in zip(torch.split(deviation, self.sizes), places, strict=True)
        ]
        super().standardise(mean, torch.cat(over_places))

    def from_moments(self, moments: Tensor) -> Levels:
        """Map numbers (B, dim) to three levels of one token a cell."""
        standard = ((moments - self.mean) / self.deviation).clamp(-5, 5)
        near, wide = torch.split(standard, self.sizes, 1)
        cells = near.reshape(-1, self.sizes[0] // self.grid**2, self.grid, self.grid)
        where = self.where.to(cells.device).expand(cells.shape[0], -1, -1, -1)
        summed = self.shallow(torch.cat([cells, where], 1))
        if self.wide is not None:
            side = _quarter(self.grid)
            fours = self.wide(wide.reshape(-1, self.sizes[1] // side**2, side, side))
            summed = summed + nn.functional.interpolate(fours, size=(self.grid, self.grid), mode="nearest")
        shallow = torch.relu(summed)
        middle = self.middle(shallow)
        deep = self.deep(middle)
        return to_tokens(shallow), to_tokens(middle), to_tokens(deep)
