"""Mean and deviation of frozen ImageNet features of a picture, and a small perceptron over them.

What the first stages of a network for everyday pictures respond to is texture: edges, dots, grain, gloss.
Only the perceptron learns, so that features are taken once, and simulated pictures cannot teach the features
what the simulator looks like. The weights are those of EfficientNet-Lite0 (M. Tan, Q. Le, ICML 2019), see
`antispoof.networks.encoders.efficientnet_lite`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.networks.encoders import encoders
from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0, imagenet_state
from antispoof.networks.moments import MomentsEncoder

__all__ = ["FeatureMoments", "PictureMoments"]


class FeatureMoments(nn.Module):
    """Picture (B, C, H, W) → ``dim`` numbers: mean and deviation of the maps of each stage.

    Args:
        stages: how many of the stages of EfficientNet-Lite0 are looked at.
        pretrained: take the ImageNet weights.
    """

    def __init__(self, stages: int, pretrained: bool) -> None:
        super().__init__()
        self.network = EfficientNetLite0(stages)
        if pretrained:
            self.network.load_state_dict(imagenet_state(self.network))
        self.requires_grad_(False)
        self.dim = 2 * sum(self.network.channels)

    def train(self, mode: bool = True) -> FeatureMoments:
        """Stay in evaluation mode: frozen statistics are part of frozen features."""
        del mode
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) in 0..1 to (B, dim)."""
        maps = self.network(_colours(x))
        return torch.cat([part for each in maps for part in _moments(each)], 1)

    def by_patch(self, x: Tensor) -> Tensor:
        """Return the moments as if all of the last stage looked like each patch: (B, dim, h, w)."""
        maps = self.network(_colours(x))
        last = maps[-1]
        rest = torch.cat([part for each in maps for part in _moments(each)], 1)
        whole = rest[:, :, None, None].expand(-1, -1, last.shape[2], last.shape[3])
        channels = last.shape[1]
        return torch.cat([whole[:, : -2 * channels], last, whole[:, -channels:]], 1)


def _colours(x: Tensor) -> Tensor:
    return x if x.shape[1] == 3 else x.mean(1, keepdim=True).expand(-1, 3, -1, -1)


def _moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    mean = maps.mean((2, 3))
    apart = maps - mean[:, :, None, None]
    return mean, ((apart * apart).mean((2, 3)) + 1e-6).sqrt()


@encoders.register("picture_moments")
class PictureMoments(MomentsEncoder):
    """Standardised moments of frozen features and the hidden layers of a perceptron, one token each.

    Args:
        channels: of the input; of others than three colours the mean is looked at.
        stages: of EfficientNet-Lite0, whose maps are looked at.
        widths: of the two hidden layers.
        dropout: share of the moments and of the hidden units that training hides.
        pretrained: start from the ImageNet weights, which stay as they are.
    """

    def __init__(
        self,
        channels: int,
        *,
        stages: int = 4,
        widths: tuple[int, int] = (48, 24),
        dropout: float = 0.3,
        pretrained: bool = True,
    ) -> None:
        del channels  # of others than three colours the mean is looked at
        moments = FeatureMoments(stages, pretrained)
        super().__init__(moments, widths, dropout)
        self.stages = {**self.stages, "features": moments}

    def by_patch(self, x: Tensor) -> Tensor:
        """Return the moments as if all of the last stage looked like each patch, (B, dim, h, w)."""
        features = self.moments
        assert isinstance(features, FeatureMoments)
        return features.by_patch(x)
