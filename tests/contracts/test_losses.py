"""What holds for every registered loss."""

from __future__ import annotations

import inspect

import pytest
import torch
from small_networks import CHANNELS, pictures, tiny_network

from antispoof.networks.losses import Loss, losses
from antispoof.networks.network import OUTPUTS, MultiSensorNetwork, NetworkOutput, Target

ROWS = 8


def target(rows: int = ROWS, **changes: object) -> Target:
    generator = torch.Generator().manual_seed(3)
    label = (torch.arange(rows) % 2).float()
    whole = Target(
        label,
        species=torch.arange(rows) // 2 % 3,
        pair=torch.arange(rows) // 2,
        presence=torch.ones(rows, len(CHANNELS)),
        depth=torch.rand(rows, 1, 16, 16, generator=generator) * label[:, None, None, None],
        pixel_mask=(torch.rand(rows, 1, 16, 16, generator=generator) > 0.5).float(),
    )
    return whole._replace(**changes)


@pytest.fixture(scope="module")
def network() -> MultiSensorNetwork:
    torch.manual_seed(0)
    return tiny_network("cross_modal", OUTPUTS)


def said(
    network: MultiSensorNetwork, presence: torch.Tensor | None = None, rows: int = ROWS
) -> NetworkOutput:
    network.train().zero_grad()
    return network(pictures(rows), presence)


@pytest.mark.parametrize("name", losses)
def test_it_says_where_it_comes_from(name: str) -> None:
    module = inspect.getmodule(losses[name])
    assert module is not None
    assert losses[name].__doc__
    assert module.__doc__
    assert losses[name]().needs <= set(OUTPUTS)


@pytest.mark.parametrize("name", losses)
def test_options_have_defaults_and_names(name: str) -> None:
    options = inspect.signature(losses[name]).parameters.values()
    assert all(option.kind is inspect.Parameter.KEYWORD_ONLY for option in options)
    assert all(option.default is not inspect.Parameter.empty for option in options)


@pytest.mark.parametrize("name", losses)
def test_a_finite_scalar_whose_gradient_reaches_encoders(name: str, network: MultiSensorNetwork) -> None:
    loss: Loss = losses[name]()
    value = loss(said(network), target())
    assert value.shape == ()
    assert value > 0
    value.backward()
    for modality, encoder in network.encoders.items():
        gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
        assert gradients, modality
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients), modality
    for key, parameter in loss.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.any(), key


@pytest.mark.parametrize("name", losses)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_batch_of_one_class_is_no_trouble(name: str, label: float, network: MultiSensorNetwork) -> None:
    value = losses[name]()(said(network), target(label=torch.full((ROWS,), label)))
    assert torch.isfinite(value)
    assert value >= 0
    value.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", losses)
def test_absent_sensors_are_no_trouble(name: str, network: MultiSensorNetwork) -> None:
    presence = torch.tensor(
        [[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 1]]
    )
    value = losses[name]()(said(network, presence.float()), target(presence=presence.float()))
    assert torch.isfinite(value)
    value.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", losses)
def test_the_order_of_rows_does_not_matter(name: str, network: MultiSensorNetwork) -> None:
    network.eval()
    order = torch.tensor([3, 1, 6, 0, 7, 2, 5, 4])
    inputs, truth = pictures(ROWS), target()
    moved = Target(*(field[order] for field in truth))
    torch.manual_seed(0)
    loss = losses[name]()
    one = loss(network(inputs), truth)
    two = loss(network({m: x[order] for m, x in inputs.items()}), moved)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
