"""The parts of the recipe, each against an independent computation."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import miniature
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from antispoof.cli import main
from antispoof.errors import ExperimentError, InputError, UnknownNameError
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import CropRecipe, crop, find_faces
from antispoof.simulation.face import camera as camera_module
from antispoof.simulation.face.portrait import Portrait
from antispoof.sites.learning import typical_score
from antispoof.training.experiment import read_experiment
from antispoof.training.recipes.distilled_two_view.experiment import DistilledTwoViewExperiment
from antispoof.training.recipes.distilled_two_view.sites import SiteScores, simulate_site, site_margin
from antispoof.training.recipes.distilled_two_view.teacher import Teacher

SHIPPED = Path(__file__).parents[2] / "configs" / "face-rgb-edge.yaml"


# Experiment files


def test_the_experiment_that_ships_is_right() -> None:
    experiment = read_experiment(SHIPPED)
    assert isinstance(experiment, DistilledTwoViewExperiment)
    assert experiment.name == "face-rgb-edge"
    assert experiment.views.context.fit == "inside"
    assert type(experiment).model_validate_json(experiment.model_dump_json()) == experiment


def test_set_replaces_what_the_file_says() -> None:
    changes = [
        "seed=4",
        "views.close.size=96",
        "teachers=[a_crop2.7_80.onnx]",
        "head.attacks=[replay, print]",
    ]
    experiment = read_experiment(SHIPPED, changes)
    assert experiment.seed == 4
    assert experiment.views.close.size == 96
    assert experiment.teachers == (Path("a_crop2.7_80.onnx"),)
    assert experiment.head.attacks == ("replay", "print")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sed=4", "sed: unknown key; did you mean 'seed'?"),
        ("views.close.sise=3", "views.close.sise: unknown key; did you mean 'size'?"),
        ("network.zzz=3", "network.zzz: unknown key; known: stages, context_channels"),
        ("views.close.size=8", "views.close.size: Input should be greater than or equal to 32"),
        ("seed=many", "seed: Input should be a valid integer"),
        ("network.stages=2", "network.stages: Input should be greater than or equal to 3"),
        ("simulation.dev_share=1", "simulation.dev_share: Input should be less than 1"),
        ("sites.captures=4", "sites.captures: Input should be greater than or equal to 5"),
        ("simulation.attacks=[replay]", "ok"),
        ("simulation.attacks=[print]", "head.attacks must be among simulation.attacks, got ['replay']"),
        ("simulation.attacks=[]", "simulation.attacks"),
        ("seed", "--set takes key=value, got 'seed'"),
        ("seed.x=3", "'seed' holds a value, not keys"),
        ("teachers=[a", "the value is not YAML"),
    ],
)
def test_wrong_settings_are_named(change: str, message: str) -> None:
    if message == "ok":
        assert read_experiment(SHIPPED, [change]).simulation.attacks == ("replay",)
        return
    with pytest.raises(ExperimentError) as caught:
        read_experiment(SHIPPED, [change])
    assert message in str(caught.value)


def test_an_unknown_attack_lists_its_neighbours() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'replay'"):
        read_experiment(SHIPPED, ["simulation.attacks=[reply]"])


def test_files_that_are_no_experiment(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    cases = {
        "list.yaml": ("- a\n- b\n", "must hold keys and values, not list"),
        "empty.yaml": ("", "must hold keys and values, not NoneType"),
        "broken.yaml": ("a: [1,\nb", "is not YAML"),
        "nameless.yaml": ("name: x", "names no recipe: write 'recipe: ' and one of distilled_two_view"),
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
        ((str(SHIPPED), "--set", "sed=4"), "did you mean 'seed'?"),
        (
            (str(SHIPPED), "--set", f"run_dir={tmp_path}/run"),
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

scores = arrays(float, st.integers(3, 12), elements=st.floats(-5, 5).map(lambda v: round(v, 1)))


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=4))
@example([(np.array([3.0] + [10.0] * 7), np.array([9.0] + [-10.0] * 7))])  # as good at either end
@settings(max_examples=60)
def test_the_margin_is_the_best_of_all(pairs: list[tuple[NDArray[Any], NDArray[Any]]]) -> None:
    sites = [SiteScores(bona_fide, attack) for bona_fide, attack in pairs]

    def errors(margins: NDArray[Any]) -> NDArray[Any]:
        total = np.zeros(len(margins))
        for site in sites:
            threshold = (typical_score(site.bona_fide) - margins)[:, None]
            total += (site.bona_fide < threshold).mean(1) / 2 + (site.attack >= threshold).mean(1) / 2
        return total

    margin = site_margin(sites, typical_score)
    assert errors(np.array([margin]))[0] == pytest.approx(errors(np.arange(0, 8, 0.01)).min(), abs=1e-9)


def test_the_margin_of_separate_scores_is_in_their_middle() -> None:
    site = SiteScores(np.array([4.0, 5.0, 6.0]), np.array([0.0, 1.0]))
    # Thresholds above 1 and up to 4 make no error: margins of 1 to 4 below 5.
    assert site_margin([site], np.median) == pytest.approx(2.5, abs=0.02)  # type: ignore[arg-type]


def person(portrait: NDArray[np.uint8], name: str, shade: float) -> Portrait:
    image = np.clip(portrait * shade, 0, 255).astype(np.uint8)
    return Portrait.of(name, image, find_faces(portrait)[0].box)


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


# Teachers


def teacher(path: Path) -> Path:
    path.write_bytes(miniature.teacher(8))
    return path


def test_a_teacher_gives_log_odds_of_its_second_class(tmp_path: Path) -> None:
    ask = Teacher(teacher(tmp_path / "tiny_crop1.5_8.onnx"))
    assert ask.recipe == CropRecipe(1.5, 8, "inside")
    image = np.random.default_rng(0).integers(0, 256, (60, 50, 3)).astype(np.uint8)
    face = Box(20, 20, 20, 24)
    red, green, blue = crop(image, face, ask.recipe).reshape(-1, 3).mean(0) / 255
    bona_fide = np.exp(green) / (np.exp(blue) + np.exp(green) + np.exp(3 * red))
    assert ask(image, face) == pytest.approx(np.log(bona_fide / (1 - bona_fide)), abs=1e-4)
    redder = image.copy()
    redder[..., 0] = 255
    assert ask(redder, face) < ask(image, face)


def test_what_is_no_teacher_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "text_crop2.7_80.onnx").write_text("not a network")
    for path, message in (
        (teacher(tmp_path / "nameless.onnx"), "named …crop<scale>_<size>.onnx"),
        (tmp_path / "gone_crop2.7_80.onnx", "a teacher must be a file"),
        (tmp_path / "text_crop2.7_80.onnx", "ONNX Runtime cannot load the teacher"),
    ):
        with pytest.raises(InputError, match=message):
            Teacher(path)
