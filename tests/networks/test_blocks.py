"""Blocks that are more than a layer, against slow computations with loops, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.networks.attention import full_attention, linear_attention, windowed_attention
from antispoof.networks.central_difference import CentralDifferenceConv
from antispoof.networks.encoders.vit import sines
from antispoof.networks.fusion.bilinear import bilinear_product
from antispoof.networks.fusion.multi_rank import ranked
from antispoof.networks.tokens import regions, select, statistics, to_map, to_tokens

Array = NDArray[np.float64]


def qkv(heads: int, queries: int, keys: int, depth: int, seed: int = 0) -> list[Array]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(2, heads, count, depth)) for count in (queries, keys, keys)]


def slow_attention(q: Array, k: Array, v: Array, sees: Callable[[int, int], bool]) -> Array:
    out = np.zeros((*q.shape[:3], v.shape[3]))
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for i in range(q.shape[2]):
                weights = [
                    math.exp(q[b, h, i] @ k[b, h, j] / math.sqrt(q.shape[3])) if sees(i, j) else 0.0
                    for j in range(k.shape[2])
                ]
                for j, weight in enumerate(weights):
                    out[b, h, i] += weight / sum(weights) * v[b, h, j]
    return out


def test_full_attention() -> None:
    arrays = qkv(3, 5, 7, 4)
    got = full_attention(*map(torch.tensor, arrays)).numpy()
    np.testing.assert_allclose(got, slow_attention(*arrays, lambda _i, _j: True), rtol=1e-10)
    bias = torch.zeros(2, 1, 1, 7).double()
    bias[..., 2] = -1e4
    got = full_attention(*map(torch.tensor, arrays), bias).numpy()
    np.testing.assert_allclose(got, slow_attention(*arrays, lambda _i, j: j != 2), rtol=1e-10)


@pytest.mark.parametrize(("height", "width", "window"), [(4, 6, 2), (5, 7, 3), (3, 3, 7)])
def test_windowed_attention(height: int, width: int, window: int) -> None:
    arrays = qkv(2, height * width, height * width, 4)

    def same_window(i: int, j: int) -> bool:
        places = [(n // width // window, n % width // window) for n in (i, j)]
        return places[0] == places[1]

    got = windowed_attention(*map(torch.tensor, arrays), height, width, window).numpy()
    np.testing.assert_allclose(got, slow_attention(*arrays, same_window), rtol=1e-9)


def test_linear_attention() -> None:
    q, k, v = qkv(2, 5, 5, 4)
    got = linear_attention(*map(torch.tensor, (q, k, v))).numpy()

    def phi(x: Array) -> Array:
        return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))

    for b in range(2):
        for h in range(2):
            for i in range(5):
                weights = [phi(q[b, h, i]) @ phi(k[b, h, j]) for j in range(5)]
                expected = sum(w * v[b, h, j] for j, w in enumerate(weights)) / sum(weights)
                np.testing.assert_allclose(got[b, h, i], expected, rtol=1e-5)


@pytest.mark.parametrize("theta", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("stride", [1, 2])
def test_central_difference_convolution(theta: float, stride: int) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(1, 2, 6, 5))
    layer = CentralDifferenceConv(2, 3, theta, stride).double()
    weight = layer.weight.detach().numpy()
    got = layer(torch.tensor(x)).detach().numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for out in range(3):
        for row in range(got.shape[2]):
            for column in range(got.shape[3]):
                total = 0.0
                for channel in range(2):
                    window = padded[0, channel, row * stride :, column * stride :][:3, :3]
                    total += (weight[out, channel] * (window - theta * window[1, 1])).sum()
                assert got[0, out, row, column] == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_central_differences_alone_do_not_see_brightness() -> None:
    layer = CentralDifferenceConv(1, 2, theta=1.0)
    x = torch.rand(1, 1, 6, 6)
    one, other = layer(x)[..., 1:-1, 1:-1], layer(x + 0.5)[..., 1:-1, 1:-1]
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match=r"theta must be 0 to 1, got 1\.5"):
        CentralDifferenceConv(1, 1, 1.5)


def test_ranking() -> None:
    random = np.random.default_rng(2)
    features, salience = random.normal(size=(4, 3, 5)), random.normal(size=(4, 3))
    salience[1, 2] = salience[3, 0] = salience[3, 1] = -1e4  # absent
    got = ranked(torch.tensor(features), torch.tensor(salience)).numpy()
    for row in range(4):
        order = sorted(range(3), key=lambda m: -salience[row, m])
        for rank, m in enumerate(order):
            sigma = 0.0 if salience[row, m] == -1e4 else 1 / (1 + math.exp(-salience[row, m]))
            np.testing.assert_allclose(got[row, rank], sigma * features[row, m], rtol=1e-10)
    assert not got[3, 1:].any()


def test_bilinear_product() -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, 3)), random.normal(size=(2, 4))
    got = bilinear_product(torch.tensor(a), torch.tensor(b)).numpy()
    for row in range(2):
        flat = [x * y for x in a[row] for y in b[row]]
        rooted = np.array([math.copysign(math.sqrt(abs(p) + 1e-6), p) for p in flat])
        np.testing.assert_allclose(got[row], rooted / np.linalg.norm(rooted), rtol=1e-9)


@given(st.integers(1, 9), st.integers(1, 5))
@settings(max_examples=25)
def test_regions_are_adaptive_average_pooling(side: int, wanted: int) -> None:
    maps = torch.tensor(np.random.default_rng(0).random((2, 3, side, side)))
    expected = to_tokens(torch.nn.functional.adaptive_avg_pool2d(maps, wanted))
    torch.testing.assert_close(regions(to_tokens(maps), wanted), expected)
    torch.testing.assert_close(to_map(to_tokens(maps)), maps, rtol=0, atol=0)


def test_regions_of_a_sequence() -> None:
    tokens = torch.tensor(np.random.default_rng(0).random((2, 11, 3)))
    expected = torch.nn.functional.adaptive_avg_pool1d(tokens.transpose(1, 2), 4).transpose(1, 2)
    torch.testing.assert_close(regions(tokens, 2), expected)
    with pytest.raises(InputError, match="must be those of a square picture, got 11"):
        to_map(tokens)


def test_statistics_and_selection() -> None:
    tokens = torch.tensor(np.random.default_rng(0).normal(2, 3, (2, 50, 3)))
    expected = np.concatenate([tokens.numpy().mean(1), tokens.numpy().std(1)], 1)
    np.testing.assert_allclose(statistics(tokens).numpy(), expected, rtol=1e-5)
    kept = select(torch.full((2, 3, 1), float("nan")), torch.tensor([0.0, 1.0]))
    assert not kept[0].any()
    assert kept[1].isnan().all()


def test_places_of_the_plain_transformer() -> None:
    code = sines(3, 4, 8).numpy()
    for row in range(3):
        for column in range(4):
            frequencies = [1.0, 10000**-0.5]
            expected = [
                wave(place * f)
                for place in (row, column)
                for wave in (math.sin, math.cos)
                for f in frequencies
            ]
            np.testing.assert_allclose(code[row * 4 + column], expected, rtol=1e-5, atol=1e-6)
