"""Every loss against a slow computation with loops, in NumPy, and the limits that it must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_networks import pictures, tiny_network

from antispoof.errors import InputError
from antispoof.networks.losses import losses
from antispoof.networks.losses.depth import ellipsoid, neighbour_differences
from antispoof.networks.network import NetworkOutput, Target

Array = NDArray[np.float64]
ROWS, NAMES = 7, ("a", "b", "c")
PRESENCE = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]], float)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(4)


def said(random: np.random.Generator) -> NetworkOutput:
    def array(*shape: int) -> torch.Tensor:
        return torch.tensor(random.normal(size=shape))

    return NetworkOutput(
        score=array(ROWS),
        embedding=array(ROWS, 5),
        modality_scores=array(ROWS, 3) * torch.tensor(PRESENCE),
        patch_scores={"a": array(ROWS, 9), "b": array(ROWS, 4)},
        depth={"a": array(ROWS, 1, 4, 4), "c": array(ROWS, 1, 3, 3)},
        levels=dict.fromkeys(NAMES, ()),
        modalities=NAMES,
    )


def truth(random: np.random.Generator) -> Target:
    mask = (random.random((ROWS, 1, 12, 12)) > 0.4).astype(float)
    mask[1, :, :5] = np.nan
    depth = random.random((ROWS, 1, 12, 12))
    depth[2] = np.nan
    return Target(
        label=torch.tensor([1.0, 0, 1, 0, 0, 1, 0]).double(),
        species=torch.tensor([0, 1, 2, 1, 2, 1, 2]),
        pair=torch.tensor([0, 0, 1, 1, 1, 2, 3]),
        presence=torch.tensor(PRESENCE),
        depth=torch.tensor(depth),
        pixel_mask=torch.tensor(mask),
    )


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def cross_entropy(score: float, label: float) -> float:
    return -(label * math.log(sigmoid(score)) + (1 - label) * math.log(1 - sigmoid(score)))


def boxes(picture: Array, side: int) -> Array:
    """Mean over side × side boxes of a picture whose sides they divide."""
    step = picture.shape[0] // side
    return np.array(
        [
            [picture[r * step : (r + 1) * step, c * step : (c + 1) * step].mean() for c in range(side)]
            for r in range(side)
        ]
    )


def binary_cross_entropy(out: NetworkOutput, true: Target) -> float:
    costs = [
        (2.0 if y else 3.0) * cross_entropy(s, y)
        for s, y in zip(out.score.tolist(), true.label.tolist(), strict=True)
    ]
    return sum(costs) / ROWS


def focal(out: NetworkOutput, true: Target) -> float:
    total = 0.0
    for s, y in zip(out.score.tolist(), true.label.tolist(), strict=True):
        p = sigmoid(s) if y else 1 - sigmoid(s)
        total += -(2.0 if y else 3.0) * (1 - p) ** 1.5 * math.log(p)
    return total / ROWS


def per_modality(out: NetworkOutput, true: Target) -> float:
    costs = [
        cross_entropy(float(out.modality_scores[row, m]), float(true.label[row]))
        for row, m in zip(*np.nonzero(PRESENCE), strict=True)
    ]
    return sum(costs) / len(costs)


def patch(out: NetworkOutput, true: Target) -> float:
    rows = []
    for name, scores in out.patch_scores.items():
        for row in np.nonzero(PRESENCE[:, NAMES.index(name)])[0]:
            costs = [cross_entropy(s, float(true.label[row])) for s in scores[row].tolist()]
            rows.append(sum(costs) / len(costs))
    return sum(rows) / len(rows)


def pixel(out: NetworkOutput, true: Target) -> float:
    assert true.pixel_mask is not None
    total = weights = 0.0
    for name, scores in out.patch_scores.items():
        side = math.isqrt(scores.shape[1])
        for row in np.nonzero(PRESENCE[:, NAMES.index(name)])[0]:
            mask = true.pixel_mask[row, 0].numpy()
            known = boxes((~np.isnan(mask)).astype(float), side).ravel()
            skin = boxes(np.nan_to_num(mask), side).ravel()
            for place, score in enumerate(scores[row].tolist()):
                if known[place]:
                    total += known[place] * cross_entropy(score, skin[place] / known[place])
                    weights += known[place]
    return total / weights


def depth(out: NetworkOutput, true: Target) -> float:
    assert true.depth is not None
    costs = []
    for name, guess in out.depth.items():
        side = guess.shape[-1]
        for row in np.nonzero(PRESENCE[:, NAMES.index(name)])[0]:
            given = boxes(true.depth[row, 0].numpy(), side)
            if np.isnan(given).any():
                given = np.array(
                    [
                        [
                            math.sqrt(max(0, 1 - (y / 0.95) ** 2 - (x / 0.75) ** 2))
                            for x in (np.arange(side) + 0.5) / side * 2 - 1
                        ]
                        for y in (np.arange(side) + 0.5) / side * 2 - 1
                    ]
                ) * float(true.label[row])
            error = guess[row, 0].numpy() - given
            steps = []
            for y in range(side):
                for x in range(side):
                    for dy in (-1, 0, 1):
                        for dx in (-1, 0, 1):
                            if (dy, dx) != (0, 0):
                                inside = 0 <= y + dy < side and 0 <= x + dx < side
                                steps.append((error[y + dy, x + dx] if inside else 0.0) - error[y, x])
            costs.append((error**2).mean() + 0.3 * float(np.mean(np.square(steps))))
    return sum(costs) / len(costs)


def supervised_contrastive(out: NetworkOutput, true: Target) -> float:
    unit = out.embedding.numpy() / np.linalg.norm(out.embedding.numpy(), axis=1, keepdims=True)
    kind = [-1 if y else int(s) for y, s in zip(true.label, true.species, strict=True)]
    costs = []
    for i in range(ROWS):
        own = [j for j in range(ROWS) if j != i and kind[j] == kind[i]]
        total = sum(math.exp(unit[i] @ unit[j] / 0.2) for j in range(ROWS) if j != i)
        if own:
            costs.append(-sum(math.log(math.exp(unit[i] @ unit[j] / 0.2) / total) for j in own) / len(own))
    return sum(costs) / len(costs)


def paired(out: NetworkOutput, true: Target) -> float:
    costs = []
    for i in range(ROWS):
        for j in range(ROWS):
            if true.label[i] == 1 and true.label[j] == 0 and true.pair[i] == true.pair[j]:
                costs.append(math.log(1 + math.exp(0.5 - float(out.score[i] - out.score[j]))))
    assert len(costs) == 3
    return sum(costs) / len(costs)


def cross_modal_focal(out: NetworkOutput, true: Target) -> float:
    costs = []
    for row in range(ROWS):
        here = np.nonzero(PRESENCE[row])[0]
        sign = 1 if true.label[row] else -1
        p = {m: sigmoid(sign * float(out.modality_scores[row, m])) for m in here}
        for m in here:
            weights = [(1 - p[n] * 2 * p[m] * p[n] / (p[m] + p[n])) ** 2 for n in here if n != m] or [1.0]
            costs.append(-sum(weights) / len(weights) * math.log(p[m]))
    return sum(costs) / len(costs)


def asymmetric_margin(out: NetworkOutput, true: Target) -> float:
    unit = out.embedding.numpy() / np.linalg.norm(out.embedding.numpy(), axis=1, keepdims=True)
    direction = unit[true.label.numpy() == 1].sum(0)
    cosine = unit @ (direction / np.linalg.norm(direction))
    costs = [
        math.log(1 + math.exp(10 * ((0.8 - c) if y else (c - 0.1))))
        for c, y in zip(cosine, true.label.tolist(), strict=True)
    ]
    return sum(costs) / ROWS


CASES = [
    ("binary_cross_entropy", {"bona_fide_weight": 2, "attack_weight": 3}, binary_cross_entropy),
    ("focal", {"bona_fide_weight": 2, "attack_weight": 3, "gamma": 1.5}, focal),
    ("per_modality", {}, per_modality),
    ("patch", {}, patch),
    ("pixel", {}, pixel),
    ("depth", {"contrast": 0.3}, depth),
    ("supervised_contrastive", {"temperature": 0.2}, supervised_contrastive),
    ("paired", {"margin": 0.5}, paired),
    ("cross_modal_focal", {"gamma": 2}, cross_modal_focal),
    ("asymmetric_margin", {"bona_fide_cosine": 0.8, "attack_cosine": 0.1, "scale": 10}, asymmetric_margin),
    ("gradient_rebalancing", {"alpha": 2}, per_modality),
]


def test_there_is_a_reference_for_every_loss() -> None:
    assert {name for name, _, _ in CASES} == set(losses)


@pytest.mark.parametrize(("name", "options", "reference"), CASES)
def test_it_is_what_the_slow_computation_says(
    name: str, options: dict[str, float], reference: object, random: np.random.Generator
) -> None:
    out, true = said(random), truth(random)
    assert callable(reference)
    assert float(losses[name](**options)(out, true)) == pytest.approx(reference(out, true), rel=1e-7)


def test_gradients_of_who_is_ahead_are_scaled_down() -> None:
    """The factor by hand, and the very gradients of an encoder with and without it."""
    network = tiny_network("cross_modal").eval()
    inputs, presence = pictures(4), torch.ones(4, 3)
    label = torch.tensor([1.0, 0, 1, 0])
    target = Target(label, torch.zeros(4).int(), torch.arange(4), presence)
    with torch.no_grad():
        network.heads["face_rgb"].output.bias += 0.7
    loss = losses["gradient_rebalancing"](alpha=3.0)

    def gradients(rebalanced: bool) -> tuple[list[torch.Tensor], NetworkOutput]:
        network.zero_grad()
        out = network(inputs, presence)
        value = out.score.square().sum()
        if rebalanced:
            value = value + 0 * loss(out, target)
        value.backward()
        named = network.encoders.named_parameters()
        return [p.grad.clone() for _, p in named if p.grad is not None], out

    plain, out = gradients(False)
    scaled, _ = gradients(True)
    p = [
        np.mean([sigmoid((2 * float(y) - 1) * float(s)) for s, y in zip(scores, label, strict=True)])
        for scores in out.modality_scores.detach().T
    ]
    factors = []
    for m in range(3):
        ratio = p[m] / np.mean([p[n] for n in range(3) if n != m])
        factors.append(1 - math.tanh(3 * max(0, ratio - 1)))
    assert min(factors) < 0.999
    torch.testing.assert_close(loss.factors(out, target), torch.tensor(factors).float())
    names = [name.split(".")[0] for name, p in network.encoders.named_parameters() if p.grad is not None]
    for name, one, other in zip(names, plain, scaled, strict=True):
        factor = factors[network.modalities.index(name)]
        torch.testing.assert_close(one * factor, other, rtol=1e-3, atol=1e-5)


def test_focal_without_focus_is_cross_entropy(random: np.random.Generator) -> None:
    out, true = said(random), truth(random)
    torch.testing.assert_close(
        losses["focal"](gamma=0)(out, true), losses["binary_cross_entropy"]()(out, true)
    )
    torch.testing.assert_close(
        losses["cross_modal_focal"](gamma=0)(out, true), losses["per_modality"]()(out, true)
    )


def test_depth_without_depth_in_the_data(random: np.random.Generator) -> None:
    out, true = said(random), truth(random)._replace(depth=None)
    face = ellipsoid(4).double()
    exact = torch.where(true.label[:, None, None, None] > 0, face, 0.0)
    rest = {name: true.label[:, None, None, None] * ellipsoid(3).double() for name in ("c",)}
    assert losses["depth"]()(out._replace(depth={"a": exact} | rest), true) == 0
    assert face.max() <= 1
    assert face.min() == 0
    assert not neighbour_differences(torch.ones(1, 1, 3, 3))[0, :, 1, 1].any()


def test_pixel_masks_are_needed(random: np.random.Generator) -> None:
    with pytest.raises(InputError, match="needs pixel masks in the data"):
        losses["pixel"]()(said(random), truth(random)._replace(pixel_mask=None))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="temperature must be above 0, got 0"):
        losses["supervised_contrastive"](temperature=0)
    with pytest.raises(InputError, match="attack_cosine must be below bona_fide_cosine"):
        losses["asymmetric_margin"](attack_cosine=0.95)
