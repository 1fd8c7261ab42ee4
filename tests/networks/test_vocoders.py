"""Trained vocoders: shapes, that they learn, and that they copy speech of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from antispoof.errors import InputError
from antispoof.networks.vocoders import BANDS, HOP, MelSpectrogram, vocoders
from antispoof.networks.vocoders.copier import VocoderCopier
from antispoof.networks.vocoders.mel import spectral_distance
from antispoof.training.experiment import read_experiment
from antispoof.training.export import export
from antispoof.training.fit import train


@pytest.mark.parametrize("name", vocoders)
def test_it_gives_a_frame_of_samples_for_a_frame_of_bands(name: str) -> None:
    torch.manual_seed(0)
    vocoder, mel = vocoders[name](), MelSpectrogram()(0.1 * torch.randn(2, 12 * HOP))
    assert mel.shape == (2, BANDS, 12)
    made = vocoder.generate(mel)
    assert made.shape == (2, 12 * HOP)
    assert torch.isfinite(made).all()
    loss = vocoder.loss(mel, 0.1 * torch.randn(2, 12 * HOP), judged=vocoder.critic is not None)
    loss.backward()
    assert torch.isfinite(loss)


def test_the_distance_of_a_sound_to_itself_is_nought() -> None:
    wave = torch.randn(1, 4096)
    assert float(spectral_distance(wave, wave)) == 0
    assert float(spectral_distance(wave, torch.randn(1, 4096))) > 0.2


def test_a_vocoder_is_trained_and_copies_speech(tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    speech.mkdir()
    t = np.arange(16000) / 16000
    rng = np.random.default_rng(0)
    tone = 0.1 * np.sin(2 * np.pi * 150 * t) * (1 + np.sin(2 * np.pi * 3 * t)) + 0.005 * rng.standard_normal(
        16000
    )
    soundfile.write(speech / "a.wav", tone, 16000)
    (tmp_path / "v.yaml").write_text(
        f"recipe: vocoder\nname: v\nversion: '1'\nseed: 1\nrun_dir: {tmp_path / 'run'}\nspeech: {speech}\n"
        "vocoder: inverse_fourier\nrates: [16000]\nsteps: 12\nbatch_size: 2\nframes: 8\n",
        encoding="utf-8",
    )
    run = train(read_experiment(tmp_path / "v.yaml"))
    copier = VocoderCopier("inverse_fourier", run / "vocoder.safetensors")
    samples = tone.astype(np.float32)[:9999]
    copy = copier(samples, np.random.default_rng(2))
    assert copy.shape == samples.shape
    assert np.isfinite(copy).all()
    np.testing.assert_array_equal(copy, copier(samples, np.random.default_rng(2)))
    with pytest.raises(InputError, match="makes a vocoder, which is no detector"):
        export(run, tmp_path / "v.onnx")
