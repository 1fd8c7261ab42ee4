"""Every encoder and every fusion can learn: 32 samples by heart, in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_networks import (
    SMALL,
    WAVEFORMS,
    encoder_input,
    save_backbone,
    save_tiny_speech_model,
    tiny_network,
)

from antispoof.networks.encoders import encoders
from antispoof.networks.fusion import fusions
from antispoof.networks.losses import losses
from antispoof.networks.network import MultiSensorNetwork, Target

ROWS, STEPS = 32, 60
MOMENTS = ("picture_moments", "ring_patterns", "ring_statistics", "speech_moments")


def learn(network: MultiSensorNetwork, inputs: dict[str, torch.Tensor], rate: float) -> float:
    """Train until all are right, and return the share that is."""
    label = (torch.arange(ROWS) % 2).float()
    presence = torch.ones(ROWS, len(network.modalities))
    target = Target(label, torch.zeros(ROWS).int(), torch.arange(ROWS), presence)
    terms = [losses["binary_cross_entropy"](), losses["per_modality"]()]
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, rate)
    right = 0.0
    for _ in range(STEPS):
        output = network.train()(inputs, presence)
        right = float(((output.score > 0) == (label > 0)).float().mean())
        if right == 1:
            break
        optimiser.zero_grad()
        sum(term(output, target) for term in terms).backward()
        optimiser.step()
    return right


@pytest.mark.parametrize("name", encoders)
def test_encoders(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = SMALL.get(name, {})
    if name == "pretrained":
        options = {"path": str(save_backbone("vit", tmp_path)), "image_size": 32, "download": False}
    if name == "pretrained_speech":
        save_tiny_speech_model("Wav2Vec2", tmp_path)
        options = {"source": str(tmp_path), "frozen": False}
    if name in MOMENTS:
        options = {"dropout": 0.0}
    encoder = encoders[name](1 if name in WAVEFORMS else 3, **options)
    network = MultiSensorNetwork({"it": encoder})
    x = encoder_input(encoder, ROWS, 3, side=32)
    if name in MOMENTS:  # their recipe measures them on what is trained with
        moments = encoder.moments(x)
        encoder.standardise(moments.mean(0), moments.std(0))
    assert learn(network, {"it": x}, 3e-3) == 1


@pytest.mark.parametrize("name", fusions)
def test_fusions(name: str) -> None:
    torch.manual_seed(0)
    network = tiny_network(name)
    generator = torch.Generator().manual_seed(0)
    channels = {"face_rgb": 3, "face_depth": 1, "face_thermal": 1}
    inputs = {m: torch.rand(ROWS, c, 32, 32, generator=generator) for m, c in channels.items()}
    assert learn(network, inputs, 1e-2) == 1
