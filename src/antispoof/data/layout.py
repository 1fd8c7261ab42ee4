"""What a published dataset is, and the few ways of reading one: walk a folder layout, read protocol lists."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from antispoof.data.presentation import PARTITIONS, CaptureFile, EvaluationProtocol, Presentation
from antispoof.errors import InputError, UnknownNameError
from antispoof.labels import is_listed_bona_fide, meaning, path_meanings
from antispoof.registry import Registry

__all__ = ["Dataset", "Root", "dataset", "datasets", "load_dataset"]

Counts = Mapping[str, tuple[int, int] | int]
"""Partition → (bona fide, attack), or the sum of both where only that is published."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published dataset: how it lies on the disk, its official protocols, and its terms.

    Attributes:
        name: registered name, also the ``dataset`` of its presentations.
        title: what the field calls it.
        modalities: the sensors it has.
        protocols: name → what it asks; the first is the default.
        licence: the terms, in short.
        ask: where to ask for it.
        reference: the publication.
        example: relative path → content of a miniature of the layout; media files have no content.
        read: yields the presentations of a protocol, partition set.
        counts: protocol → what the publication states.
        shared_subjects: why partitions may share people; empty where they do not.
        bona_fide_digit: what the published lists write for bona fide, where they write a digit.
        notes: what is not certain about the layout, or has to be known to use it.
    """

    name: str
    title: str
    modalities: tuple[str, ...]
    protocols: Mapping[str, str]
    licence: str
    ask: str
    reference: str
    example: Mapping[str, str]
    read: Callable[[Root, str], Iterator[Presentation]]
    counts: Mapping[str, Counts] = field(default_factory=dict)
    shared_subjects: str = ""
    bona_fide_digit: str = ""
    notes: str = ""


datasets: Registry[Dataset] = Registry("dataset", "antispoof.data.datasets")


def dataset(
    name: str,
    *,
    title: str,
    modalities: tuple[str, ...],
    protocols: Mapping[str, str],
    licence: str,
    ask: str,
    reference: str,
    example: Mapping[str, str],
    counts: Mapping[str, Counts] | None = None,
    shared_subjects: str = "",
    bona_fide_digit: str = "",
    notes: str = "",
) -> Callable[[Callable[[Root, str], Iterator[Presentation]]], Dataset]:
    """Turn a function (root, protocol) → presentations into a registered `Dataset`."""

    def wrap(read: Callable[[Root, str], Iterator[Presentation]]) -> Dataset:
        thing = Dataset(
            name=name,
            title=title,
            modalities=modalities,
            protocols=protocols,
            licence=licence,
            ask=ask,
            reference=reference,
            example=example,
            read=read,
            counts=counts or {},
            shared_subjects=shared_subjects,
            bona_fide_digit=bona_fide_digit,
            notes=notes,
        )
        return datasets.register(name)(thing)

    return wrap


class Root:
    """The folder in which somebody says a dataset lies.

    Args:
        path: the folder.
        like: relative paths that such a folder holds, shown when it holds none of them.
        name: the dataset's name.
        licence: the terms of its files.
    """

    def __init__(self, path: Path, like: tuple[str, ...], name: str, licence: str) -> None:
        """Refuse a path that is no folder."""
        if not path.is_dir():
            raise InputError(f"{name}: {path} is not a folder")
        self.path = path
        self.name = name
        self.licence = licence
        self._like = like
        self._files: list[str] | None = None
        self._digits: dict[tuple[str, bool | None], list[str]] = {}

    def files(self) -> list[str]:
        """Return every file below the root, as a sorted list of relative paths with forward slashes."""
        if self._files is None:
            found = []
            for folder, _, names in os.walk(self.path, followlinks=True):
                inside = PurePosixPath(Path(folder).relative_to(self.path).as_posix())
                found += [(inside / name).as_posix() for name in names]
            self._files = sorted(found)
        return self._files

    def matches(self, pattern: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield (relative path, named groups) of every file that the whole of ``pattern`` matches."""
        expression = re.compile(pattern)
        none = True
        for name in self.files():
            if match := expression.fullmatch(name):
                none = False
                yield name, {key: value or "" for key, value in match.groupdict().items()}
        if none:
            raise self.wrong()

    def lines(self, *candidates: str) -> Iterator[str]:
        """Yield the lines, stripped and not empty, of the first text file that exists, or raise."""
        for name in candidates:
            if (self.path / name).is_file():
                text = (self.path / name).read_text(encoding="utf-8", errors="replace")
                yield from (line.strip() for line in text.splitlines() if line.strip())
                return
        raise self.wrong(" or ".join(candidates))

    def find(self, pattern: str) -> list[str]:
        """Return the relative paths that match somewhere in the tree; raise when there is none."""
        found = [name for name in self.files() if re.search(pattern, name)]
        if not found:
            raise self.wrong(pattern)
        return found

    def listed(self, key: str, line: str) -> bool:
        """Read the class that a list gives in words, True for bona fide; ``line`` is for the message."""
        return is_listed_bona_fide(key, f"{self.name}, in {line!r}")

    def attack(self, kind: str, *, genuine: bool, line: str) -> str | None:
        """Read the kind of attack that stands beside a class; None for bona fide.

        Raises:
            InputError: a bona fide row names a kind of attack, or an attack none; the message has ``line``.
        """
        named = meaning(kind) in ("kind", "attack")
        if named == genuine:
            what = (
                f"bona fide, and of the attack {kind!r}"
                if genuine
                else f"an attack, and of no kind ({kind!r})"
            )
            raise InputError(f"{self.name}: {line!r} is {what}")
        return None if genuine else kind.lower()

    def by_digit(self, digit: str, genuine: bool | None, published: str, path: str) -> bool:
        """Read the class of a file whose list gives it as a digit: True for bona fide.

        Releases differ in what the digits mean, so the path decides where it says something, and the digits
        have to agree with the paths throughout, one way or the other (`digits_agree`).

        Args:
            digit: as listed.
            genuine: what the path says; None where it does not.
            published: the digit that means bona fide where the path does not say.
            path: of the file.
        """
        self._digits.setdefault((digit, genuine), []).append(path)
        return digit == published if genuine is None else genuine

    def digits_agree(self, published: str) -> str:
        """Return what has to be said of the digits that were read; empty where they are as published.

        Raises:
            InputError: one digit stands beside paths of both classes, or nobody knows what it means.
        """
        classes: dict[str, set[bool]] = {}
        for digit, genuine in self._digits:
            if genuine is not None:
                classes.setdefault(digit, set()).add(genuine)
        mixed = len({frozenset(found) for found in classes.values()}) < len(classes)
        if mixed or any(len(found) > 1 for found in classes.values()):
            counts = ", ".join(
                f"{digit!r} for {len(paths):,} that are {'bona fide' if genuine else 'attacks'} by their "
                f"path ({paths[0]})"
                for (digit, genuine), paths in self._digits.items()
                if genuine is not None
            )
            raise InputError(f"{self.name}: the digits of the lists contradict the paths: {counts}")
        odd = [digit for digit, _ in self._digits if digit not in ("0", "1")]
        if odd:
            raise InputError(f"{self.name}: {odd[0]!r} in a list is neither 0 nor 1")
        if all((digit == published) in found for digit, found in classes.items()):
            return ""
        if silent := [paths[0] for (_, genuine), paths in self._digits.items() if genuine is None]:
            raise InputError(
                f"{self.name}: the digits of the lists mean the opposite of what was published, by the paths "
                f"that say so, and nothing tells what {silent[0]!r} is"
            )
        return (
            f"in these lists {published} means attack, by the paths, where the published ones say bona fide: "
            "labels are those of the paths."
        )

    def wrong(self, missing: str = "") -> InputError:
        """Return the error for a root that is not laid out as published."""
        names = sorted(p.name + "/" * p.is_dir() for p in self.path.iterdir())
        found = ", ".join(names[:10]) + (", …" if len(names) > 10 else "") if names else "an empty folder"
        what = f" (no {missing})" if missing else ""
        return InputError(
            f"{self.path} is not laid out like {self.name}{what}\n  expected, for example: "
            + "\n                         ".join(self._like[:4])
            + f"\n  found: {found}"
        )

    def row(
        self,
        partition: str,
        captures: Mapping[str, str],
        species: str | None,
        *,
        subject: str = "",
        session: str = "",
        identifier: str = "",
        **attributes: str,
    ) -> Presentation:
        """Make a presentation of relative paths; the first one, without suffix, is the default id."""
        first = next(iter(captures.values()))
        return Presentation(
            id=f"{self.name}/{identifier or first.rsplit('.', 1)[0]}",
            dataset=self.name,
            captures={name: CaptureFile(self.path / path) for name, path in captures.items()},
            pai_species=species,
            subject=subject,
            session=session,
            partition=partition,
            attributes={key: value for key, value in attributes.items() if value},
            licence=self.licence,
        )


def load_dataset(
    name: str, root: str | Path, protocol: str = "", *, partial: bool = False
) -> EvaluationProtocol:
    """Read an official protocol of a published dataset from where it lies.

    Args:
        name: a registered dataset; ``antispoof datasets`` lists them.
        root: the folder that holds it, laid out as published.
        protocol: one of the dataset's; empty means its first.
        partial: the copy is known to be incomplete: files that are not there are left out, and the counts
            that the publication states are not held against it.

    Raises:
        UnknownNameError: no such dataset or protocol; the message lists what exists.
        InputError: the root is not laid out as expected, files are missing, or the counts differ from those
            that the publication states; the message shows what was expected and what was found.
    """
    thing = datasets[name]
    protocol = protocol or next(iter(thing.protocols))
    if protocol not in thing.protocols:
        raise UnknownNameError(f"protocol of {name}", protocol, thing.protocols)
    media = tuple(path for path, content in thing.example.items() if not content)
    texts = tuple(path for path, content in thing.example.items() if content)
    source = Root(Path(root), (*texts[:2], *media), name, thing.licence)
    rows = list(thing.read(source, protocol))
    if not rows:
        raise source.wrong()
    _check_paths(source, rows)
    said = source.digits_agree(thing.bona_fide_digit) if thing.bona_fide_digit else ""
    absent = [p for p in rows if not all(file.path.exists() for file in p.captures.values())]
    if absent and not partial:
        some = ", ".join(str(next(iter(p.captures.values())).path) for p in absent[:3])
        raise InputError(
            f"{name}: {len(absent)} of {len(rows)} presentations that protocol {protocol!r} lists have no "
            f"file, for example {some}. If the copy is known to be incomplete, ask for a partial one "
            "(--partial)."
        )
    if absent:
        gone = {p.id for p in absent}
        rows = [p for p in rows if p.id not in gone]
        if not rows:
            raise source.wrong("file that the lists name")
    notes = f"{said} {thing.notes}".strip()
    if not partial:
        _check_counts(thing, protocol, rows)
    else:
        notes = f"partial copy: {len(absent)} listed presentations were not there. {notes}".strip()
    return EvaluationProtocol.from_presentations(
        f"{name}/{protocol}", rows, shared_subjects=thing.shared_subjects, notes=notes
    )


def _check_paths(source: Root, rows: list[Presentation]) -> None:
    """Refuse labels that the folders of their files contradict: one of the two is wrong."""
    against = []
    above = f"{source.path.as_posix()}/"
    for p in rows:
        for file in p.captures.values():
            says = path_meanings(file.path.as_posix().removeprefix(above))
            if says and says != {"bona_fide" if p.bona_fide else "attack"}:
                against.append((file.path, p))
                break
    if against:
        path, p = against[0]
        label = "bona fide" if p.bona_fide else f"an attack ({p.pai_species})"
        raise InputError(
            f"{source.name}: the labels of {len(against):,} of {len(rows):,} presentations contradict their "
            f"paths, for example {path}, which is {label} by the lists or its name. Labels of a collection "
            "that contradicts itself are not taken: compare the lists with the folders"
        )


def _check_counts(thing: Dataset, protocol: str, rows: list[Presentation]) -> None:
    published = thing.counts.get(protocol, {})
    found = Counter((p.partition, p.bona_fide) for p in rows)
    wrong = []
    for partition in PARTITIONS:
        if partition not in published:
            continue
        expected = published[partition]
        here = (found[partition, True], found[partition, False])
        if isinstance(expected, int):
            if sum(here) != expected:
                wrong.append(f"{partition}: expected {expected} presentations, found {sum(here)}")
        elif here != expected:
            wrong.append(
                f"{partition}: expected {expected[0]} bona fide and {expected[1]} attack presentations, "
                f"found {here[0]} and {here[1]}"
            )
    if wrong:
        raise InputError(
            f"{thing.name}, protocol {protocol!r}, does not hold what {thing.reference} states\n  "
            + "\n  ".join(wrong)
            + "\n  If the copy is known to be incomplete, ask for a partial one (--partial)."
        )
