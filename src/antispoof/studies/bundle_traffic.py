"""What two bundles say of the same traffic: read from score files, or judged now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.columns import tells_a_verdict
from antispoof.errors import InputError, MediaError
from antispoof.evaluation.field_labels import species_of
from antispoof.evaluation.score_columns import ScoreColumns, key_of
from antispoof.evaluation.score_files import FINITE, read_columns
from antispoof.evaluation.text import Labels
from antispoof.runtime.bundle import BundleMetadata
from antispoof.runtime.detector import Detector
from antispoof.sensing.modalities import modalities
from antispoof.studies.bundle_change import OUTCOMES

__all__ = ["Said", "Traffic", "judge_traffic", "read_traffic"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one bundle said of N presentations.

    Attributes:
        scores: float64 (N,), calibrated; NaN is a non-response.
        outcomes: int8 (N,), index into `OUTCOMES`; None where only scores are known.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8] | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """N presentations with what both bundles said of them.

    Attributes:
        ids: their names.
        old: what the bundle in use said.
        new: what the other said.
        species: kinds of attack, no label is bona fide; None where nobody knows.
        attributes: what else is known of them.
        remarks: what a reader must not miss.
    """

    ids: NDArray[np.object_]
    old: Said
    new: Said
    species: Labels | None
    attributes: dict[str, Labels]
    remarks: tuple[str, ...] = ()


def read_traffic(paths: Sequence[Path], old: BundleMetadata, new: BundleMetadata) -> Traffic:
    """Read the scores of both bundles, from two files, the old bundle's first, or from one that holds both.

    In one file they stand in columns called like the bundles, by themselves or after ``calibrated.`` or
    ``score.``. Two files are joined by their ids; each has the columns ``id`` and ``score``, and perhaps
    ``outcome``. Labels (``pai_species``) and further columns are taken from whichever file has them.

    Raises:
        InputError: the files cannot be read so; the message says where and what to do.
    """
    if len(paths) > 2:
        raise InputError(
            f"name one score file with both bundles' scores or two of one each, got {len(paths)}"
        )
    if len(paths) == 1:
        return _read_both(paths[0], old, new)
    first, second = (_read_one(path, bundle) for path, bundle in zip(paths, (old, new), strict=True))
    row_of = {name: row for row, name in enumerate(second.ids.tolist())}
    pairs = [(row, row_of[name]) for row, name in enumerate(first.ids.tolist()) if name in row_of]
    if not pairs:
        raise InputError(
            f"{paths[0]} and {paths[1]} share no id ({first.ids[0]!r}, {second.ids[0]!r}, …): score the same "
            "presentations with both bundles"
        )
    mine, other = np.array(pairs, np.intp).T
    remarks = [
        f"{count:,} presentations of {path} are not in the other file, and left out"
        for path, count in zip(paths, (len(first.ids) - len(pairs), len(row_of) - len(pairs)), strict=True)
        if count
    ]
    one, two = _taken(first, mine), _taken(second, other)
    return Traffic(
        one.ids,
        one.old,
        two.old,
        two.species if one.species is None else one.species,
        {**two.attributes, **one.attributes},
        (*first.remarks, *second.remarks, *remarks),
    )


def judge_traffic(
    files: Sequence[Path],
    modality: str,
    old: Detector,
    new: Detector,
    tick: Callable[[], None] = lambda: None,
) -> Traffic:
    """Let both bundles judge captures of one sensor; the folder of a file is its attribute ``folder``.

    Raises:
        InputError: none of the files can be read, or a bundle does not look at the modality.
    """
    ids, folders, scores, unread = [], [], [], 0
    for path in files:
        try:
            sample = modalities[modality].load(path)
            scores.append([detector.check(**{modality: sample}).score for detector in (old, new)])
            ids.append(str(path))
            folders.append(path.parent.name)
        except MediaError:
            unread += 1
        tick()
    if not ids:
        raise InputError(f"none of {len(files)} files can be read as {modality}")
    both = np.array(scores, np.float64)
    return Traffic(
        np.array(ids, object),
        Said(both[:, 0]),
        Said(both[:, 1]),
        None,
        {"folder": Labels.encode(folders)},
        (f"{unread} of {len(files)} files could not be read, and are left out",) if unread else (),
    )


def _read_one(path: Path, bundle: BundleMetadata) -> Traffic:
    """Read the scores of one bundle; they stand in ``old``, and again in ``new``."""
    found, species = _read(path, ("id", "score"))
    assert found.scores is not None
    one = Said(found.scores, _outcomes(found))
    traffic = _traffic(found, one, one, species)
    judges = found.labels.get("bundle_sha256")
    if judges is None:
        return traffic
    its = [bundle.sha256 in each.split("+") for each in judges.names]
    if judges.names and not any(its):
        raise InputError(
            f"{path} holds scores of a bundle {judges.names[0][:12]}…, not of {bundle.name!r} "
            f"{bundle.version} ({bundle.sha256[:12]}…): name the bundle that made them, as the path of its "
            ".onnx file"
        )
    mine = np.array([*its, True], np.bool_)[judges.codes]
    if mine.all():
        return traffic
    kept = _taken(traffic, np.flatnonzero(mine))
    left_out = f"{(~mine).sum():,} presentations of {path} were judged by other bundles, and are left out"
    return replace(kept, remarks=(*kept.remarks, left_out))


def _read_both(path: Path, old: BundleMetadata, new: BundleMetadata) -> Traffic:
    found, species = _read(path, ("id",))
    columns = [
        next(filter(found.labels.__contains__, _columns_of(place, bundle)), "")
        for place, bundle in (("old", old), ("new", new))
    ]
    if "" in columns or columns[0] == columns[1]:
        raise InputError(
            f"{path} has no columns 'calibrated.{old.name}' and 'calibrated.{new.name}' (or "
            "'score.old' and 'score.new'). Where it holds the scores of one bundle alone, name the file of "
            "the other too: --scores OLD.csv --scores NEW.csv"
        )
    one, other = (Said(_numbers(path, name, found.labels[name])) for name in columns)
    for name in columns:
        del found.labels[name]
    return _traffic(found, one, other, species)


def _columns_of(place: str, bundle: BundleMetadata) -> tuple[str, ...]:
    return (f"score.{place}", f"calibrated.{bundle.name}", f"score.{bundle.name}", bundle.name)


def _read(path: Path, needed: tuple[str, ...]) -> tuple[ScoreColumns, Labels | None]:
    if not path.is_file():
        raise InputError(f"score file {str(path)!r} does not exist")
    try:
        found = read_columns(path, needed, {})
        assert found.ids is not None
        if repeated := found.ids.repeated():
            raise InputError(f"id {found.ids[repeated[0]]!r} appears more than once; one row a presentation")
        return found, species_of(found, None) if key_of("label") in found.labels else None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _traffic(found: ScoreColumns, old: Said, new: Said, species: Labels | None) -> Traffic:
    attributes = {
        name.removeprefix("attribute."): labels
        for name, labels in found.labels.items()
        if not tells_a_verdict(name) and not name.startswith(("score.", "<"))
    }
    ids = np.array([] if found.ids is None else found.ids.tolist(), object)
    return Traffic(ids, old, new, species, attributes, tuple(found.cautions))


def _numbers(path: Path, column: str, labels: Labels) -> NDArray[np.float64]:
    """Read a column of text as numbers; an empty cell is a non-response."""
    try:
        values = np.array([*map(float, labels.names), np.nan], np.float64)
    except ValueError as error:
        raise InputError(
            f"{path}, column {column!r}: {error}; leave the cell empty for a non-response"
        ) from None
    if not np.isfinite(values[:-1]).all():
        raise InputError(f"{path}, column {column!r}: {FINITE}")
    return values[labels.codes]


def _outcomes(found: ScoreColumns) -> NDArray[np.int8] | None:
    labels = found.labels.get("outcome")
    if labels is None:
        return None
    if unknown := set(labels.names) - set(OUTCOMES):
        raise InputError(f"outcome {sorted(unknown)[0]!r}: it is one of {', '.join(OUTCOMES)}")
    code = np.array(
        [*(OUTCOMES.index(name) for name in labels.names), OUTCOMES.index("non_response")], np.int8
    )
    return code[labels.codes]


def _taken(traffic: Traffic, rows: NDArray[np.intp]) -> Traffic:
    outcomes = traffic.old.outcomes
    said = Said(traffic.old.scores[rows], None if outcomes is None else outcomes[rows])
    return Traffic(
        traffic.ids[rows],
        said,
        said,
        None if traffic.species is None else traffic.species.take(rows),
        {name: labels.take(rows) for name, labels in traffic.attributes.items()},
        traffic.remarks,
    )
