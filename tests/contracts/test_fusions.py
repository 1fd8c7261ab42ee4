"""What holds for every registered fusion, in a network of small encoders for three sensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import CHANNELS, as_if_trained, onnx_outputs, pictures, tiny_network
from torch import Tensor

from antispoof.errors import InputError
from antispoof.networks.fusion import Fusion, fusions
from antispoof.networks.network import OUTPUTS, MultiSensorNetwork
from antispoof.networks.tokens import Levels

NAMES = tuple(CHANNELS)
SUBSETS = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]]).float()
DIMS = {"face_rgb": (6, 8, 10), "face_depth": (4, 6, 8), "voice": (8, 8, 8)}

Build = Callable[[str], MultiSensorNetwork]


@pytest.fixture(scope="session")
def build() -> Build:
    """Build a network with a fusion, the same each time."""
    built: dict[str, MultiSensorNetwork] = {}

    def make(name: str) -> MultiSensorNetwork:
        if name not in built:
            torch.manual_seed(0)
            built[name] = tiny_network(name, OUTPUTS)
        return built[name].eval()

    return make


def levels(rows: int, seed: int = 0) -> dict[str, Levels]:
    """Tokens of three modalities, one of which is no picture."""
    generator = torch.Generator().manual_seed(seed)
    counts = {"face_rgb": (64, 16, 4), "face_depth": (36, 9, 4), "voice": (50, 26, 13)}
    return {
        name: tuple(
            torch.randn(rows, count, dim, generator=generator)
            for count, dim in zip(counts[name], dims, strict=True)
        )
        for name, dims in DIMS.items()
    }


@pytest.mark.parametrize("name", fusions)
def test_it_says_where_it_comes_from(name: str) -> None:
    module = inspect.getmodule(fusions[name])
    assert module is not None
    assert fusions[name].__doc__
    assert module.__doc__
    assert any(str(year) in module.__doc__ for year in range(2012, 2027)), "the paper is missing"


@pytest.mark.parametrize("name", fusions)
def test_options_have_defaults_and_names(name: str) -> None:
    first, *others = inspect.signature(fusions[name]).parameters.values()
    assert first.name == "dims"
    assert all(other.kind is inspect.Parameter.KEYWORD_ONLY for other in others)


@pytest.mark.parametrize("name", fusions)
def test_one_modality_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"needs two modalities or more, got face_rgb"):
        fusions[name]({"face_rgb": (4, 4, 4)})


@pytest.mark.parametrize("name", fusions)
def test_tokens_of_any_number_and_width(name: str) -> None:
    """Encoders of different modalities need not resemble one another; (early concatenation has only one)."""
    dims = dict.fromkeys(DIMS, DIMS["face_rgb"]) if fusions[name].joins_inputs else DIMS
    fusion = fusions[name](dims).eval()
    tokens = levels(len(SUBSETS))
    if fusion.joins_inputs:
        tokens = dict.fromkeys(tokens, tokens["face_rgb"])
    with torch.inference_mode():
        embedding = fusion(tokens, SUBSETS)
        score = fusion.score(embedding, torch.zeros_like(SUBSETS), SUBSETS)
    assert embedding.shape == (len(SUBSETS), fusion.dim)
    assert score.shape == (len(SUBSETS),)
    assert torch.isfinite(embedding).all()
    assert torch.isfinite(score).all()


@pytest.mark.parametrize("name", fusions)
@pytest.mark.parametrize("content", [float("nan"), float("inf"), 1e4])
def test_absent_tokens_change_nothing(name: str, content: float) -> None:
    dims = dict.fromkeys(DIMS, DIMS["face_rgb"])
    torch.manual_seed(0)
    fusion = fusions[name](dims).eval()
    clean = dict.fromkeys(dims, levels(len(SUBSETS))["face_rgb"])
    dirty: dict[str, Levels] = {}
    for index, modality in enumerate(dims):
        absent = SUBSETS[:, index, None, None] == 0
        dirty[modality] = tuple(torch.where(absent, content, level) for level in clean[modality])
    with torch.inference_mode():
        torch.testing.assert_close(fusion(dirty, SUBSETS), fusion(clean, SUBSETS), rtol=0, atol=0)


@pytest.mark.parametrize("name", fusions)
@pytest.mark.parametrize("content", [float("nan"), 1e4])
def test_absent_sensors_change_nothing(name: str, content: float, build: Build) -> None:
    network = build(name)
    clean = pictures(len(SUBSETS))
    dirty = {
        modality: torch.where(SUBSETS[:, index, None, None, None] == 0, content, clean[modality])
        for index, modality in enumerate(NAMES)
    }
    with torch.inference_mode():
        one, other = network(clean, SUBSETS), network(dirty, SUBSETS)
    for a, b in ((one.score, other.score), (one.modality_scores, other.modality_scores)):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert torch.isfinite(a).all()


@pytest.mark.parametrize("name", fusions)
def test_absent_sensors_teach_nothing(name: str) -> None:
    """In training, too: not through gradients, not through the statistics of normalisation."""
    networks = []
    for content in (0.0, float("nan")):
        torch.manual_seed(0)
        network = tiny_network(name).train()
        inputs = pictures(len(SUBSETS))
        dirty = {
            modality: torch.where(SUBSETS[:, index, None, None, None] == 0, content, inputs[modality])
            for index, modality in enumerate(NAMES)
        }
        network(dirty, SUBSETS).score.square().sum().backward()
        networks.append(network)
    for (key, one), other in zip(
        networks[0].state_dict().items(), networks[1].state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0, msg=key)
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=0)
            assert torch.isfinite(one.grad).all()


@pytest.mark.parametrize("name", fusions)
def test_every_present_sensor_is_heard(name: str, build: Build) -> None:
    network, inputs = build(name), pictures(4)
    with torch.inference_mode():
        before = network(inputs).score
        for modality in NAMES:
            changed = inputs | {modality: 20 * inputs[modality] ** 4}
            assert not torch.allclose(network(changed).score, before, atol=1e-4), modality


@pytest.mark.parametrize("name", fusions)
def test_the_order_of_modalities_does_not_matter(name: str, build: Build) -> None:
    network, inputs = build(name), pictures(len(SUBSETS))
    order = [2, 0, 1]
    other = tiny_network(name, OUTPUTS, [NAMES[index] for index in order]).eval()
    other.load_state_dict(network.state_dict())
    with torch.inference_mode():
        one = network(inputs, SUBSETS)
        two = other({NAMES[index]: inputs[NAMES[index]] for index in order}, SUBSETS[:, order])
    torch.testing.assert_close(one.score, two.score, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one.embedding, two.embedding, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(one.modality_scores[:, order], two.modality_scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", fusions)
def test_a_row_does_not_depend_on_its_batch(name: str, build: Build) -> None:
    network, inputs = build(name), pictures(len(SUBSETS))
    with torch.inference_mode():
        together = network(inputs, SUBSETS)
        for row in range(len(SUBSETS)):
            alone = network({m: x[row : row + 1] for m, x in inputs.items()}, SUBSETS[row : row + 1])
            torch.testing.assert_close(together.score[row], alone.score[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(together.embedding[row], alone.embedding[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", fusions)
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    network = tiny_network(name, OUTPUTS).train()
    out = network(pictures(len(SUBSETS)), SUBSETS)
    said: list[Tensor] = [out.score, out.embedding, out.modality_scores, *out.patch_scores.values()]
    sum((x * torch.randn_like(x)).sum() for x in (*said, *out.depth.values())).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.any(), key


@pytest.mark.parametrize("name", fusions)
def test_weights_survive_the_disk_exactly(name: str, build: Build, tmp_path: Path) -> None:
    network, other = build(name), tiny_network(name, OUTPUTS).eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    inputs = pictures(len(SUBSETS))
    with torch.inference_mode():
        torch.testing.assert_close(
            network(inputs, SUBSETS).score, other(inputs, SUBSETS).score, rtol=0, atol=0
        )


@pytest.mark.parametrize("name", fusions)
def test_extremes_give_finite_scores(name: str, build: Build) -> None:
    values = torch.tensor([0.0, 1.0, -1e4, 1e4]).repeat_interleave(len(SUBSETS))
    inputs = {m: values[:, None, None, None].expand(-1, *x.shape[1:]) for m, x in pictures(1).items()}
    with torch.inference_mode():
        out = build(name)(inputs, SUBSETS.repeat(4, 1))
    assert torch.isfinite(out.score).all()
    assert torch.isfinite(out.embedding).all()


class Graph(torch.nn.Module):
    """A fusion that takes its arrays in order, as a graph does."""

    def __init__(self, fusion: Fusion) -> None:
        super().__init__()
        self.fusion = fusion

    def forward(self, *arrays: Tensor) -> tuple[Tensor, Tensor]:
        *tokens, scores, presence = arrays
        names = self.fusion.modalities
        levels = {name: tuple(tokens[3 * at : 3 * at + 3]) for at, name in enumerate(names)}
        embedding = self.fusion(levels, presence)
        return embedding, self.fusion.score(embedding, scores, presence)


@pytest.mark.parametrize("name", fusions)
def test_the_graph_says_what_the_network_says(name: str) -> None:
    torch.manual_seed(0)
    dims = dict.fromkeys(DIMS, DIMS["face_rgb"])
    graph = Graph(as_if_trained(fusions[name](dims))).eval()
    first = levels(len(SUBSETS))["face_rgb"]
    arrays = [(at + 1) * level for at in range(len(dims)) for level in first]
    inputs = {f"tokens{at}": array for at, array in enumerate(arrays)}
    inputs |= {"scores": torch.randn(SUBSETS.shape) * SUBSETS, "presence": SUBSETS}
    with torch.inference_mode():
        expected = graph(*inputs.values())
    for one, other in zip(expected, onnx_outputs(graph, inputs, len(SUBSETS)), strict=True):
        np.testing.assert_allclose(other, one.numpy(), rtol=1e-4, atol=1e-4)
