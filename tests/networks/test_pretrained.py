"""The encoder of pretrained networks: families, adapters, and what it refuses. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import onnx_outputs, save_backbone

from antispoof.errors import InputError
from antispoof.networks.encoders import encoders

FAMILIES = ("vit", "dinov2", "clip", "siglip", "resnet", "convnext")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: str(save_backbone(name, tmp_path_factory.mktemp(name))) for name in (*FAMILIES, "bert")}


@pytest.mark.parametrize("family", FAMILIES)
def test_without_adapters_it_is_the_library_network(family: str, folders: dict[str, str]) -> None:
    from transformers import AutoModel

    encoder = encoders["pretrained"](3, path=folders[family], adapter="none", image_size=32).eval()
    library = AutoModel.from_pretrained(folders[family], attn_implementation="eager").eval()
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        deep = encoder(x)[2]
        expected = library((x - mean) / deviation).last_hidden_state
        if expected.dim() == 4:
            expected = expected.flatten(2).transpose(1, 2)
        elif family == "clip":
            expected = library.post_layernorm(expected)
    torch.testing.assert_close(deep, expected[:, -deep.shape[1] :], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("adapter", ["plain", "central_difference"])
def test_adapters_start_as_nothing_and_alone_learn(
    family: str, adapter: str, folders: dict[str, str]
) -> None:
    bare = encoders["pretrained"](2, path=folders[family], adapter="none", image_size=32).eval()
    encoder = encoders["pretrained"](2, path=folders[family], adapter=adapter, image_size=32).eval()
    x = torch.rand(2, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    for one, other in zip(bare(x), encoder(x), strict=True):
        torch.testing.assert_close(one, other)
    learns = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert learns
    assert not any(name.startswith("backbone") for name in learns)
    assert not encoder.train().backbone.training
    encoder.stages["backbone"].requires_grad_(True)
    assert encoder.train().backbone.training


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_of_another_size_and_their_graph(family: str, folders: dict[str, str]) -> None:
    encoder = encoders["pretrained"](
        3, path=folders[family], adapter="central_difference", image_size=48
    ).eval()
    x = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        levels = encoder(x)
    if family not in ("resnet", "convnext"):
        assert {level.shape[1] for level in levels} == {36}
    for one, other in zip(levels, onnx_outputs(encoder, {"x": x}, 2), strict=True):
        np.testing.assert_allclose(other, one.numpy(), rtol=1e-4, atol=1e-4)


def test_normalisation_of_the_folder_is_used(tmp_path: Path) -> None:
    folder = save_backbone("vit", tmp_path)
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.5, 0.5], "image_std": [1, 2, 4]}'
    )
    encoder = encoders["pretrained"](3, path=str(folder))
    assert encoder.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert encoder.deviation.flatten().tolist() == [1, 2, 4]


def test_what_cannot_be_used_is_refused(folders: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot load the network"):
        encoders["pretrained"](3, path=str(tmp_path / "none"), download=False)
    with pytest.raises(InputError, match=r"is a bert network.*use one of ViT"):
        encoders["pretrained"](3, path=folders["bert"])
    with pytest.raises(InputError, match="adapter must be 'plain'"):
        encoders["pretrained"](3, path=folders["vit"], adapter="huge")
    with pytest.raises(InputError, match="must be a multiple of the patch, 8, got 36"):
        encoders["pretrained"](3, path=folders["vit"], image_size=36)
