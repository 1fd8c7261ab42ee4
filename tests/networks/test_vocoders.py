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
from antispoof.training.checkpoint import read_tensors
from antispoof.training.experiment import read_experiment
from antispoof.training.export import export
from antispoof.training.fit import train
from antispoof.training.reporter import Reporter


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


def written(folder: Path, vocoder: str) -> Path:
    """An experiment of twelve steps on one second of a tone."""
    speech = folder / "speech"
    speech.mkdir(parents=True)
    t = np.arange(16000) / 16000
    tone = 0.1 * np.sin(2 * np.pi * 150 * t) * (1 + np.sin(2 * np.pi * 3 * t))
    noise = 0.005 * np.random.default_rng(0).standard_normal(16000)
    soundfile.write(speech / "a.wav", tone + noise, 16000)
    (folder / "v.yaml").write_text(
        f"recipe: vocoder\nname: v\nversion: '1'\nseed: 1\nrun_dir: {folder / 'run'}\nspeech: {speech}\n"
        f"vocoder: {vocoder}\nrates: [16000]\nsteps: 12\nbatch_size: 2\nframes: 8\n",
        encoding="utf-8",
    )
    return folder / "v.yaml"


def test_a_vocoder_is_trained_and_copies_speech(tmp_path: Path) -> None:
    experiment = written(tmp_path, "inverse_fourier")
    run = train(read_experiment(experiment))
    copier = VocoderCopier("inverse_fourier", run / "vocoder.safetensors")
    samples = soundfile.read(tmp_path / "speech" / "a.wav", dtype="float32")[0][:9999]
    copy = copier(samples, np.random.default_rng(2))
    assert copy.shape == samples.shape
    assert np.isfinite(copy).all()
    np.testing.assert_array_equal(copy, copier(samples, np.random.default_rng(2)))
    with pytest.raises(InputError, match="makes a vocoder, which is no detector"):
        export(run, tmp_path / "v.onnx")


@pytest.mark.parametrize("name", ["inverse_fourier", "transposed"])  # without and with a critic
def test_a_vocoder_that_was_interrupted_goes_on_as_if_it_had_not_been(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antispoof.training.recipes.vocoder.KEPT_EVERY", 5)
    steps: list[int] = []
    said: list[str] = []

    def until(last: int) -> Reporter:
        def progress(_: str, done: int, __: int) -> None:
            steps.append(done)
            if done == last:
                raise KeyboardInterrupt

        return Reporter(said.append, progress)

    experiment = read_experiment(written(tmp_path, name))
    for last in (3, 8, 11):
        with pytest.raises(KeyboardInterrupt):
            train(experiment, until(last))
    assert not (experiment.run_dir / "vocoder.safetensors").exists()
    run = train(experiment, until(0))
    assert steps == [*range(1, 4), *range(1, 9), *range(6, 12), 11, 12]
    whole = experiment.in_run(tmp_path / "whole", experiment.seed, tmp_path)
    weights, others = (read_tensors(one / "vocoder.safetensors")[0] for one in (run, train(whole)))
    assert weights.keys() == others.keys()
    for key, value in weights.items():
        assert torch.equal(value, others[key]), key
    train(experiment, until(0))
    assert said[-1].endswith("is finished already")
    with pytest.raises(
        InputError, match=r"holds another experiment; it differs in steps: 12 there, 13 here\. C"
    ):
        train(experiment.model_copy(update={"steps": 13}))
