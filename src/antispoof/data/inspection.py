"""Judge a collection before anything is trained on it: files, duplicates, leaks, imbalance and shortcuts."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from antispoof.data.files import FileFacts, inspect_file
from antispoof.data.presentation import PARTITIONS, CaptureFile, Presentation, leaking_subjects
from antispoof.errors import MediaError
from antispoof.labels import path_meanings

__all__ = ["Finding", "Inspection", "inspect", "separability"]

SHORTCUT_ACCURACY = 0.75
"""Balanced accuracy from which a plain number, looked at alone, counts as a shortcut; 0.5 is chance."""

IMBALANCE = 10.0
"""Ratio between the classes from which a partition counts as imbalanced."""

_BINS = 10
_FEWEST = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be.

    Attributes:
        code: ``missing_file``, ``unreadable_file``, ``duplicate``, ``subject_leak``, ``class_missing``,
            ``class_imbalance``, ``label_against_path``, ``attribute_shortcut``, ``shortcut``,
            ``retention_passed``, ``licence_missing``, ``subject_unknown`` or ``undivided``.
        severity: an ``error`` makes results wrong or training fail; a ``warning`` is for a person to judge.
        message: what was found, with numbers.
        ids: the presentations concerned; empty when it is all of them.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect` found.

    Attributes:
        findings: errors first.
        unreadable: ids of the presentations of which at least one file is missing or damaged.
        separability: (modality, measurement) → balanced accuracy with which it alone tells the classes apart.
    """

    findings: tuple[Finding, ...]
    unreadable: frozenset[str]
    separability: Mapping[tuple[str, str], float]

    @property
    def ok(self) -> bool:
        """True when there is no error."""
        return not any(finding.severity == "error" for finding in self.findings)


def inspect(
    presentations: Sequence[Presentation],
    *,
    today: date | None = None,
    shared_subjects: bool = False,
    workers: int = 4,
    progress: Callable[[], None] | None = None,
) -> Inspection:
    """Open every file and look for what makes a result wrong.

    Args:
        presentations: the rows of a manifest.
        today: the day against which retention is held; None means the current one.
        shared_subjects: the protocol declares that partitions share subjects, so that it is no error.
        workers: how many files are opened at a time.
        progress: called once a presentation.
    """
    facts: dict[tuple[str, str], FileFacts] = {}
    findings: list[Finding] = []
    broken: dict[str, list[tuple[str, MediaError]]] = defaultdict(list)

    def look(work: tuple[str, str, CaptureFile]) -> tuple[str, str, FileFacts | MediaError]:
        identifier, modality, file = work
        try:
            return identifier, modality, inspect_file(file, modality)
        except MediaError as error:
            return identifier, modality, error

    for chunk in _chunks(presentations, 256):
        work = [(p.id, modality, file) for p in chunk for modality, file in p.captures.items()]
        with ThreadPoolExecutor(workers) as pool:
            for identifier, modality, result in pool.map(look, work):
                if isinstance(result, MediaError):
                    code = "missing_file" if result.code == "not_found" else "unreadable_file"
                    broken[code].append((identifier, result))
                else:
                    facts[identifier, modality] = result
        for _ in chunk:
            if progress is not None:
                progress()

    for code, errors in sorted(broken.items()):
        what = "are missing" if code == "missing_file" else "cannot be read"
        sample = "; ".join(str(error) for _, error in errors[:5]) + ("; …" if len(errors) > 5 else "")
        ids = tuple(dict.fromkeys(identifier for identifier, _ in errors))
        findings.append(Finding(code, "error", f"{len(errors)} files {what}: {sample}", ids))
    findings += _duplicates(presentations, facts)
    if not shared_subjects:
        findings += _leaks(presentations)
    findings += _classes(presentations)
    findings += _paths(presentations)
    findings += _attributes(presentations)
    findings += _terms(presentations, today or date.today())
    measured = _separabilities(presentations, facts)
    for (modality, name), accuracy in sorted(measured.items(), key=lambda item: -item[1]):
        if accuracy >= SHORTCUT_ACCURACY:
            message = (
                f"{name} of {modality} alone tells bona fide from attack: balanced accuracy {accuracy:.2f}"
            )
            findings.append(Finding("shortcut", "warning", message))
    findings.sort(key=lambda finding: finding.severity != "error")
    unreadable = frozenset(identifier for errors in broken.values() for identifier, _ in errors)
    return Inspection(tuple(findings), unreadable, measured)


def separability(
    values: NDArray[np.float64], bona_fide: NDArray[np.bool_], groups: Sequence[object]
) -> float | None:
    """Return how well one plain number tells the classes apart: cross-validated balanced accuracy, or None.

    The number is cut into at most ten bins of equal count, each bin votes for the class that is denser in
    it on the other half of the groups (two folds), so that neither a monotone nor a scattered dependency
    escapes, and what holds for one person only does not count.

    Args:
        values: shape (N,).
        bona_fide: shape (N,).
        groups: length N; rows of one group (a person) are never on both sides.

    Returns:
        0.5 is chance, 1.0 is perfect; None when either class has fewer than ten rows or there is one group
        only.
    """
    finite = np.isfinite(values)
    values, bona_fide = values[finite], bona_fide[finite]
    names = [group for group, keep in zip(groups, finite, strict=True) if keep]
    people = list(dict.fromkeys(names))
    # Drawn, not alternating: rows often alternate between the classes.
    turns = np.random.Generator(np.random.PCG64(0)).permutation(len(people)) % 2
    order = dict(zip(people, turns, strict=True))
    if min(np.count_nonzero(bona_fide), np.count_nonzero(~bona_fide)) < _FEWEST or len(order) < 2:
        return None
    edges = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS, method="inverted_cdf"))
    bins = np.searchsorted(edges, values, side="left")
    fold = np.array([order[name] for name in names])
    hits = np.zeros(len(values))
    for held_out in (0, 1):
        learn = fold != held_out
        density = np.zeros((2, len(edges) + 1))
        for label in (0, 1):
            rows = learn & (bona_fide == label)
            density[label] = np.bincount(bins[rows], minlength=len(edges) + 1) / max(1, int(rows.sum()))
        vote = (np.sign(density[1] - density[0]) + 1) / 2
        mine = fold == held_out
        hits[mine] = np.where(bona_fide[mine], vote[bins[mine]], 1 - vote[bins[mine]])
    return float((hits[bona_fide].mean() + hits[~bona_fide].mean()) / 2)


def _chunks(items: Sequence[Presentation], size: int) -> Iterable[Sequence[Presentation]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _duplicates(
    presentations: Sequence[Presentation], facts: Mapping[tuple[str, str], FileFacts]
) -> Iterable[Finding]:
    same: dict[tuple[str, str], list[Presentation]] = defaultdict(list)
    for p in presentations:
        for modality in p.captures:
            if (p.id, modality) in facts:
                same[modality, facts[p.id, modality].digest].append(p)
    kinds: dict[str, list[list[Presentation]]] = defaultdict(list)
    for rows in same.values():
        if len(rows) < 2:
            continue
        if len({p.bona_fide for p in rows}) > 1:
            kinds["labelled both bona fide and attack"].append(rows)
        elif len({p.partition for p in rows}) > 1:
            kinds["in more than one partition"].append(rows)
        else:
            kinds["in one partition"].append(rows)
    for kind, groups in sorted(kinds.items()):
        example = " = ".join(p.id for p in groups[0][:3])
        severity: Literal["error", "warning"] = "warning" if kind == "in one partition" else "error"
        ids = tuple(dict.fromkeys(p.id for rows in groups for p in rows))
        message = f"{len(groups)} files occur more than once, {kind}; for example {example}"
        yield Finding("duplicate", severity, message, ids)


def _leaks(presentations: Sequence[Presentation]) -> Iterable[Finding]:
    parts = {name: [p for p in presentations if p.partition == name] for name in PARTITIONS}
    leaks = leaking_subjects(parts)
    if leaks:
        (dataset, subject), names = next(iter(leaks.items()))
        message = (
            f"{len(leaks)} subjects stand in more than one partition; for example {subject!r} of {dataset!r} "
            f"in {' and '.join(names)}"
        )
        yield Finding(
            "subject_leak", "error", message, tuple(p.id for p in presentations if p.person in leaks)
        )
    unknown = [p.id for p in presentations if p.person is None]
    if unknown:
        message = (
            f"{len(unknown)} presentations have no subject: nobody can tell whether partitions share people"
        )
        yield Finding("subject_unknown", "warning", message, tuple(unknown))


def _classes(presentations: Sequence[Presentation]) -> Iterable[Finding]:
    undivided = [p.id for p in presentations if not p.partition]
    if 0 < len(undivided) < len(presentations):
        message = f"{len(undivided)} presentations have no partition, the others have one"
        yield Finding("undivided", "error", message, tuple(undivided))
    for name in ("", *PARTITIONS):
        labels = [p.bona_fide for p in presentations if p.partition == name]
        if not labels:
            continue
        counts = Counter(labels)
        where = f"partition {name!r}" if name else "the manifest"
        if len(counts) < 2:
            absent = "attack" if counts[True] else "bona fide"
            yield Finding("class_missing", "error", f"{where} holds no {absent} presentation")
        elif max(counts.values()) > IMBALANCE * min(counts.values()):
            message = f"{where} holds {counts[True]} bona fide and {counts[False]} attack presentations"
            yield Finding("class_imbalance", "warning", message)


def _paths(presentations: Sequence[Presentation]) -> Iterable[Finding]:
    """Find labels that the folders, below what all files share, contradict."""
    if not presentations:
        return
    paths = {p.id: [file.path.absolute().as_posix() for file in p.captures.values()] for p in presentations}
    shared = os.path.commonpath([os.path.dirname(path) for listed in paths.values() for path in listed])  # noqa: PTH120
    against = [
        p
        for p in presentations
        for path in paths[p.id][:1]
        if (says := path_meanings(path.removeprefix(f"{shared}/")))
        and says != {"bona_fide" if p.bona_fide else "attack"}
    ]
    if against:
        label = "bona fide" if against[0].bona_fide else f"an attack ({against[0].pai_species})"
        message = (
            f"{len(against)} presentations lie in folders of the other class, for example "
            f"{paths[against[0].id][0]}, which is labelled {label}"
        )
        yield Finding("label_against_path", "warning", message, tuple(p.id for p in against))


def _attributes(presentations: Sequence[Presentation]) -> Iterable[Finding]:
    """Find attribute values that give the class away: a device that only ever filmed attacks."""
    classes: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    totals: dict[str, Counter[bool]] = defaultdict(Counter)
    for p in presentations:
        for name, value in p.attributes.items():
            classes[name, value][p.bona_fide] += 1
            totals[name][p.bona_fide] += 1
    for (name, value), counts in sorted(classes.items()):
        one_sided = len(counts) == 1 and sum(counts.values()) >= _FEWEST
        if one_sided and len(totals[name]) == 2:
            label = "bona fide" if counts[True] else "attack"
            message = (
                f"{name} = {value!r} occurs only in {label} presentations ({sum(counts.values())} of them)"
            )
            yield Finding("attribute_shortcut", "warning", message)


def _terms(presentations: Sequence[Presentation], today: date) -> Iterable[Finding]:
    late = [p.id for p in presentations if p.retention_until is not None and p.retention_until < today]
    if late:
        message = f"{len(late)} presentations are past their retention date: erase them"
        yield Finding("retention_passed", "error", message, tuple(late))
    unlicensed = [p.id for p in presentations if not p.licence]
    if unlicensed:
        message = (
            f"{len(unlicensed)} presentations state no licence: a model trained on them may not be shared"
        )
        yield Finding("licence_missing", "warning", message, tuple(unlicensed))


def _separabilities(
    presentations: Sequence[Presentation], facts: Mapping[tuple[str, str], FileFacts]
) -> dict[tuple[str, str], float]:
    columns: dict[tuple[str, str], list[tuple[float, Presentation]]] = defaultdict(list)
    for p in presentations:
        for modality in p.captures:
            if (p.id, modality) in facts:
                for name, value in facts[p.id, modality].measurements.items():
                    columns[modality, name].append((value, p))
    result = {}
    for key, cells in columns.items():
        values = np.array([value for value, _ in cells], np.float64)
        labels = np.array([p.bona_fide for _, p in cells])
        accuracy = separability(values, labels, [p.person or p.id for _, p in cells])
        if accuracy is not None:
            result[key] = accuracy
    return result
