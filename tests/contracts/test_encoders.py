"""What holds for every registered encoder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import (
    SMALL,
    WAVEFORMS,
    as_if_trained,
    encoder_input,
    onnx_outputs,
    save_backbone,
    save_tiny_speech_model,
)

from antispoof.networks.encoders import Encoder, encoders

CHANNELS = 2
"""No sensor's number of channels: no encoder may count on one."""

Build = Callable[..., Encoder]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build an encoder by name; one that is the same each time where ``fresh`` is not asked for."""
    built: dict[str, Encoder] = {}

    def make(name: str, fresh: bool = False) -> Encoder:
        if fresh or name not in built:
            torch.manual_seed(0)
            channels = 1 if name in WAVEFORMS else CHANNELS
            encoder = encoders[name](channels, **options(name, tmp_path_factory))
            as_if_trained(encoder, encoder_input(encoder, 4, CHANNELS, seed=7))
            if fresh:
                return encoder
            built[name] = encoder.eval()
        return built[name]

    return make


def options(name: str, folders: pytest.TempPathFactory) -> dict[str, object]:
    if name == "pretrained":
        return {"path": str(save_backbone("vit", folders.mktemp("vit"))), "image_size": 32, "download": False}
    if name == "pretrained_speech":
        folder = folders.mktemp("wav2vec2")
        save_tiny_speech_model("Wav2Vec2", folder)
        return {"source": str(folder), "width": 8, "frozen": False}
    return SMALL.get(name, {})


@pytest.mark.parametrize("name", encoders)
def test_it_says_where_it_comes_from(name: str) -> None:
    module = inspect.getmodule(encoders[name])
    assert module is not None
    assert encoders[name].__doc__
    assert module.__doc__
    assert any(str(year) in module.__doc__ for year in range(2012, 2027)), "the paper is missing"
    assert "weights" in module.__doc__, "where weights come from is missing"


@pytest.mark.parametrize("name", encoders)
def test_options_have_defaults_and_names(name: str) -> None:
    first, *others = inspect.signature(encoders[name]).parameters.values()
    assert first.name == "channels"
    assert all(other.kind is inspect.Parameter.KEYWORD_ONLY for other in others)


@pytest.mark.parametrize("name", encoders)
def test_three_levels_of_the_widths_it_states(name: str, build: Build) -> None:
    encoder = build(name)
    with torch.inference_mode():
        levels = encoder(encoder_input(encoder, 2, CHANNELS))
    assert [(len(level), level.shape[2]) for level in levels] == [(2, dim) for dim in encoder.dims]
    assert [level.shape[1] for level in levels] == sorted((level.shape[1] for level in levels), reverse=True)
    assert all(level.dtype == torch.float32 for level in levels)


@pytest.mark.parametrize("name", encoders)
def test_every_parameter_belongs_to_one_stage(name: str, build: Build) -> None:
    encoder = build(name)
    assert {"shallow", "middle", "deep"} <= set(encoder.stages)
    staged = [id(p) for stage in encoder.stages.values() for p in stage.parameters()]
    assert len(staged) == len(set(staged))
    assert set(staged) == {id(p) for p in encoder.parameters()}


@pytest.mark.parametrize("name", encoders)
def test_gradients_reach_every_parameter(name: str, build: Build) -> None:
    encoder = build(name, fresh=True).train()
    levels = encoder(encoder_input(encoder, 3, CHANNELS))
    torch.manual_seed(1)
    sum((level * torch.randn_like(level)).sum() for level in levels).backward()
    for parameter_name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, parameter_name
            assert torch.isfinite(parameter.grad).all(), parameter_name
            assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", encoders)
def test_a_row_does_not_depend_on_its_batch(name: str, build: Build) -> None:
    encoder = build(name)
    x = encoder_input(encoder, 3, CHANNELS)
    with torch.inference_mode():
        together, alone = encoder(x), encoder(x[1:2])
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one[1:2], other, rtol=0, atol=1e-4 * max(1.0, float(one.abs().max())))
        assert not torch.allclose(one[0], one[1], atol=1e-3), "it does not see its input"


@pytest.mark.parametrize("name", encoders)
def test_weights_survive_the_disk_exactly(name: str, build: Build, tmp_path: Path) -> None:
    encoder, other = build(name), build(name, fresh=True).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    save_file(encoder.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    x = encoder_input(encoder, 1, CHANNELS)
    with torch.inference_mode():
        for one, two in zip(encoder(x), other(x), strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize("name", encoders)
def test_extremes_give_finite_tokens(name: str, build: Build) -> None:
    encoder = build(name)
    values = torch.tensor([0.0, 1.0, -1e4, 1e4])
    x = encoder_input(encoder, len(values), CHANNELS)
    with torch.inference_mode():
        levels = encoder(values.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x))
    assert all(torch.isfinite(level).all() for level in levels)


@pytest.mark.parametrize("name", encoders)
def test_the_graph_says_what_the_network_says(name: str, build: Build) -> None:
    encoder = build(name)
    x = encoder_input(encoder, 2, CHANNELS)
    with torch.inference_mode():
        expected = encoder(x)
    for one, other in zip(expected, onnx_outputs(encoder, {"x": x}, 2), strict=True):
        scale = max(1.0, float(one.abs().max()))
        np.testing.assert_allclose(other, one.numpy(), rtol=0, atol=1e-4 * scale)
