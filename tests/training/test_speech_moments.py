"""The recipe of the voice model: from a folder of recordings to a bundle that tells two sounds apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import yaml
from numpy.typing import NDArray

from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.evaluation.scores import ScoreSet
from antispoof.runtime.bundle import read_bundle
from antispoof.training.experiment import read_experiment
from antispoof.training.export import export
from antispoof.training.fit import train

SECONDS = 1.2


def speech(seed: int, buzz: bool) -> NDArray[np.float32]:
    """A voice-like sound; with ``buzz`` its harmonics reach to the top, as those of a poor vocoder."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(SECONDS * 16000)) / 16000
    pitch = rng.uniform(90, 220)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(2 * np.pi * 3 * t + seed))) / 16000
    strength = [1 / k if buzz else np.exp(-k * pitch / 900) for k in range(1, int(7000 / pitch))]
    out = sum(a * np.sin(k * phase) for k, a in enumerate(strength, 1))
    out = out * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) + 0.02 * rng.standard_normal(len(t))
    return (0.1 * out / np.abs(out).max()).astype(np.float32)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    rows = []
    for person in range(18):
        for buzz in (False, True):
            path = folder / f"{person}-{buzz}.flac"
            soundfile.write(path, speech(person, buzz), 16000)
            rows.append(
                Presentation(
                    id=path.stem,
                    dataset="sounds",
                    captures={"voice": CaptureFile(path)},
                    pai_species="buzz" if buzz else None,
                    subject=str(person),
                    session=str(person),
                    partition=("train", "train", "dev", "test")[person % 4],
                )
            )
    write_manifest(rows, folder / "manifest.csv")
    content = yaml.safe_load(Path("configs/voice-edge.yaml").read_text(encoding="utf-8"))
    content["data"] = {"manifest": str(folder / "manifest.csv")}
    content["run_dir"] = str(folder / "run")
    content["training"] |= {"epochs": 30, "batch_size": 8}
    (folder / "small.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "small.yaml"


def test_it_learns_exports_and_repeats_itself(experiment: Path, tmp_path: Path) -> None:
    run = train(read_experiment(experiment))
    scores = ScoreSet.read(run / "test.csv")
    bona_fide = np.array([name == "" for name in scores.pai_species.decode()])
    assert scores.scores[bona_fide].min() > scores.scores[~bona_fide].max()
    bundle = read_bundle(export(run, tmp_path / "voice.onnx"))
    assert [i.modality for i in bundle.metadata.inputs] == ["voice"]
    assert (tmp_path / "voice.onnx").stat().st_size < 6_000_000
    session = onnxruntime.InferenceSession(bundle.model, providers=["CPUExecutionProvider"])
    quiet = np.zeros((3, 32000), np.float32)
    assert np.isfinite(session.run(["score"], {"voice": quiet})[0]).all()
    again = train(read_experiment(experiment, [f"run_dir={tmp_path / 'again'}"]))
    np.testing.assert_allclose(ScoreSet.read(again / "test.csv").scores, scores.scores, rtol=1e-5, atol=1e-5)


def test_another_encoder_is_refused(experiment: Path) -> None:
    with pytest.raises(ExperimentError, match="encoder 'speech_moments'"):
        read_experiment(experiment, ["modalities.voice.encoder={name: speech_residual}"])


def test_one_class_is_not_enough(experiment: Path, tmp_path: Path) -> None:
    manifest = experiment.parent / "manifest.csv"
    lines = manifest.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "buzz" not in line]
    (experiment.parent / "one.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"one class|bona fide and attack"):
        train(
            read_experiment(
                experiment, [f"data.manifest={experiment.parent / 'one.csv'}", f"run_dir={tmp_path / 'one'}"]
            )
        )
