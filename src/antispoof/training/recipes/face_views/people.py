"""Presentations → the people whose captures are simulated, and the attacks that may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antispoof.data.manifest import read_manifest
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import ExperimentError, InputError
from antispoof.simulation.face.collection import portrait_files, read_portrait
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.recipes.face_views.experiment import FaceViewsExperiment
from antispoof.training.reporter import Reporter
from antispoof.training.schema import Part

__all__ = ["portrait_presentations", "read_people", "without_unseen"]


def portrait_presentations(experiment: FaceViewsExperiment) -> tuple[Presentation, ...]:
    """Return what ``portraits`` names: the rows of a manifest, or the pictures of a folder, undivided.

    Raises:
        InputError: it is neither.
    """
    source = experiment.portraits
    if source.is_file():
        return read_manifest(source)
    if not source.is_dir():
        raise InputError(
            f"portraits must be a folder with one picture a person, or a manifest, got {str(source)!r}"
        )
    return tuple(
        Presentation(
            id=path.name,
            dataset=experiment.portraits_name or "portraits",
            captures={"face_rgb": CaptureFile(path)},
            subject=path.stem,
            licence=experiment.portraits_licence,
        )
        for path in portrait_files(source)
    )


def read_people(
    experiment: FaceViewsExperiment, presentations: tuple[Presentation, ...], report: Reporter
) -> tuple[list[Portrait], NDArray[np.bool_]]:
    """Read the bona fide colour pictures that are not kept for the test.

    Returns:
        N portraits, and (N,) which of them are dev: as the presentations say, or else drawn.

    Raises:
        InputError: there are too few usable portraits to train and to hold some out.
    """
    portraits: list[Portrait] = []
    partitions: list[str] = []
    persons: set[tuple[str, str]] = set()
    for p in presentations:
        if not p.bona_fide or p.partition == "test" or "face_rgb" not in p.captures:
            continue
        if not p.partition and p.person in persons:
            report.say(f"{p.captures['face_rgb'].path.name}: there is a portrait of {p.subject!r} already")
            continue
        portrait = read_portrait(p.captures["face_rgb"], p.subject or p.id, report.say)
        if portrait is None:
            continue
        portraits.append(portrait)
        partitions.append(p.partition)
        if p.person is not None:
            persons.add(p.person)
    if not portraits:
        raise InputError(f"no usable portrait in {str(experiment.portraits)!r}")
    undivided = np.flatnonzero([not partition for partition in partitions])
    dev = np.array([partition == "dev" for partition in partitions])
    held_out = round(len(undivided) * experiment.simulation.dev_share)
    if len(undivided):
        dev[undivided[np.random.default_rng(experiment.seed).permutation(len(undivided))[:held_out]]] = True
    if dev.sum() < 1 or (~dev).sum() < 2:
        if not len(undivided):
            raise InputError(
                f"{int((~dev).sum())} usable portraits in train and {int(dev.sum())} in dev are too few: two "
                "are needed in train and one in dev"
            )
        raise InputError(
            f"{len(portraits)} usable portraits are too few to hold out {experiment.simulation.dev_share:.0%}"
        )
    return portraits, dev


def without_unseen(
    experiment: FaceViewsExperiment, presentations: tuple[Presentation, ...], report: Reporter
) -> FaceViewsExperiment:
    """Leave out the simulation of attacks that the presentations keep for the test alone.

    Raises:
        ExperimentError: nothing would be left to simulate, or for a layer to learn from.
    """
    seen = {p.pai_species for p in presentations if p.partition != "test"} - {None}
    tested = {p.pai_species for p in presentations if p.partition == "test"} - {None}
    unseen = (tested - seen) if seen else set()  # without any attack but in the test nothing is held out
    left = tuple(name for name in experiment.simulation.attacks if name not in unseen)
    if left == experiment.simulation.attacks:
        return experiment
    kept = sorted(set(experiment.simulation.attacks) - set(left))
    changed: dict[str, Part] = {}
    for name in ("simulation", "head", "context", "joint"):
        part = getattr(experiment, name)
        if part is None:
            continue
        seen_by = tuple(kind for kind in part.attacks if kind not in unseen)
        if not seen_by:
            raise ExperimentError(
                f"{' and '.join(kept)} stand in the test alone, so they must not be simulated, and no attack "
                f"is left in {name}.attacks: name others there besides"
            )
        changed[name] = part.model_copy(update={"attacks": seen_by})
    report.say(f"{' and '.join(kept)}: kept for the test, so not simulated")
    return experiment.model_copy(update=changed)
