"""Front ends of speech: what they hear in known sounds, and that the exported graph hears the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import onnx_outputs, save_tiny_speech_model
from torch import Tensor

from antispoof.errors import InputError
from antispoof.networks.encoders import encoders
from antispoof.networks.front_ends import front_ends
from antispoof.networks.front_ends.cepstra import LinearCepstra
from antispoof.networks.front_ends.mel import LogMel
from antispoof.networks.front_ends.spectrum import ShortTimeSpectrum, Spectrum


def tone(hertz: float, seconds: float = 0.5, level: float = 0.1) -> Tensor:
    t = torch.arange(int(seconds * 16000), dtype=torch.float64) / 16000
    hiss = 1e-4 * torch.randn(len(t), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (level * torch.sin(2 * torch.pi * hertz * t) + hiss).float()[None]


@pytest.mark.parametrize("name", front_ends)
def test_shapes_are_as_stated_and_loudness_hardly_matters(name: str) -> None:
    front_end = front_ends[name]().eval()
    wave = torch.cat([tone(440), tone(1800)])
    with torch.inference_mode():
        maps, louder = front_end(wave), front_end(wave * 2)
    assert maps.shape[:3] == (2, front_end.channels, front_end.rows)
    assert maps.shape[3] > 10
    assert not torch.allclose(maps[0], maps[1], atol=0.1)
    if name not in ("raw", "linear_cepstra"):  # the level is theirs to judge
        assert float((maps - louder).abs().mean()) < 0.15


@pytest.mark.parametrize("name", front_ends)
def test_the_graph_hears_the_same(name: str) -> None:
    front_end = front_ends[name]().eval()
    wave = torch.cat([tone(300), tone(2500)])
    with torch.inference_mode():
        expected = front_end(wave).numpy()
    np.testing.assert_allclose(onnx_outputs(front_end, {"wave": wave}, 2)[0], expected, rtol=1e-3, atol=5e-3)


@pytest.mark.parametrize("hertz", [500.0, 2000.0, 6000.0])
def test_a_tone_stands_where_its_frequency_is(hertz: float) -> None:
    spectrum = Spectrum()(tone(hertz))[0, 0].mean(1)
    assert float(spectrum.argmax() + 3) * 31.25 == pytest.approx(hertz, abs=32)
    mel = LogMel()(tone(hertz))[0, 0].mean(1)
    place = 2595 * (np.log10(1 + hertz / 700) - np.log10(1 + 60 / 700))
    whole = 2595 * (np.log10(1 + 7600 / 700) - np.log10(1 + 60 / 700))
    assert int(mel.argmax()) == pytest.approx(81 * place / whole - 1, abs=1)


def test_phase_differences_of_a_tone_stand_still() -> None:
    advance = Spectrum()(tone(1000.0))[0, 4:, 1000 * 2 // 62 - 3, 2:]
    torch.testing.assert_close(advance[0], torch.ones_like(advance[0]), atol=0.05, rtol=0)
    torch.testing.assert_close(advance[1], torch.zeros_like(advance[1]), atol=0.05, rtol=0)
    noise = torch.randn(1, 8000, generator=torch.Generator().manual_seed(1)) * 0.1
    assert float(Spectrum()(noise)[0, 4].mean().abs()) < 0.5


def test_the_transform_is_that_of_torch() -> None:
    wave = torch.randn(2, 4000, generator=torch.Generator().manual_seed(2))
    real, imaginary = ShortTimeSpectrum(512, 160, 257)(wave)
    theirs = torch.stft(wave, 512, 160, window=torch.hann_window(512), center=False, return_complex=True)
    torch.testing.assert_close(torch.complex(real, imaginary).transpose(1, 2), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "hop", "length"), [(512, 160, 4000), (256, 80, 3999), (64, 7, 300), (32, 32, 32)]
)
def test_folded_products_are_the_transform(size: int, hop: int, length: int) -> None:
    """What is exported: any length, any hop, down to a single frame."""
    wave = torch.randn(3, length, generator=torch.Generator().manual_seed(3))
    transform = ShortTimeSpectrum(size, hop, size // 2 - 1, first=2)
    for expected, found in zip(transform(wave), transform.by_products(wave), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_cepstra_are_those_of_scipy() -> None:
    scipy_fft = pytest.importorskip("scipy.fft")
    front_end = LinearCepstra()
    wave = torch.randn(1, 4000, generator=torch.Generator().manual_seed(4)) * 0.1
    real, imaginary = front_end.transform(wave)
    level = ((real.square() + imaginary.square()) @ front_end.bank.T + 1e-7).log().numpy()
    expected = scipy_fft.dct(level, axis=2, norm="ortho")[0, :, 1:60].T
    np.testing.assert_allclose(front_end(wave)[0, 0, 1:].numpy(), expected, rtol=1e-3, atol=1e-3)


def test_bins_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"bins must lie in 0\.\.256, got 0\.\.299"):
        ShortTimeSpectrum(512, 160, 300)


@pytest.mark.parametrize("name", ["graph_attention", "speech_residual"])
@pytest.mark.parametrize("front_end", front_ends)
def test_any_front_end_under_any_encoder(name: str, front_end: str) -> None:
    encoder = encoders[name](1, front_end=front_end).eval()
    with torch.inference_mode():
        levels = encoder(tone(700, 1.0))
    assert [level.shape[2] for level in levels] == list(encoder.dims)
    assert all(torch.isfinite(level).all() for level in levels)
    assert sum(p.numel() for p in encoder.parameters()) < 1_500_000


@pytest.mark.parametrize("kind", ["Wav2Vec2", "WavLM", "Hubert"])
def test_pretrained_encoders_load_from_a_folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp(kind)
    save_tiny_speech_model(kind, folder)
    encoder = encoders["pretrained_speech"](1, source=str(folder), width=8)
    levels = encoder.train()(tone(500, 1.0))
    assert [level.shape[2] for level in levels] == [8, 8, 8]
    trainable = {name.split(".")[0] for name, p in encoder.named_parameters() if p.requires_grad}
    assert trainable == {"narrow"}
    assert not encoder.model.training
    torch.testing.assert_close(
        encoder.eval()(tone(500, 1.0) * 3)[2], encoder(tone(500, 1.0))[2], atol=1e-3, rtol=1e-3
    )


def test_a_source_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="source must name a folder"):
        encoders["pretrained_speech"](1)
    with pytest.raises(InputError, match="cannot be loaded"):
        encoders["pretrained_speech"](1, source="no/such/folder/anywhere")
