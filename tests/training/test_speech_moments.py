"""The recipe of the voice model: from a folder of recordings to a bundle that tells two sounds apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import stand_ins
import torch
from torch import nn

from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.evaluation.scores import ScoreSet
from antispoof.networks.encoders.speech_moments import BANDS, SpeechMoments
from antispoof.runtime.bundle import read_bundle
from antispoof.training.description import linear_head
from antispoof.training.experiment import read_experiment
from antispoof.training.export import export
from antispoof.training.fit import train
from antispoof.training.graphs import graphs_of
from antispoof.training.recipes.speech_moments.fit import _PairDraw, build


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    return stand_ins.write_voice_experiment(folder, people=18, epochs=30)


def test_it_learns_exports_and_repeats_itself(experiment: Path, tmp_path: Path) -> None:
    run = train(read_experiment(experiment))
    scores = ScoreSet.read(run / "test.csv")
    bona_fide = np.array([name == "" for name in scores.pai_species.decode()])
    assert scores.scores[bona_fide].min() > scores.scores[~bona_fide].max()
    bundle = read_bundle(export(run, tmp_path / "voice.onnx"))
    assert [i.modality for i in bundle.metadata.inputs] == ["voice"]
    error = read_experiment(experiment).unseen_d_eer  # of engines left out, as the file says
    assert error
    highest = np.log((1 - error) / error)
    assert bundle.metadata.calibration.unseen == pytest.approx(highest)
    assert scores.scores.max() <= highest
    assert (tmp_path / "voice.onnx").stat().st_size < 6_000_000
    session = onnxruntime.InferenceSession(bundle.model, providers=["CPUExecutionProvider"])
    quiet = np.zeros((3, 32000), np.float32)
    assert np.isfinite(session.run(["score"], {"voice": quiet})[0]).all()
    again = train(read_experiment(experiment, [f"run_dir={tmp_path / 'again'}"]))
    np.testing.assert_allclose(ScoreSet.read(again / "test.csv").scores, scores.scores, rtol=1e-5, atol=1e-5)


def test_another_encoder_is_refused(experiment: Path) -> None:
    with pytest.raises(ExperimentError, match="one modality with the encoder speech_moments or"):
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


def test_what_it_does_not_read_is_refused(experiment: Path) -> None:
    """Version 0.1 wrote these keys with these values; any other would have changed nothing, in silence."""
    old = ["fusion=", "augmentation=[]", "losses=[{name: binary_cross_entropy}]", "training.warm_up=0.1"]
    assert read_experiment(experiment, old).record() == read_experiment(experiment).record()
    for change in ("augmentation=[{name: noise}]", "losses=[{name: focal}]", "training.patience=3"):
        with pytest.raises(ExperimentError, match="unknown key"):
            read_experiment(experiment, [change])


def test_every_combination_is_drawn_alike() -> None:
    """A source of one clip and a source of nine are heard as often, in both classes."""
    rows = [
        Presentation(
            id=f"{source}/{kind}/{number}",
            dataset=source,
            captures={"voice": CaptureFile(Path(f"{source}{kind}{number}.wav"))},
            pai_species=kind,
            session=f"{number}",
            attributes={"chain": "phone" if number % 2 else "studio"},
        )
        for source, count in (("large", 9), ("small", 2))
        for kind in (None, "buzz", "hum")
        for number in range(count)
    ]
    species = np.array([0 if p.pai_species is None else 1 + (p.pai_species == "hum") for p in rows])
    collection = SimpleNamespace(presentations=rows, species=species)
    draw = _PairDraw(collection, np.arange(len(rows)), 0.5, ("dataset", "chain"), np.random.default_rng(0))  # type: ignore[arg-type]
    drawn = draw(4000)
    people, attacks = drawn[:4000], drawn[4000:]
    assert (species[people] == 0).all()
    assert (species[attacks] > 0).all()
    for half in (people, attacks):
        cells = Counter((rows[row].dataset, rows[row].attributes["chain"]) for row in half)
        assert min(cells.values()) > 850, "of 1,000"
    beside = [
        rows[a].session == rows[b].session and rows[a].dataset == rows[b].dataset
        for a, b in zip(people, attacks, strict=True)
    ]
    assert np.mean(beside) > 0.5, "half of the time its own original"


def test_a_band_is_taken_out_and_the_others_stay() -> None:
    torch.manual_seed(1)
    encoder = SpeechMoments(1, widths=(8, 4)).eval()
    usual, found = torch.rand(encoder.size), torch.rand(2, encoder.size)
    encoder.standardise(usual, torch.full_like(usual, 0.5))
    told = [level.reshape(2, BANDS + 1, -1) for level in encoder.without_bands(found)]
    for band in (0, 17, BANDS - 1, BANDS):
        rest = found.clone().reshape(2, -1, BANDS)
        if band < BANDS:
            rest[..., band] = usual.reshape(-1, BANDS)[:, band]
        for level, expected in zip(told, encoder.from_moments(rest.flatten(1)), strict=True):
            torch.testing.assert_close(level[:, band], expected[:, 0])


def test_beyond_the_knee_a_window_counts_by_a_fifth(experiment: Path) -> None:
    """Once training is over; below it, and in training, everything stays."""
    generator = torch.Generator
    plain, bent = (build(read_experiment(experiment, [f"knee={knee}"])) for knee in ("null", "0.5"))
    bent.load_state_dict(plain.state_dict())
    waves = {"voice": torch.randn(8, 32000, generator=generator().manual_seed(3)) * 0.05}
    for network in (plain, bent):
        nn.init.normal_(network.heads["voice"].output.weight, std=3, generator=generator().manual_seed(1))
    with torch.inference_mode():
        middle = float(plain.eval()(waves).score.median())
    for network in (plain, bent):
        nn.init.constant_(network.heads["voice"].output.bias, 0.5 - middle)
    with torch.inference_mode():
        told = [network.eval()(waves).score for network in (plain, bent)]
        (graph,) = graphs_of(bent, {"voice": (32000,)}).values()
        exported = graph.network(waves["voice"])[0]
        learning = bent.train().heads["voice"](bent.encoders["voice"].eval()(waves["voice"]))[1]
    before, after = told
    assert before.min() < 0.5 < before.max()
    torch.testing.assert_close(after, torch.where(before < 0.5, before, 0.4 + before / 5))
    torch.testing.assert_close(exported, after)
    torch.testing.assert_close(learning, before)
    head = linear_head(bent)
    assert head is not None
    assert head.knee == 0.5
