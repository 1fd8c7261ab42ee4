"""From the columns of a score file to kinds of attack: labels, keys beside kinds, protocols of the field."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from antispoof.errors import InputError
from antispoof.evaluation.score_columns import ScoreColumns, key_of
from antispoof.evaluation.score_files import read_columns
from antispoof.evaluation.text import Labels
from antispoof.labels import class_beside, meaning, plain, read_labels

__all__ = ["join_protocol", "species_of", "without_bona_fide"]

_SUBSETS = ("eval", "progress", "hidden")
_NO_KIND = re.compile(r"[a-z]?0+")  # A00 stands beside bona fide
_NON_RESPONSE = -1.0  # as the LivDet-Iris competitions write it


def species_of(columns: ScoreColumns, bona_fide: str | None) -> Labels:
    """Take the labels out of the columns of a score file, and read them.

    Args:
        columns: what the file holds; cautions about the labels are added.
        bona_fide: the label that means bona fide, where somebody said so.

    Returns:
        Kinds of attack (N,); no label means bona fide.

    Raises:
        InputError: labels that are missing, ambiguous or contradict each other; the message gives the counts.
    """
    layout, labels = columns.layout, columns.labels
    said = layout.bona_fide if bona_fide is None else bona_fide
    raw = labels.pop(key_of("label"))
    if key_of("claimed") in labels:
        labels["subject"] = labels.pop(key_of("claimed"))
        return _by_identity(labels["subject"], labels.pop(key_of("model"), None), raw)
    if key_of("digit") in labels:
        _turn_by_digit(columns, labels.pop(key_of("digit")), raw)
    column = layout.header[layout.roles["label"]]
    kinds = labels.pop(key_of("species"), None)
    if kinds is not None:
        read = _with_kinds(raw, kinds, column, said)
    else:
        read, cautions = without_bona_fide(raw, column, said)
        columns.cautions += cautions
    _refuse_contradictions(read, column, labels)
    return read


def _refuse_contradictions(read: Labels, column: str, others: Mapping[str, Labels]) -> None:
    """Refuse labels that another column of the file contradicts."""
    genuine = read.codes < 0
    for name, other in others.items():
        if classes := class_beside(name, other.names):
            says = np.asarray([*(classes.get(word, -1) for word in other.names), -1], np.int8)[other.codes]
            too_many, too_few = int((genuine & (says == 0)).sum()), int((~genuine & (says == 1)).sum())
            if too_many or too_few:
                raise InputError(
                    f"{too_many + too_few:,} of {len(read):,} rows contradict themselves: {name} says attack "
                    f"of {too_many:,} that are bona fide by {column}, and bona fide of {too_few:,} that are "
                    f"attacks by it. Say which column holds the labels: --columns label={name}"
                )


def without_bona_fide(
    raw: Labels, column: str = "pai_species", bona_fide: str | None = None
) -> tuple[Labels, list[str]]:
    """Return the kinds of attack alone, and what has to be said of it: bona fide becomes no label.

    Rows without a label are bona fide where no row says that it is, which files of attacks do, and are
    refused where one does.
    """
    counts = raw.counts()
    empty = counts.pop("", 0)
    if empty and bona_fide is not None and not plain(bona_fide):
        counts, empty = counts | {"": empty}, 0
    names = read_labels(counts, column=column, bona_fide=bona_fide) if counts else {}
    cautions = []
    if empty and None in names.values():
        genuine = sum(counts[word] for word, name in names.items() if name is None)
        raise InputError(
            f"{column} is empty in {empty:,} of {len(raw):,} rows, while {genuine:,} say that they are bona "
            "fide: nobody knows what the empty ones are. Write 'bona_fide', or the kind of attack"
        )
    if empty:
        cautions.append(
            f"{empty:,} of {len(raw):,} rows have an empty label ({column}) and were taken as bona fide, "
            "since no row says that it is: write 'bona_fide'."
        )
    vocabulary: dict[str, int] = {}
    codes = [-1] * len(raw.names)
    for code, word in enumerate(raw.names):
        name = names.get(word)
        if name is not None:
            codes[code] = vocabulary.setdefault(name, len(vocabulary))
    number: Any = np.asarray([*codes, -1], raw.codes.dtype)
    return Labels(number[raw.codes], tuple(vocabulary)), cautions


def _with_kinds(raw: Labels, kinds: Labels, column: str, bona_fide: str | None) -> Labels:
    """Read a column that tells the class beside one that tells the kind of attack."""
    classes = read_labels(raw.counts(), column=column, bona_fide=bona_fide)
    width = len(kinds.names) + 1
    pairs, row_of = np.unique((raw.codes.astype(np.int64) + 1) * width + kinds.codes + 1, return_inverse=True)
    counts = np.bincount(row_of).tolist()
    vocabulary: dict[str, int] = {}
    spellings: dict[str, str] = {}
    codes = []
    against: Counter[tuple[str, str]] = Counter()
    for pair, count in zip(pairs.tolist(), counts, strict=True):
        label, kind = (["", *raw.names][pair // width], ["", *kinds.names][pair % width])
        says = "nothing" if _NO_KIND.fullmatch(plain(kind)) else meaning(kind)
        if (classes[label] is None) != (says in ("nothing", "bona_fide")) and says not in (
            "number",
            "nothing",
        ):
            against[label, kind] += count
            continue
        name = classes[label]
        if name is not None:
            if says == "number":
                name = f"attack_{plain(kind)}"
            elif says != "nothing":
                name = spellings.setdefault(plain(kind), kind.strip())
            codes.append(vocabulary.setdefault(name, len(vocabulary)))
        else:
            codes.append(-1)
    if against:
        (label, kind), count = against.most_common(1)[0]
        raise InputError(
            f"{sum(against.values()):,} of {len(raw):,} rows contradict themselves: {count:,} say {label!r} "
            f"in {column} and {kind!r} as the kind of attack"
        )
    return Labels(np.asarray(codes, np.int32)[row_of], tuple(vocabulary))


def _by_identity(claimed: Labels, model: Labels | None, real: Labels) -> Labels:
    """Read bob's columns: bona fide where the real identity is the claimed one, else it names the attack."""
    pairs = list(zip(claimed.decode(), real.decode(), strict=True))
    people = set(claimed.names) | set(model.names if model is not None else ())
    strangers = sum(mine != other and other in people for mine, other in pairs)
    if strangers:
        raise InputError(
            f"{strangers:,} of {len(pairs):,} rows compare one person with another: these are scores of a "
            "verification system, without labels of attacks; give them as --asv, as columns score and trial"
        )
    named: dict[str, str] = {}
    species = [
        None if mine == other else named.setdefault(plain(kind := _kind(other)), kind)
        for mine, other in pairs
    ]
    return Labels.encode(species)


def _kind(identity: str) -> str:
    head, _, tail = identity.partition("/")
    return tail if tail and meaning(head) == "attack" else identity


def _turn_by_digit(columns: ScoreColumns, digit: Labels, raw: Labels) -> None:
    """Make higher scores bona fide where the score is the chance of a digit that the attacks have."""
    word = np.asarray([meaning(name) == "bona_fide" for name in raw.names])
    one = np.asarray([float(name) == 1 for name in digit.names])[digit.codes]
    genuine = word[raw.codes]
    if not ((one == genuine).all() or (one != genuine).all()):
        raise InputError(
            f"the digits contradict the labels: {int((one & genuine).sum()):,} rows of digit 1 and "
            f"{int((~one & genuine).sum()):,} of digit 0 are labelled bona fide"
        )
    assert columns.scores is not None
    silent = columns.scores == _NON_RESPONSE
    if silent.any():
        columns.scores[silent] = np.nan
        columns.cautions.append(f"{int(silent.sum()):,} scores of -1 were taken as non-responses.")
    if (one != genuine).all():
        np.negative(columns.scores, out=columns.scores)
        columns.cautions.append("Scores are the chance of digit 1, an attack: their sign was changed.")


def join_protocol(columns: ScoreColumns, protocols: Sequence[Path], given: Mapping[str, str]) -> ScoreColumns:
    """Take the labels of scored presentations from a list of their own, by id.

    Scores of ASVspoof 2021 are kept where the list puts them into the subset ``eval``, as the published
    figures are; other trials that have no score are counted and left out.

    Args:
        columns: ids and scores.
        protocols: the lists; the first that names one of the presentations is taken.
        given: which of its columns is what, where somebody said so.

    Raises:
        InputError: a scored presentation is not in the list, or an id is in it twice.
    """
    assert columns.ids is not None
    scored = columns.ids.tolist()
    for protocol in protocols:
        listed = read_columns(protocol, ("id", "label"), given)
        assert listed.ids is not None
        if twice := listed.ids.repeated():
            raise InputError(f"{protocol}: id {listed.ids[twice[0]]!r} appears more than once")
        known = listed.ids.tolist()
        row_of = {name: row for row, name in enumerate(known)}
        if any(name in row_of for name in scored):
            break
        row_of = {_stem(name): row for row, name in enumerate(known)}
        if any(_stem(name) in row_of for name in scored):  # one writes LA_E_1, the other flac/LA_E_1.flac
            scored = [_stem(name) for name in scored]
            break
    unknown = [name for name in scored if name not in row_of]
    if unknown:
        raise InputError(
            f"{len(unknown):,} of {len(scored):,} scored presentations are not in {protocol}, the first is "
            f"{unknown[0]!r}"
        )
    rows = np.asarray([row_of[name] for name in scored], np.intp)
    labels = {name: column.take(rows) for name, column in listed.labels.items()}
    keep = np.ones(len(rows), np.bool_)
    cautions = [*columns.cautions, *listed.cautions]
    subset = labels.get("subset")
    if subset is not None and set(subset.names) <= set(_SUBSETS) and "eval" in subset.counts():
        keep = subset.codes == subset.names.index("eval")
        if left := {name: count for name, count in subset.counts().items() if name != "eval"}:
            said = ", ".join(f"{count:,} of {name}" for name, count in left.items())
            cautions.append(f"Trials of the subset eval are judged, as published; left out: {said}.")
        wanted = sum(1 for name in listed.labels["subset"].decode() if name == "eval")
    else:
        wanted = len(known)
    if (silent := wanted - int(keep.sum())) > 0:
        cautions.append(
            f"{silent:,} of {wanted:,} presentations in {protocol.name} have no score and were left out: if "
            "the system gave no response, list them with an empty score."
        )
    return ScoreColumns(
        listed.layout,
        columns.ids[keep],
        None if columns.scores is None else columns.scores[keep],
        {name: column.take(keep) for name, column in (columns.labels | labels).items()},
        cautions,
    )


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem
