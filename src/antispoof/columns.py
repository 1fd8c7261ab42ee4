"""Which column of somebody's table is what: by name, as somebody said, or as the field writes its files."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from antispoof.errors import InputError
from antispoof.labels import meaning, plain
from antispoof.tables import plain_digits

__all__ = [
    "OF_VERDICTS",
    "Layout",
    "attributes_among",
    "parse_columns",
    "recognise",
    "tells_a_class",
    "tells_a_verdict",
]

_ALIASES = {
    "id": (
        "utt", "utt_id", "utterance", "utterance_id", "filename", "file_name", "file", "filepath",
        "file_path", "path", "image", "image_path", "image_name", "img", "img_name", "img_names", "img_path",
        "video",
        "video_path", "wav", "audio", "flac_file_name", "test_label", "sample", "sample_id", "presentation",
        "name",
    ),
    "path": (
        "path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img",
        "img_path", "video", "video_path", "wav", "audio", "flac_file_name",
    ),
    "score": (
        "scores", "cm", "cm_score", "score_cm", "pad_score", "llr", "live_score", "liveness_score",
        "liveness", "real_score", "bona_fide_score", "bonafide_score", "genuine_score", "prob_live",
        "live_prob", "prob_real", "real_prob", "p_live", "p_real", "p_bona_fide", "p_bonafide",
    ),
    "label": (
        "pai_species", "label", "labels", "class", "key", "cm_label", "cm_key", "ground_truth", "gt",
        "y_true", "truth", "is_bonafide", "is_bona_fide", "is_live", "is_real", "is_genuine", "is_attack",
        "is_spoof", "is_fake", "bonafide", "bona_fide", "live", "spoof", "genuine",
    ),
    "species": (
        "attack_type", "attack", "attack_id", "attack_label", "spoof_type", "species", "pai", "instrument",
    ),
    "subject": (
        "subject_id", "speaker", "speaker_id", "person", "person_id", "client", "client_id", "claimed_id",
    ),
}  # fmt: skip
_OF_ATTACKS = (
    "spoof_score", "fake_score", "attack_score", "spoof_prob", "prob_spoof", "fake_prob", "prob_fake",
    "prob_attack", "p_spoof", "p_fake", "p_attack",
)  # fmt: skip
_OWN = ("id", "score", "pai_species", "subject", "simulated")

OF_VERDICTS = (
    "score", "outcome", "threshold", "operating_point", "rule", "policy", "bundle", "bundle_sha256",
    "reasons", "error", "error_message", "milliseconds",
)  # fmt: skip
"""Columns in which ``antispoof score`` keeps what was judged, beside those of single sensors and bundles."""

_OF_PARTS = ("status.", "reasons.", "quality.", "raw.", "calibrated.")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of one table are to be taken.

    Attributes:
        header: names of all its columns.
        headed: whether the first row holds them.
        roles: what a column is → its index: ``id``, ``score``, ``label`` (bona fide, attack, or the kind of
            attack), ``species`` (kind of attack beside it), ``subject``, and whatever else was asked for.
        negated: lower scores mean bona fide, so that the sign has to change.
        bona_fide: the label that means bona fide, where the layout says so.
        said: what was found, in words; empty for this project's own files.
    """

    header: tuple[str, ...]
    headed: bool
    roles: Mapping[str, int]
    negated: bool = False
    bona_fide: str | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A file without names of columns that the field exchanges."""

    title: str
    columns: Sequence[str]
    fits: Callable[[Sequence[Sequence[str]]], bool]


def tells_a_verdict(name: str) -> bool:
    """Tell whether a column of a file of ``antispoof score`` says how a presentation was judged."""
    return name in OF_VERDICTS or name.startswith(_OF_PARTS)


def tells_a_class(name: str) -> bool:
    """Tell whether a column of this name holds labels, or kinds of attack."""
    return plain(name) in {"pai_species", *_ALIASES["label"], *_ALIASES["species"]}


def attributes_among(header: Sequence[str]) -> list[str]:
    """Leave out, of the columns of a file of ``antispoof score``, those that say how something was judged."""
    if "bundle_sha256" not in header:
        return list(header)
    return [name for name in header if not tells_a_verdict(name)]


def parse_columns(text: str) -> dict[str, str]:
    """Read ``id=utt,score=-cm,label=key``: what → the name of a column, or its number from 1.

    A minus before the column of the score means that lower scores are bona fide.

    Raises:
        InputError: it is not written so.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        role, equals, name = part.partition("=")
        role = "label" if plain(role) in ("pai_species", "label") else role.strip().lower()
        if not equals or not name.strip() or role in found:
            raise InputError(f"columns must be written like id=utt,score=cm,label=key, got {text!r}")
        found[role] = name.strip()
    return found


def recognise(
    head: Sequence[Sequence[str]], needed: Sequence[str], given: Mapping[str, str] = MappingProxyType({})
) -> Layout:
    """Find out which column of a table is what.

    Args:
        head: its first rows.
        needed: roles without which it cannot be used.
        given: what `parse_columns` returned: it comes before anything that is found.

    Raises:
        InputError: the table is empty, a needed column is not there, or a name is there twice.
    """
    if not head:
        raise InputError("the file is empty; the first row must name the columns")
    first = [name.strip() for name in head[0]]
    while first and not first[-1]:
        first.pop()  # delimiters at the end of the row
    if given:
        return _as_given(head, first, needed, given)
    names = [plain(name) for name in first]
    own = {("label" if name == "pai_species" else name): names.index(name) for name in _OWN if name in names}
    if {"pai_species" if role == "label" else role for role in needed} <= set(names):
        _refuse_repeated(names, first)
        also = {role: names.index(role) for role in needed if role != "label"}
        path = next((names.index(name) for name in _ALIASES["path"] if name in names), None)
        files = {"path": path} if path is not None and "score" not in needed else {}
        return Layout(tuple(first), True, files | own | also)
    found = _by_alias(names, first, needed, own)
    if found is not None:
        return found
    for known in _KNOWN:
        rows = [[cell.strip() for cell in row] for row in head]
        roles = {role: index for index, role in enumerate(known.columns)}
        without = {"id"} if "digit" in roles else set()  # such rows have no names
        if len({len(row) for row in rows}) == 1 and known.fits(rows) and set(needed) - without <= set(roles):
            unknown = [""] * (len(rows[0]) - len(known.columns))
            return Layout((*known.columns, *unknown), False, roles, said=known.title)
    raise InputError(_lacking(head, first, names, needed))


def _as_given(
    head: Sequence[Sequence[str]], first: Sequence[str], needed: Sequence[str], given: Mapping[str, str]
) -> Layout:
    names = [plain(name) for name in first]
    negated = given.get("score", "").startswith("-") and given["score"] not in first
    asked = {role: name[1:] if negated and role == "score" else name for role, name in given.items()}
    numbered = all(name.isdigit() and name not in first for name in asked.values())
    headed = not numbered or not _is_data(first, asked)
    roles: dict[str, int] = {}
    if headed:
        roles = {("label" if n == "pai_species" else n): names.index(n) for n in _OWN if n in names}
    for role, name in asked.items():
        if name in first or plain(name) in names:
            roles[role] = first.index(name) if name in first else names.index(plain(name))
        elif name.isdigit() and 1 <= int(name) <= len(first):
            roles[role] = int(name) - 1
        else:
            close = difflib.get_close_matches(name, first, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"no column {name!r} to take as {role}; the columns are {', '.join(map(repr, first))}{hint}"
            )
    if missing := [role for role in needed if role not in roles]:
        raise InputError(
            f"no column is said to be the {_called(missing[0])}; add {missing[0]}=NAME to what is said; the "
            f"columns are {', '.join(map(repr, first))}"
        )
    taken = set(roles.values())
    header = tuple(
        first if headed else (f"column {n + 1}" if n in taken else "" for n in range(len(head[0])))
    )
    said = ", ".join(f"{_called(role)} = {header[roles[role]]!r}" for role in asked)
    return Layout(header, headed, roles, negated, said=said + (", its sign changed" if negated else ""))


def _is_data(first: Sequence[str], asked: Mapping[str, str]) -> bool:
    """Tell whether a first row is no header, where columns were given by number."""
    if "score" in asked:
        cell = first[int(asked["score"]) - 1] if int(asked["score"]) <= len(first) else ""
        return _is_number(cell)
    known = {"id", *_ALIASES["id"], *_ALIASES["path"]}
    return not any(
        plain(first[int(asked[role]) - 1]) in known
        for role in ("id", "path")
        if role in asked and int(asked[role]) <= len(first)
    )


def _by_alias(
    names: Sequence[str], first: Sequence[str], needed: Sequence[str], own: Mapping[str, int]
) -> Layout | None:
    """Take columns by the names that others give them; None where those do not suffice."""
    roles = dict(own)
    for role, aliases in _ALIASES.items():
        if role not in roles and not (role == "path" and "score" in needed):
            index = next((names.index(alias) for alias in aliases if alias in names), None)
            if index is not None and index not in roles.values():
                roles[role] = index
    negated, bona_fide, title = False, None, ""
    if "score" in needed and "score" not in roles:
        if spoof := [name for name in _OF_ATTACKS if name in names]:
            roles["score"], negated = names.index(spoof[0]), True
        elif {"label", "pred"} <= set(names) and "id" in roles:
            roles["score"], negated, bona_fide = names.index("pred"), True, "0"
            title = "a table of DeepfakeBench (1 is fake, and 'pred' its probability): "
    if not set(needed) <= set(roles) or (len(roles) < 2 and "pai_species" not in names):
        return None
    _refuse_repeated(names, first)
    said = ", ".join(f"{_called(role)} = {first[index]!r}" for role, index in roles.items())
    turned = ", its sign changed, since higher means attack" if negated else ""
    return Layout(tuple(first), True, roles, negated, bona_fide, f"{title}{said}{turned}")


def _refuse_repeated(names: Sequence[str], first: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise InputError(f"column {first[index]!r} appears more than once")


def _lacking(
    head: Sequence[Sequence[str]], first: Sequence[str], names: Sequence[str], needed: Sequence[str]
) -> str:
    """Say which column is not there, what there is, and how to say which it is."""
    if needed[-1] == "label" and len(needed) > 2:
        with suppress(InputError):
            recognise(head, needed[:-1])
            return (
                "there is no column of labels ('pai_species'): give the list that has them (--protocol), "
                f"or say which it is (--columns label=NAME); the columns are {', '.join(map(repr, first))}"
            )
    there = {role for role in needed if _there(role, names)}
    role = next((role for role in needed if role not in there), needed[0])
    name = "pai_species" if role == "label" else role
    said = f"no column {name!r}; the columns are {', '.join(map(repr, first))}"
    if any(_is_number(cell) for cell in first):
        return (
            f"{said}: the first row seems to hold values and no names; say which column is what, for example "
            "--columns id=1,score=2,label=3"
        )
    close = difflib.get_close_matches(name, first, n=1, cutoff=0.5)
    hint = f"; rename {close[0]!r} to {name!r}?" if close else ""
    return f"{said}{hint} (or say which it is: --columns {role}=NAME)"


def _there(role: str, names: Sequence[str]) -> bool:
    known = ("pai_species" if role == "label" else role, *_ALIASES.get(role, ()))
    return any(name in names for name in known)


def _called(role: str) -> str:
    return {"label": "label", "species": "kind of attack"}.get(role, role)


def _is_number(cell: str) -> bool:
    if not plain_digits(cell):
        return False
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def _keys(rows: Sequence[Sequence[str]], index: int) -> bool:
    return all(plain(row[index]) in ("bonafide", "bona_fide", "spoof") for row in rows)


def _numeric(rows: Sequence[Sequence[str]], *indices: int) -> bool:
    return all(_is_number(row[i]) for row in rows for i in indices)


def _width(rows: Sequence[Sequence[str]]) -> int:
    return len(rows[0])


_KNOWN = (
    _Known(
        "ASVspoof countermeasure scores (file, attack, key, score)",
        ("id", "species", "label", "score"),
        lambda rows: _width(rows) == 4 and _keys(rows, 2) and _numeric(rows, 3),
    ),
    _Known(
        "an ASVspoof 2019 protocol (speaker, file, environment, attack, key)",
        ("subject", "id", "environment", "species", "label"),
        lambda rows: _width(rows) == 5 and _keys(rows, 4),
    ),
    _Known(
        "an ASVspoof 5 protocol (speaker, file, sex, codec, quality, seed, tag, attack, key)",
        ("subject", "id", "sex", "codec", "codec_quality", "codec_seed", "attack_tag", "species", "label"),
        lambda rows: _width(rows) == 10 and _keys(rows, 8),
    ),
    _Known(
        "an ASVspoof 2021 key file (speaker, file, codec, source, attack, key, trim, subset)",
        ("subject", "id", "codec", "source", "species", "label", "trim", "subset"),
        lambda rows: _width(rows) >= 8 and _keys(rows, 5),
    ),
    _Known(
        "verification scores of ASVspoof (attack, trial, score)",
        ("attack", "trial", "score"),
        lambda rows: (
            _width(rows) == 3
            and all(plain(row[1]) in ("target", "nontarget", "spoof") for row in rows)
            and _numeric(rows, 2)
        ),
    ),
    _Known(
        "a LivDet-Iris table (digit, score, label)",
        ("digit", "score", "label"),
        lambda rows: (
            _width(rows) == 3
            and _numeric(rows, 0, 1)
            and all(float(row[0]) in (0, 1) for row in rows)
            and all(meaning(row[2]) in ("bona_fide", "attack", "kind") for row in rows)
        ),
    ),
    _Known(
        "bob's five columns (claimed, model, real, file, score)",
        ("claimed", "model", "label", "id", "score"),
        lambda rows: _width(rows) == 5 and _numeric(rows, 4),
    ),
    _Known(
        "bob's four columns (claimed, real, file, score)",
        ("claimed", "label", "id", "score"),
        lambda rows: _width(rows) == 4 and _numeric(rows, 3),
    ),
    _Known(
        "a file and its score in each row",
        ("id", "score"),
        lambda rows: _width(rows) == 2 and _numeric(rows, 1) and not _numeric(rows, 0),
    ),
)
