"""What every recipe can be asked for, or says in words that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import stand_ins
import yaml
from numpy.typing import NDArray
from typer.testing import CliRunner

from antispoof.cli.every import app
from antispoof.data.manifest import write_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError
from antispoof.evaluation import ScoreSet, cross_dataset
from antispoof.studies.ablation import ablate, variants_of
from antispoof.studies.complexity import complexity
from antispoof.studies.protocol import run_protocol
from antispoof.training.experiment import read_experiment
from antispoof.training.export import load_run
from antispoof.training.fit import pretrain
from antispoof.training.recipe import recipes
from antispoof.training.reporter import Reporter
from antispoof.training.schema import Experiment

DETECTORS = [name for name in recipes if not recipes[name].makes]
OTHERS = [name for name in recipes if recipes[name].makes]
Write = Callable[[Path, NDArray[np.uint8]], Path]


def plates(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    del portrait
    manifest = stand_ins.write_collection(folder, people=8)
    text = (
        stand_ins.CONFIG.format(folder=folder, manifest=manifest)
        .replace("epochs: 3", "epochs: 1")
        .replace("cross_modal", "weighed_evidence")
    )
    (folder / "plates.yaml").write_text(text, encoding="utf-8")
    return folder / "plates.yaml"


def one_plate(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    del portrait
    manifest = stand_ins.write_collection(folder, people=8, names=("left",))
    content = yaml.safe_load(stand_ins.CONFIG.format(folder=folder, manifest=manifest))
    for key in ("fusion", "losses", "training"):
        del content[key]
    content |= {"recipe": "frozen_texture", "augmentation": [{"name": "flip"}]}
    content["modalities"] = {"left": {"encoder": {"name": "frozen_texture", "pretrained": False}}}
    (folder / "plate.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "plate.yaml"


def voices(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    del portrait
    return stand_ins.write_voice_experiment(folder, people=8, epochs=2)


def faces(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    """Portraits as a manifest, with a test of two bona fide captures and two attacks."""
    experiment = stand_ins.write_face_experiment(folder, portrait)
    rows = []
    for number, partition in enumerate(("train", "train", "dev", "test", "test", "test", "test")):
        path = folder / "portraits" / f"person{min(number, 5)}.png"
        species = "replay" if number > 4 else None
        rows.append(
            Presentation(
                id=f"p{number}",
                dataset="portraits",
                captures={"face_rgb": CaptureFile(path)},
                pai_species=species,
                subject=f"person{number}",
                partition=partition,
            )
        )
    write_manifest(rows, folder / "portraits.csv")
    content = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    content["portraits"] = str(folder / "portraits.csv")
    content["context"]["epochs"] = 1
    content["sites"]["count"] = 2
    experiment.write_text(yaml.safe_dump(content), encoding="utf-8")
    return experiment


def vocoder(folder: Path, portrait: NDArray[np.uint8]) -> Path:
    stand_ins.write_voice_experiment(folder, people=1, epochs=1)
    shipped = Path(__file__).parents[2] / "configs" / "vocoder-inverse-fourier.yaml"
    content = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    content |= {"speech": str(folder), "run_dir": str(folder / "run"), "steps": 1}
    del portrait
    (folder / "vocoder.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "vocoder.yaml"


SMALL: dict[str, Write] = {
    "face_views": faces,
    "frozen_texture": one_plate,
    "speech_moments": voices,
    "supervised": plates,
    "vocoder": vocoder,
}
"""Recipe → what writes a small experiment of it; a new recipe adds its own."""


@pytest.fixture(scope="module", autouse=True)
def sensors() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.register(patch)
        patch.setattr("antispoof.studies.complexity.SECONDS", 0.01)
        patch.setattr("os.cpu_count", lambda: 1)  # another process would take longer to start than to help
        stand_ins.simulate_faces_here(patch)
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> dict[str, Path]:
    assert set(SMALL) == set(recipes)
    return {name: write(tmp_path_factory.mktemp(name), portrait) for name, write in SMALL.items()}


def with_ablation(path: Path, variant: str) -> Experiment:
    return read_experiment(path, [f"ablation={{seeds: [0, 1], variants: [{variant}]}}"])


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_runs_over_a_protocol(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    said: list[str] = []
    experiment = read_experiment(written[name])
    for _ in range(2):
        matrix = run_protocol(
            experiment, "missing-modality", tmp_path, report=Reporter(said.append, lambda *_: None)
        )
    assert sum("is finished already" in line for line in said) == 1
    assert not experiment.run_dir.exists()  # all is in the folder of the study
    assert np.isfinite(cross_dataset(matrix, resamples=0).cells["all", "all"].value)
    run = next(path.parent for path in tmp_path.rglob("bundle.json"))
    trained = load_run(run)
    assert next(iter(trained.graphs)) == trained.metadata.modalities
    for partition in ("dev", "test"):
        scores = ScoreSet.read(run / f"{partition}.csv")
        assert np.isfinite(scores.scores).any()
    told = {result.data.split()[0] for result in trained.metadata.results}
    assert {"dev", "test"} <= told
    untrained = recipes[name].untrained(experiment)
    assert {key: graph.parameters for key, graph in untrained.items()} == {
        key: graph.parameters for key, graph in trained.graphs.items()
    }
    costs = complexity(str(run), ())
    assert [(c.macs, c.parameters) for c in costs] == [
        (c.macs, c.parameters) for c in complexity(str(written[name]), ())
    ]


@pytest.mark.parametrize("name", DETECTORS)
def test_any_key_of_a_detector_can_be_varied(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    experiment = with_ablation(written[name], "{set: {version: other}}")
    full, other = variants_of(experiment).values()
    assert (full.version, other.version) == (experiment.version, "other")
    one = other.in_run(tmp_path / "run", 7, tmp_path)
    assert (one.run_dir, one.seed) == (tmp_path / "run", 7)
    assert {**one.record(), "seed": 0} == {**other.record(), "seed": 0}
    if "losses" not in type(experiment).model_fields:
        with pytest.raises(ExperimentError, match=f"changes losses, which recipe '{name}' has not"):
            variants_of(with_ablation(written[name], "{without_loss: binary_cross_entropy}"))


@pytest.mark.parametrize("name", OTHERS)
def test_what_makes_no_detector_says_so(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    recipe, path = recipes[name], written[name]
    experiment = read_experiment(path)
    assert recipe.presentations(experiment)
    run = experiment.run_dir
    told = CliRunner().invoke(app, ["train", str(path)])
    assert told.exit_code == 0, told.output
    assert f"trained; it is {recipe.makes}" in told.output
    for task in (
        lambda: run_protocol(experiment, "missing-modality", tmp_path),
        lambda: ablate(with_ablation(path, "{set: {version: other}}")),
        lambda: complexity(str(path)),
        lambda: complexity(str(run)),
        lambda: load_run(run),
    ):
        with pytest.raises(ExperimentError, match=f"'{name}' makes {recipe.makes}"):
            task()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", recipes)
def test_without_pretraining_it_is_refused(name: str, written: dict[str, Path]) -> None:
    with pytest.raises(ExperimentError, match=r"pretraining|learn without labels"):
        pretrain(read_experiment(written[name]))
