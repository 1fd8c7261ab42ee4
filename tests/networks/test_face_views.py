"""What the network over several views promises, whatever its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from antispoof.networks.face_views import LIMIT, FaceViewsNetwork, log_odds
from antispoof.networks.pooling import log_contrast, mean_and_deviation


@pytest.fixture(scope="module")
def network() -> FaceViewsNetwork:
    torch.manual_seed(0)
    network = FaceViewsNetwork(4, (8, 12), (1,))
    for module in network.modules():  # statistics as if trained, so that nothing is trivially zero
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.3, 2)
    return network.eval()


def views(batch: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A close view, a context view, and what a finished network of three classes says."""
    generator = torch.Generator().manual_seed(seed)
    close = torch.rand(batch, 3, 64, 64, generator=generator)
    context = torch.rand(batch, 3, 48, 48, generator=generator)
    return close, context, torch.randn(batch, 3, generator=generator)


def test_the_score_is_linear_in_the_features(network: FaceViewsNetwork) -> None:
    with torch.inference_mode():
        out = network(*views(5))
        expected = out.features @ network.head.weight[0] + network.head.bias
    assert out.score.shape == (5,)
    assert network.opinions == 2
    assert out.features.shape == (5, network.pooled + 2)
    torch.testing.assert_close(out.score, expected, rtol=1e-5, atol=1e-5)
    assert out.score.std() > 0


def test_the_features_are_those_of_training(network: FaceViewsNetwork) -> None:
    """Shards keep pooled features and shared maps; joined they are what the network computes at once."""
    close, context, logits = views(3)
    assert network.context is not None
    with torch.inference_mode():
        out = network(close, context, logits)
        pooled = torch.cat([mean_and_deviation(network.encoder(close)[1:]), log_contrast(close)], 1)
        context_score = network.context(network.shared_maps(context))
        shares = torch.softmax(logits.double(), 1)[:, 1]
    torch.testing.assert_close(network.pooled_features(close), pooled)
    said = torch.stack([context_score, torch.log(shares / (1 - shares)).float()], 1)
    torch.testing.assert_close(out.features, torch.cat([pooled, said], 1))


def test_contrast_is_that_of_the_middle_and_follows_the_gain() -> None:
    close, *_ = views(3)
    middle = close[:, :, 16:48, 16:48].double().numpy()
    expected = np.log(middle.std((2, 3)).mean(1, keepdims=True))
    np.testing.assert_allclose(log_contrast(close), expected, rtol=1e-5)
    edged = close.clone()
    edged[:, :, :16] = 0
    torch.testing.assert_close(log_contrast(edged), log_contrast(close))
    torch.testing.assert_close(log_contrast(close * 0.5), log_contrast(close) - np.log(2))
    assert torch.isfinite(log_contrast(torch.zeros_like(close))).all()


def test_log_odds_are_clipped_and_never_infinite() -> None:
    logits = torch.tensor([[0.0, 1e4, 0.0], [0.0, -1e4, 3.0], [1.0, 1.0, -1e4]])
    torch.testing.assert_close(log_odds(logits, 1), torch.tensor([LIMIT, -LIMIT, 0.0]))


def test_a_row_does_not_depend_on_its_batch(network: FaceViewsNetwork) -> None:
    given = views(4)
    with torch.inference_mode():
        together = network(*given)
        for row in range(4):
            alone = network(*(view[row : row + 1] for view in given))
            for one, other in zip(together, alone, strict=True):
                torch.testing.assert_close(one[row], other[0], rtol=1e-4, atol=1e-4)


def test_the_heat_map_is_centred_and_follows_the_head(network: FaceViewsNetwork) -> None:
    with torch.inference_mode():
        out = network(*views(3))
        assert out.heat_map.shape == (3, 8, 8)
        torch.testing.assert_close(out.heat_map.mean((1, 2)), torch.zeros(3), rtol=0, atol=1e-5)
        assert (out.heat_map.std((1, 2)) > 1e-6).all()
        before = network.head.weight.clone()
        network.head.weight.mul_(2)
        doubled = network(*views(3)).heat_map
        network.head.weight.copy_(before)
    torch.testing.assert_close(doubled, 2 * out.heat_map, rtol=1e-4, atol=1e-6)


def test_the_heat_map_points_at_the_place_that_speaks(network: FaceViewsNetwork) -> None:
    close, *others = views(1)
    with torch.inference_mode():
        plain = network(close, *others).heat_map
        close[..., :16, :16] = 1 - close[..., :16, :16].round()
        change = (network(close, *others).heat_map - plain)[0].abs()
    corner = change[:3, :3].mean()
    assert corner > 2 * change[5:, 5:].mean()


def test_the_context_branch_learns_and_the_encoder_stays(network: FaceViewsNetwork) -> None:
    assert network.context is not None
    maps = network.shared_maps(views(4)[1]).detach()
    network.context.train()
    network.context(maps).square().sum().backward()
    network.context.eval()
    for name, parameter in network.context.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # A bias before a normalisation would have none; there is no such bias.
        assert parameter.grad.abs().sum() > 0, name
    assert all(parameter.grad is None for parameter in network.encoder.parameters())
    network.zero_grad()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_give_finite_answers(network: FaceViewsNetwork, value: float) -> None:
    with torch.inference_mode():
        for part in network(*(torch.full_like(view, value) for view in views(2))):
            assert torch.isfinite(part).all()


def test_too_few_stages_are_refused() -> None:
    with pytest.raises(ValueError, match="stages must be 3 or more, got 2"):
        FaceViewsNetwork(2)
