"""Encoders, fusion and heads joined: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import CHANNELS, TINY, Flat, onnx_outputs, pictures, tiny_network

from antispoof.errors import InputError, UnknownNameError
from antispoof.networks.encoders import encoders
from antispoof.networks.fusion import fusions
from antispoof.networks.network import (
    OUTPUTS,
    EncoderChoice,
    FusionChoice,
    MultiSensorNetwork,
    build_network,
)

NAMES = tuple(CHANNELS)
CHOICES = {name: EncoderChoice("mobile", channels, TINY) for name, channels in CHANNELS.items()}
SUBSETS = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0]]).float()


@pytest.mark.parametrize("fusion", ["cross_modal", "early_concatenation"])
def test_the_graph_of_a_whole_network(fusion: str) -> None:
    flat = Flat(tiny_network(fusion, OUTPUTS).eval())
    inputs = pictures(len(SUBSETS)) | {"presence": SUBSETS}
    with torch.inference_mode():
        expected = flat(*inputs.values())
    got = onnx_outputs(flat, inputs, len(SUBSETS))
    assert len(got) == 3 + 2 * len(NAMES)
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(other, one.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fusion", ["cross_modal", "early_concatenation", None])
def test_outputs_have_the_shapes_they_state(fusion: str | None) -> None:
    names = NAMES if fusion else NAMES[:1]
    network = tiny_network(fusion, OUTPUTS, names).eval()
    out = network(pictures(2, modalities=names))
    assert out.score.shape == (2,)
    assert out.embedding.shape[0] == 2
    assert out.modality_scores.shape == (2, len(names))
    assert {name: scores.shape for name, scores in out.patch_scores.items()} == dict.fromkeys(names, (2, 4))
    assert {name: depth.shape for name, depth in out.depth.items()} == dict.fromkeys(names, (2, 1, 4, 4))
    assert out.modalities == names
    plain = tiny_network(fusion, (), names)(pictures(2, modalities=names))
    assert not plain.patch_scores
    assert not plain.depth


def test_one_modality_is_what_it_says_by_itself() -> None:
    network = tiny_network(None, modalities=NAMES[:1]).eval()
    out = network(pictures(3, modalities=NAMES[:1]))
    torch.testing.assert_close(out.score, out.modality_scores[:, 0], rtol=0, atol=0)


def test_an_input_that_is_left_out_is_absent() -> None:
    network = tiny_network("cross_modal").eval()
    inputs = pictures(3)
    some = {name: inputs[name] for name in NAMES[:2]}
    with torch.inference_mode():
        one, other = network(some), network(inputs, torch.tensor([[1.0, 1, 0]]).expand(3, 3))
    torch.testing.assert_close(one.score, other.score)
    torch.testing.assert_close(one.modality_scores, other.modality_scores)


def test_weighed_evidence_of_one_sensor_is_that_sensor() -> None:
    """With RGB alone the score is that of an RGB-only network with the same weights."""
    network = tiny_network("weighed_evidence").eval()
    alone = build_network({"face_rgb": CHOICES["face_rgb"]}).eval()
    alone.load_state_dict({k: v for k, v in network.state_dict().items() if k in alone.state_dict()})
    inputs = pictures(5)
    rgb = {"face_rgb": inputs["face_rgb"]}
    with torch.inference_mode():
        expected = alone(rgb).score
        torch.testing.assert_close(network(rgb).score, expected, rtol=1e-6, atol=1e-6)
        assert not torch.allclose(network(inputs).score, expected, atol=1e-3)


def test_weighed_evidence_is_a_power_mean_of_log_odds_before_it_is_trained() -> None:
    fusion = fusions["weighed_evidence"](dict.fromkeys(NAMES, (4, 4, 4)))
    tokens = {name: tuple(torch.randn(2, 9, 4) for _ in range(3)) for name in NAMES}
    presence = torch.tensor([[1.0, 1, 1], [0, 1, 1]])
    scores = torch.tensor([[1.0, 2, -4], [0, 3, 5]])
    embedding = fusion(tokens, presence)
    weights = embedding[:, -3:]  # alphabetical: depth, rgb, thermal
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[1, 1] == 0
    said = scores[:, [1, 0, 2]]
    expected = torch.tensor([3.0, 2.0]).sqrt() * (weights * said).sum(1)
    torch.testing.assert_close(fusion.score(embedding, scores, presence), expected)


def test_what_does_not_fit_is_refused() -> None:
    rgb = CHOICES["face_rgb"]
    with pytest.raises(InputError, match="without a fusion there must be one modality"):
        build_network(CHOICES)
    with pytest.raises(InputError, match="needs two modalities or more, got face_rgb"):
        build_network({"face_rgb": rgb}, FusionChoice("cross_modal"))
    with pytest.raises(UnknownNameError, match="did you mean 'cross_modal'"):
        build_network(CHOICES, FusionChoice("crossmodal"))
    with pytest.raises(UnknownNameError, match="did you mean 'mobile'"):
        build_network({"face_rgb": EncoderChoice("mobil", 3)})
    with pytest.raises(InputError, match="outputs must be some of patch_scores, depth, got heat"):
        build_network({"face_rgb": rgb}, outputs=["heat"])
    other = CHOICES | {"face_depth": EncoderChoice("mobile", 1)}
    with pytest.raises(InputError, match="give 'face_depth' the encoder 'mobile' with the same options"):
        build_network(other, FusionChoice("early_concatenation"))
    fusion = fusions["cross_modal"](dict.fromkeys(NAMES, (8, 12, 16)))
    with pytest.raises(InputError, match="the fusion is for face_rgb, face_depth, face_thermal"):
        MultiSensorNetwork({"face_rgb": encoders["mobile"](3, **TINY)}, fusion)


def test_inputs_that_do_not_fit_are_refused() -> None:
    network, inputs = tiny_network("cross_modal"), pictures(2)
    with pytest.raises(
        InputError, match="inputs must be some of face_rgb, face_depth, face_thermal, got iris"
    ):
        network(inputs | {"iris": inputs["face_rgb"]})
    with pytest.raises(InputError, match="got none"):
        network({})
    with pytest.raises(InputError, match=r"presence must be of shape \(2, 3\)"):
        network(inputs, torch.ones(2, 2))
    early = tiny_network("early_concatenation")
    with pytest.raises(InputError, match="got none for face_depth: give zeros"):
        early({name: inputs[name] for name in ("face_rgb", "face_thermal")})
    with pytest.raises(InputError, match="must be of one size"):
        early(inputs | {"face_depth": torch.zeros(2, 1, 16, 16)})
