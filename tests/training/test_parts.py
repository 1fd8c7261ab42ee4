"""The parts of the recipe, each against an independent computation."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import make_face_parts
import miniature
import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from antispoof.cli import main
from antispoof.errors import ExperimentError, InputError, UnknownNameError
from antispoof.files import onnx_session
from antispoof.scores.location import typical_score
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import find_faces
from antispoof.simulation.face import camera as camera_module
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.experiment import read_experiment
from antispoof.training.export import onnx_of
from antispoof.training.onnx_parts import OnnxPart
from antispoof.training.recipe import recipes
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.recipes.face_views.layers import fit_close, fit_joint
from antispoof.training.recipes.face_views.network import read_parts
from antispoof.training.recipes.face_views.sites import simulate_site, site_margin

ROOT = Path(__file__).parents[2]
CONFIGS = {name: ROOT / "configs" / f"{name}.yaml" for name in ("face-rgb", "face-rgb-edge")}
WITH_CONTEXT = ROOT / "configs" / "ablations" / "face-rgb-edge-context.yaml"
PEERS = ROOT.parent / "shared" / "peers"


# Experiment files


@pytest.mark.parametrize("name", CONFIGS)
def test_the_experiments_that_ship_are_right(name: str) -> None:
    experiment = read_experiment(CONFIGS[name])
    assert isinstance(experiment, FaceViewsExperiment)
    assert experiment.name == name
    assert type(experiment).model_validate_json(experiment.model_dump_json()) == experiment
    # What the one takes from others is said; the other takes nothing from anybody but ImageNet.
    assert [entry.learned_from for entry in experiment.networks.values()] == ["undisclosed captures"] * (
        2 * (name == "face-rgb")
    )
    assert experiment.context is None


def test_set_replaces_what_the_file_says() -> None:
    changes = ["seed=4", "views.close.size=96", "head.attacks=[replay, print]"]
    experiment = read_experiment(WITH_CONTEXT, changes)
    assert experiment.seed == 4
    assert experiment.views["close"].size == 96
    assert experiment.head.attacks == ("replay", "print")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sed=4", "sed: unknown key; did you mean 'seed'?"),
        ("views.close.sise=3", "views.close.sise: unknown key; did you mean 'size'?"),
        ("head.zzz=3", "head.zzz: unknown key; known: stages, attacks"),
        ("views.close.size=8", "views.close.size: Input should be greater than or equal to 32"),
        ("seed=many", "seed: Input should be a valid integer"),
        ("head.stages=2", "head.stages: Input should be greater than or equal to 3"),
        ("simulation.dev_share=1", "simulation.dev_share: Input should be less than 1"),
        ("sites.captures=4", "sites.captures: Input should be greater than or equal to 5"),
        ("simulation.attacks=[print]", "head.attacks must be among simulation.attacks, got ['replay']"),
        ("joint.attacks=[mask]", "joint.attacks must be among simulation.attacks, got ['mask']"),
        ("simulation.attacks=[]", "simulation.attacks"),
        ("context=null", "views must be those that something looks at, close; got close, context"),
        ("views.wide={scale: 4, size: 80}", "something looks at, close, context; got close, context, wide"),
        ("operating_point=best", "operating_point: Input should be 'balanced', 'secure'"),
        ("seed", "--set takes key=value, got 'seed'"),
        ("seed.x=3", "'seed' holds a value, not keys"),
        ("head.attacks=[a", "the value is not YAML"),
    ],
)
def test_wrong_settings_are_named(change: str, message: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        read_experiment(WITH_CONTEXT, [change])
    assert message in str(caught.value)


def test_an_unknown_attack_lists_its_neighbours() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'replay'"):
        read_experiment(WITH_CONTEXT, ["simulation.attacks=[reply]"])


def test_files_that_are_no_experiment(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    text = WITH_CONTEXT.read_text(encoding="utf-8")
    cases = {
        "list.yaml": ("- a\n- b\n", "must hold keys and values, not list"),
        "empty.yaml": ("", "must hold keys and values, not NoneType"),
        "broken.yaml": ("a: [1,\nb", "is not YAML"),
        "nameless.yaml": ("name: x", "names no recipe: write 'recipe: ' and one of face_views"),
        "short.yaml": (text.replace('version: "1"\n', ""), "version: Field required"),
        "latin.yaml": ("name: caf\xe9".encode("latin-1"), "is not YAML"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ExperimentError, match=message):
            read_experiment(path)
    with pytest.raises(ExperimentError, match="cannot read the experiment"):
        read_experiment(tmp_path / "nowhere.yaml")
    for arguments, message in (
        ((str(tmp_path / "short.yaml"),), "version: Field required"),
        ((str(tmp_path / "nowhere.yaml"),), "No such file"),
        ((str(WITH_CONTEXT), "--set", "sed=4"), "did you mean 'seed'?"),
        (
            (str(WITH_CONTEXT), "--set", f"run_dir={tmp_path}/run"),
            "portraits must be a folder with one picture a person, or a manifest",
        ),
    ):
        monkeypatch.setattr("sys.argv", ["antispoof", "train", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 3
        errors = capsys.readouterr().err
        assert message in errors
        assert "Traceback" not in errors


# Sites


def site(bona_fide: NDArray[Any], attack: NDArray[Any]) -> SimulatedSite:
    scores = np.concatenate([bona_fide, attack])
    of = np.arange(len(scores)) < len(bona_fide)
    return SimulatedSite(scores, scores[:, None], np.zeros(len(scores), np.intp), of)


scores = arrays(float, st.integers(3, 12), elements=st.floats(-5, 5).map(lambda v: round(v, 1)))


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=4))
@example([(np.array([3.0] + [10.0] * 7), np.array([9.0] + [-10.0] * 7))])  # as good at either end
@settings(max_examples=60)
def test_the_margin_is_the_best_of_all(pairs: list[tuple[NDArray[Any], NDArray[Any]]]) -> None:
    sites = [site(bona_fide, attack) for bona_fide, attack in pairs]

    def errors(margins: NDArray[Any]) -> NDArray[Any]:
        total = np.zeros(len(margins))
        for bona_fide, attack in pairs:
            threshold = (typical_score(bona_fide) - margins)[:, None]
            total += (bona_fide < threshold).mean(1) / 2 + (attack >= threshold).mean(1) / 2
        return total

    margin = site_margin(sites, typical_score)
    assert errors(np.array([margin]))[0] == pytest.approx(errors(np.arange(0, 8, 0.01)).min(), abs=1e-9)


def test_the_margin_of_separate_scores_is_in_their_middle() -> None:
    one = site(np.array([4.0, 5.0, 6.0]), np.array([0.0, 1.0]))
    # Thresholds above 1 and up to 4 make no error: margins of 1 to 4 below 5.
    assert site_margin([one], np.median) == pytest.approx(2.5, abs=0.02)  # type: ignore[arg-type]


def person(portrait: NDArray[np.uint8], name: str, shade: float) -> Portrait:
    small = np.ascontiguousarray(portrait[::2, ::2])
    image = np.clip(small * shade, 0, 255).astype(np.uint8)
    return Portrait.of(name, image, find_faces(small)[0].box)


@pytest.mark.parametrize("species", ["replay", "print"])
def test_all_captures_of_a_site_go_through_one_camera(
    species: str, portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:

    from antispoof.simulation.face import presentations

    before, after = [], []

    def watched(picture: Any, box: Box, rng: np.random.Generator) -> Any:
        before.append(str(rng.bit_generator.state))
        seen = camera_module.camera(picture, box, rng)
        after.append((str(rng.bit_generator.state), seen[0].shape))
        return seen

    monkeypatch.setattr(presentations, "camera", watched)
    people = [person(portrait, name, shade) for name, shade in (("a", 1.0), ("b", 0.8), ("c", 0.6))]
    for seed in range(2):
        before.clear()
        after.clear()
        faces = simulate_site(people, species, 6, [seed])
        assert [f.pai_species for f in faces] == [None, species] * 6
        assert len({f.subject for f in faces}) > 1 or seed
        for of_class in (slice(0, None, 2), slice(1, None, 2)):
            assert len(set(before[of_class])) == 1
            assert len(set(after[of_class])) == 1
            pictures = [f.image for f in faces[of_class]]
            assert not any(np.array_equal(a, b) for a, b in itertools.combinations(pictures, 2))
        again = simulate_site(people, species, 6, [seed])
        assert all(np.array_equal(a.image, b.image) for a, b in zip(faces, again, strict=True))


# Layers


def simulated(rng: np.random.Generator, kinds: dict[str, int], columns: int) -> tuple[Any, Any]:
    species = np.array([kind for kind, count in kinds.items() for _ in range(count)])
    x = rng.normal(0, 1, (len(species), columns))
    x[species == ""] += 1
    return x, species


def test_the_close_layer_learns_from_its_own_kinds_alone() -> None:
    rng = np.random.default_rng(0)
    x, species = simulated(rng, {"": 40, "replay": 60, "print": 30}, 3)
    settings = read_experiment(WITH_CONTEXT).head
    pooled = np.stack([x, x + 0.1], 1).astype(np.float32)  # two tones of each
    seen = species != "print"
    one, same = (fit_close(p, s, settings) for p, s in ((pooled, species), (pooled[seen], species[seen])))
    np.testing.assert_array_equal(one.weight, same.weight)
    both = settings.model_copy(update={"attacks": ("replay", "print")})
    assert not np.allclose(fit_close(pooled, species, both).weight, one.weight)
    # Kinds that weigh the same: as if each had as many pictures as the other.
    balanced = both.model_copy(update={"balance": "kinds", "inverse_strength": 1e6})
    rows = np.concatenate([np.arange(len(species)), np.flatnonzero(species == "print")])
    plain = both.model_copy(update={"inverse_strength": 1e6})
    np.testing.assert_allclose(
        fit_close(pooled, species, balanced).weight,
        fit_close(pooled[rows], species[rows], plain).weight,
        rtol=1e-2,
    )


def test_what_contrast_says_of_people_is_taken_out_of_the_score() -> None:
    rng = np.random.default_rng(0)
    x, species = simulated(rng, {"": 300, "replay": 300}, 3)
    contrast = rng.normal(-2, 0.5, len(species))
    x[:, 0] += 2 * contrast  # a feature that follows the camera
    pooled = np.column_stack([x, contrast])[:, None].astype(np.float32)
    settings = read_experiment(WITH_CONTEXT).head.model_copy(update={"inverse_strength": 1.0})
    kept = fit_close(pooled, species, settings)
    freed = fit_close(pooled, species, settings.model_copy(update={"contrast": "taken_out"}))
    people = species == ""
    assert kept.weight[-1] == 0  # nothing is learned from contrast itself, which a simulation gets wrong
    assert np.corrcoef(kept(pooled[people, 0]), contrast[people])[0, 1] > 0.2
    assert abs(np.corrcoef(freed(pooled[people, 0]), contrast[people])[0, 1]) < 1e-6
    np.testing.assert_array_equal(freed.weight[:-1], kept.weight[:-1])
    assert freed(pooled[people, 0]).mean() == pytest.approx(kept(pooled[people, 0]).mean())


def test_the_joint_layer_turns_no_opinion_around() -> None:
    rng = np.random.default_rng(0)
    x, species = simulated(rng, {"": 200, "replay": 200, "print": 200}, 2)
    x[:, 1] *= -1  # an opinion that is wrong here is not taken for its opposite
    joint = fit_joint(x, species, read_experiment(WITH_CONTEXT).joint)
    assert joint.weight[0] > 0.5
    assert joint.weight[1] == 0


# Finished networks


def part(folder: Path, size: int = 8, batch: int | str = "B") -> Path:
    path = folder / f"{size}{batch}.onnx"
    path.write_bytes(miniature.opinion(size, batch))
    return path


def test_a_finished_network_is_asked_as_it_is(tmp_path: Path) -> None:
    ask = OnnxPart(part(tmp_path))
    assert (ask.shape, ask.answers, ask.parameters) == ((3, 8, 8), 3, 6)
    x = np.random.default_rng(0).random((4, 3, 8, 8), np.float32)
    red, green, blue = x.mean((2, 3)).T
    np.testing.assert_allclose(ask(x), np.stack([blue, green, 3 * red], 1), rtol=1e-5)


def test_what_is_no_such_network_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a network")
    (tmp_path / "two.onnx").write_bytes(miniature.network())
    for path, message in (
        (part(tmp_path, batch=1), "with B free and all else fixed; it has (1, 3, 8, 8), (1, 3)"),
        (tmp_path / "two.onnx", "must have one input"),
        (tmp_path / "gone.onnx", "cannot read the network .*: No such file"),
        (tmp_path / "text.onnx", "ONNX Runtime cannot load the network"),
    ):
        with pytest.raises(InputError, match=message if ".*" in message else re.escape(message)):
            OnnxPart(path)
    for change, message in (
        (f"networks.wide.path={part(tmp_path)}", r"views\.wide\.size: .* takes pictures of \(3, 8, 8\), not"),
        ("networks.wide.bona_fide=3", r"networks\.wide\.bona_fide: must be less than 3, .* got 3"),
    ):
        experiment = read_experiment(CONFIGS["face-rgb"], [change])
        assert isinstance(experiment, FaceViewsExperiment)
        with contextlib.chdir(ROOT), pytest.raises(ExperimentError, match=message):
            read_parts(experiment)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_graph_that_ships_says_what_its_parts_say(name: str) -> None:
    """Every finished network asked by itself, then the network in PyTorch: the one graph says the same."""
    experiment = read_experiment(CONFIGS[name])
    with contextlib.chdir(ROOT):
        (graph,) = recipes["face_views"].untrained(experiment).values()
    rng = np.random.default_rng(0)
    inputs = {
        key: torch.from_numpy(rng.random((3, *x.shape[1:]), np.float32)) for key, x in graph.inputs.items()
    }
    expected = graph(inputs)
    session = onnx_session(onnx_of(graph))
    assert [one.name for one in session.get_outputs()] == list(graph.outputs)
    found = session.run(list(graph.outputs), {key: x.numpy() for key, x in inputs.items()})
    for output, array in zip(graph.outputs, found, strict=True):
        np.testing.assert_allclose(array, expected[output].numpy(), rtol=1e-4, atol=1e-4)
    assert onnx_of(graph) == onnx_of(graph)


@pytest.mark.skipif(not PEERS.is_dir(), reason="the networks as their makers published them are not there")
def test_the_parts_say_what_their_makers_networks_say() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 3, 80, 80)).astype(np.float32)
    for source, name in make_face_parts.PARTS.items():
        ask = OnnxPart(ROOT / "configs" / "parts" / name)
        session = onnx_session(PEERS / source)
        entry = session.get_inputs()[0].name
        expected = [session.run(None, {entry: one[None, ::-1].copy()})[0][0] for one in pictures]
        np.testing.assert_allclose(ask(pictures / np.float32(255)), expected, rtol=1e-3, atol=1e-3)
        made = make_face_parts.part_of(onnx.load(PEERS / source))
        assert made.SerializeToString(deterministic=True) == ask.model


def test_the_wheel_holds_the_notice_of_the_parts() -> None:
    for name in ("NOTICE", "LICENSE.minifasnet"):
        beside = ROOT / "src" / "antispoof" / "bundles" / name
        assert beside.read_text(encoding="utf-8") == (ROOT / "configs" / "parts" / name).read_text(
            encoding="utf-8"
        )
