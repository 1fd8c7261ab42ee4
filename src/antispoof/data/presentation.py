"""What was presented, by whom, to which sensors; and how presentations are divided for an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from antispoof.errors import InputError
from antispoof.labels import meaning, plain
from antispoof.sensing.capture import Recording

__all__ = [
    "PARTITIONS",
    "CaptureFile",
    "EvaluationProtocol",
    "Presentation",
    "one_spelling",
    "partition_of",
    "with_units",
]

PARTITIONS = ("train", "dev", "test")
"""What the partitions of a protocol are called."""

_PARTITION_WORDS = {
    "train": "train", "training": "train",
    "dev": "dev", "devel": "dev", "development": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def partition_of(word: str) -> str | None:
    """Return the partition that a word of somebody else's means, such as ``Validation``; None if none."""
    return _PARTITION_WORDS.get(plain(word))


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """Where one sensor's recording lies.

    Attributes:
        path: an image, video, audio or array file.
        frames: half-open range (first, stop) of the frames that belong to the presentation; None means all.
        unit: what the numbers in the file mean, in the words of the modality (``"0.1 mm"``); empty where the
            file, or the usual unit, tells.
        mask: a picture of the same extent, white where skin is seen as it is and black where an instrument or
            a forgery is; None where nobody drew one.
    """

    path: Path
    frames: tuple[int, int] | None = None
    unit: str = ""
    mask: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a range that holds no frame."""
        if self.frames is not None and not 0 <= self.frames[0] < self.frames[1]:
            raise InputError(
                f"frames must be 'first:stop' with 0 <= first < stop, got {self.frames} for {self.path}"
            )

    @property
    def recording(self) -> Recording:
        """What a modality loads."""
        return Recording(self.path, self.unit, self.frames)


@dataclass(frozen=True, slots=True)
class Presentation:
    """One presentation of a biometric characteristic, or of an attack instrument, to one or more sensors.

    Attributes:
        id: unique within a manifest.
        dataset: where it comes from.
        captures: modality name → file. A sensor that is not there has no key.
        pai_species: the kind of attack instrument; None if and only if the presentation is bona fide.
        subject: whose characteristic it is (the person imitated, for an attack), unique within the dataset;
            empty when unknown.
        session: the recording session; empty when unknown.
        partition: ``train``, ``dev``, ``test``, or empty when not divided yet.
        attributes: what else is known, such as ``capture_device``, ``lighting``, ``age_band``, ``sex``.
        licence: under which terms the files may be used; empty when unknown.
        consent_basis: why the person's data may be processed, for example ``"informed consent"``.
        retention_until: the last day on which the files may be kept; None when nothing was agreed.
        simulated: whether a program, and no sensor, made the files.
    """

    id: str
    dataset: str
    captures: Mapping[str, CaptureFile]
    pai_species: str | None = None
    subject: str = ""
    session: str = ""
    partition: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    consent_basis: str = ""
    retention_until: date | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        """Refuse a presentation that no manifest could hold."""
        if not self.id or not self.dataset:
            raise InputError(
                f"id and dataset must not be empty, got id={self.id!r}, dataset={self.dataset!r}"
            )
        if not self.captures:
            raise InputError(f"presentation {self.id!r} has no capture: name at least one file")
        if self.partition not in ("", *PARTITIONS):
            raise InputError(
                f"partition must be train, dev, test or empty, got {self.partition!r} for {self.id!r}"
            )
        if self.pai_species is not None and meaning(self.pai_species) not in ("kind", "attack"):
            raise InputError(
                f"pai_species must be None for bona fide, or name a kind of attack, got {self.pai_species!r} "
                f"for {self.id!r}"
            )

    @property
    def bona_fide(self) -> bool:
        """True when no attack instrument was presented."""
        return self.pai_species is None

    @property
    def person(self) -> tuple[str, str] | None:
        """The pair (dataset, subject) that identifies the person, or None when the subject is unknown."""
        return (self.dataset, self.subject) if self.subject else None


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """Presentations divided into those that teach, those that set thresholds, and those that judge.

    Attributes:
        name: for example ``"oulu_npu/1"``.
        train: what a network is trained on.
        dev: what thresholds and calibration are fitted on; empty where the protocol has none.
        test: what nothing is fitted on.
        shared_subjects: why a subject may stand in several partitions; empty means that none may.
        notes: what a reader of the results has to know.

    Raises:
        InputError: an id occurs twice, or a subject stands in two partitions without ``shared_subjects``.
    """

    name: str
    train: tuple[Presentation, ...]
    dev: tuple[Presentation, ...]
    test: tuple[Presentation, ...]
    shared_subjects: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        """Hold the promise that partitions are disjoint."""
        ids = Counter(p.id for p in (*self.train, *self.dev, *self.test))
        twice = [name for name, count in ids.items() if count > 1]
        if twice:
            raise InputError(
                f"protocol {self.name!r} holds {len(twice)} ids more than once, the first is {twice[0]!r}"
            )
        leaks = {} if self.shared_subjects else leaking_subjects({n: getattr(self, n) for n in PARTITIONS})
        if leaks:
            (dataset, subject), partitions = next(iter(leaks.items()))
            raise InputError(
                f"protocol {self.name!r} has {len(leaks)} subjects in more than one partition; the first "
                f"is {subject!r} of {dataset!r}, in {' and '.join(partitions)}."
                " Split by subject, or declare why in shared_subjects."
            )

    @property
    def simulated(self) -> bool:
        """True when any presentation was made by a program: figures then have to say so."""
        return any(p.simulated for p in (*self.train, *self.dev, *self.test))

    @classmethod
    def from_presentations(
        cls, name: str, presentations: Iterable[Presentation], *, shared_subjects: str = "", notes: str = ""
    ) -> EvaluationProtocol:
        """Divide presentations by their ``partition``; those without one are refused."""
        parts: dict[str, list[Presentation]] = {partition: [] for partition in PARTITIONS}
        for p in presentations:
            if not p.partition:
                raise InputError(f"presentation {p.id!r} has no partition: run 'antispoof data split' first")
            parts[p.partition].append(p)
        train, dev, test = (tuple(parts[partition]) for partition in PARTITIONS)
        return cls(name, train, dev, test, shared_subjects, notes)


def one_spelling(presentations: Iterable[Presentation]) -> list[Presentation]:
    """Write each kind of attack as it is first written, where others differ in case, blanks or hyphens."""
    first: dict[str, str] = {}
    joined = []
    for p in presentations:
        species = first.setdefault(plain(p.pai_species), p.pai_species) if p.pai_species else None
        joined.append(p if species == p.pai_species else replace(p, pai_species=species))
    return joined


def with_units(presentations: Iterable[Presentation], units: Mapping[str, str]) -> tuple[Presentation, ...]:
    """Return presentations whose files of a modality have the unit that is stated for it.

    Args:
        presentations: what they are.
        units: modality → unit; files of other modalities keep theirs.
    """

    def stated(captures: Mapping[str, CaptureFile]) -> dict[str, CaptureFile]:
        return {name: replace(file, unit=units.get(name, file.unit)) for name, file in captures.items()}

    return tuple(replace(p, captures=stated(p.captures)) for p in presentations)


def leaking_subjects(
    partitions: Mapping[str, Iterable[Presentation]],
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the persons who stand in more than one partition, with the names of those partitions."""
    where: dict[tuple[str, str], list[str]] = {}
    for name, presentations in partitions.items():
        for p in presentations:
            if p.person is not None and name not in where.setdefault(p.person, []):
                where[p.person].append(name)
    return {person: tuple(names) for person, names in where.items() if len(names) > 1}
