"""The bundle of four sensors works with any of them, on scenes it has not seen, all of them simulated."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import antispoof
from antispoof.runtime.bundle import default_bundle, read_bundle, subset_key
from antispoof.runtime.detector import Detector
from antispoof.simulation.scene.render import MODALITIES, SceneSpec, render_scene
from antispoof.training.experiment import read_experiment
from antispoof.training.recipes.supervised.experiment import SupervisedExperiment

SUBSETS = [s for n in (1, 2, 3, 4) for s in itertools.combinations(MODALITIES, n)]
ATTACKS = ("print_flat", "replay_tablet", "mask_rigid", "mannequin", "mask_paper")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return antispoof.load("face-multispectral")


@pytest.fixture(scope="module")
def captures() -> list[tuple[bool, dict[str, NDArray[Any]]]]:
    kinds = [*[None] * 8, *ATTACKS, *ATTACKS[:3]]
    suites, lights = ("desk", "kiosk", "phone"), ("office", "window", "dim", "outdoor")
    return [
        (kind is None, render_scene(SceneSpec(990, n, n, kind, suites[n % 3], lights[n % 4])))
        for n, kind in enumerate(kinds)
    ]


def test_it_tells_people_from_instruments(detector: Detector, captures: Any) -> None:
    scores = [(real, detector.check(**capture).score) for real, capture in captures]
    people, attacks = ([s for real, s in scores if real is side and s is not None] for side in (True, False))
    assert len(people) == 8
    better = [p > a for p in people for a in attacks]
    assert np.mean(better) > 0.9


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda s: subset_key(s))
def test_any_subset_is_judged(subset: tuple[str, ...], detector: Detector, captures: Any) -> None:
    _, person = captures[0]
    verdict = detector.check(**{name: person[name] for name in subset})
    assert verdict.score is not None
    status = {part.modality: part.status for part in verdict.evidence}
    assert status == {name: "used" if name in subset else "missing" for name in MODALITIES}
    assert all((part.score is not None) == (part.status == "used") for part in verdict.evidence)


def test_a_refused_sensor_counts_as_absent(detector: Detector, captures: Any) -> None:
    _, person = captures[1]
    without = detector.check(**{name: person[name] for name in MODALITIES if name != "face_infrared"})
    black = detector.check(**{**person, "face_infrared": np.zeros((128, 128), np.uint8)})
    assert black.score == without.score
    assert black.reasons == ("too_dark",)
    nothing = detector.check(face_depth=np.zeros((128, 128), np.uint16))
    assert nothing.outcome == "non_response"


def test_it_says_that_it_is_simulated() -> None:
    about = read_bundle("face-multispectral").metadata
    assert about.modalities == MODALITIES
    assert all(source.simulated for source in about.training.data)
    assert all(result.simulated for result in about.results)
    assert "SIMULATED" in about.description
    wanted = {subset_key(subset) for subset in SUBSETS if len(subset) < 4}
    assert set(about.subset_calibrations) == set(about.subset_operating_points) == wanted


def test_colour_alone_stays_with_the_bundle_made_for_it() -> None:
    assert default_bundle("face_rgb").startswith("face-rgb")
    assert default_bundle("face_depth") == "face-multispectral"


def test_its_recipe_is_the_file_that_ships() -> None:
    experiment = read_experiment(Path(__file__).parents[2] / "configs" / "face-multispectral.yaml")
    assert isinstance(experiment, SupervisedExperiment)
    recipe = json.loads(read_bundle("face-multispectral").metadata.training.recipe)
    now = json.loads(json.dumps(experiment.record()))
    for part in ("modalities", "fusion", "losses", "augmentation", "seed"):
        assert recipe[part] == now[part]
    assert recipe["training"].items() <= now["training"].items()
