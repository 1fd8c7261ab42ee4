"""One vocabulary for labels: what counts as bona fide, as a kind of attack, or as no answer.

Whatever reads labels asks here: manifests, score files, protocol lists, importers. Case, blanks, hyphens
and underscores do not matter; a word that means one thing in one collection and its opposite in the next
is refused until somebody says which.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from antispoof.errors import InputError

__all__ = [
    "BONA_FIDE",
    "Meaning",
    "class_beside",
    "counted",
    "folder_meaning",
    "is_listed_bona_fide",
    "meaning",
    "meaning_under",
    "path_meanings",
    "plain",
    "read_labels",
    "sided",
    "truth",
]

BONA_FIDE = "bona_fide"
"""How a bona fide presentation is written."""

Meaning = Literal["bona_fide", "attack", "kind", "number", "ambiguous", "nothing"]
"""Bona fide; an attack of no stated kind; the name of a kind; a bare number; both ways; no answer at all."""

_BONA_FIDE = frozenset({
    "bona_fide", "bonafide", "live", "alive", "living", "liveness", "real", "genuine", "authentic", "human",
    "target", "client", "original", "pristine", "legitimate", "legit", "non_attack", "no_attack",
    "not_attack", "non_spoof",
    "nonspoof", "not_spoof", "no_spoof", "non_spoofed", "not_spoofed", "unspoofed", "non_fake",
    "not_fake", "nonfake",
})  # fmt: skip
_ATTACK = frozenset({
    "attack", "attacks", "attacker", "spoof", "spoofs", "spoofed", "spoofing", "fake", "fakes", "faked",
    "forged", "forgery", "fraud", "presentation_attack", "presentation_attacks", "pa", "impostor", "imposter",
    "non_live", "nonlive", "not_live", "not_alive", "non_real", "nonreal", "not_real", "unreal",
    "non_genuine", "not_genuine", "non_bona_fide", "not_bona_fide", "non_bonafide", "not_bonafide",
    "nonbonafide", "not_human", "non_human",
})  # fmt: skip
_NOTHING = frozenset({
    "", "nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nil", "?", "unknown", "unlabelled",
    "unlabeled", "not_labelled", "not_labeled", "no_label", "missing", "undefined", "tbd", "todo",
})  # fmt: skip
_AMBIGUOUS = frozenset({
    "true", "false", "yes", "no", "y", "n", "t", "f", "positive", "negative", "pos", "neg", "normal",
    "abnormal", "accept", "accepted", "reject", "rejected", "pass", "passed", "fail", "failed",
    "b", "g", "l", "r", "s", "a", "h", "p",
})  # fmt: skip
# What may stand beside a class word without naming a kind: "real_part", "live face", "genuine user 2".
_FILLERS = frozenset({
    "part", "face", "faces", "person", "people", "user", "users", "subject", "speaker", "client", "human",
    "sample", "samples", "presentation", "presentations", "access", "accesses", "class", "label", "data",
    "set", "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "frame", "frames",
    "video", "videos", "clip", "clips", "audio", "speech", "voice", "sound", "recording", "recordings",
    "wav", "wavs", "finger", "fingers", "fingerprint", "iris", "eye", "eyes", "train", "dev", "test",
})  # fmt: skip
# What nothing but an instrument or a method of attack is called, as a whole cell or as a word of it.
_INSTRUMENTS = frozenset({
    "print", "prints", "printed", "printout", "replay", "replays", "replayed", "mask", "masks", "cutout",
    "deepfake", "deepfakes", "faceswap", "morph", "morphed", "morphing", "mannequin", "prosthetic", "tts",
    "vocoder", "latex", "silicone", "gelatin", "gelatine", "ecoflex",
})  # fmt: skip
_MARKS = frozenset({"x", "+", "*", "\u2713", "\u2714", "ok"})
_SPELT = ("bona_fide", "bonafide", "genuine", "authentic")
# Words that label a row well, and name folders of anything.
_NOT_OF_FOLDERS = frozenset({"target", "client", "original", "human", "living", "pa", "liveness", "attacker"})
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?")
_TRUTH = {
    "0": False, "false": False, "no": False, "n": False, "f": False,
    "1": True, "true": True, "yes": True, "y": True, "t": True,
}  # fmt: skip
_STATED = re.compile(r"(?:is_)?(?P<word>\w+?)(?:_(?:label|flag))?")
_CLASS_COLUMNS = frozenset({
    "pai_species", "label", "labels", "class", "key", "cm_label", "cm_key", "ground_truth", "gt", "truth",
})  # fmt: skip
_SHOWN = 6


@lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """Return a word without what spellings differ in: case, blanks, hyphens, invisible characters."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", word) if unicodedata.category(c) != "Cf")
    bare = visible.strip().strip("'\"`").casefold().strip()
    return re.sub(r"[\s_-]+", "_", bare).strip("_")


@lru_cache(maxsize=4096)
def meaning(word: str) -> Meaning:
    """Tell what one label means, taken alone."""
    name = plain(word)
    if name in _NOTHING:
        return "nothing"
    if _number(word) is not None:
        return "number"
    if name in _AMBIGUOUS:
        return "ambiguous"
    if name in _BONA_FIDE:
        return "bona_fide"
    if name in _ATTACK:
        return "attack"
    return _with_fillers(name, _BONA_FIDE, _ATTACK) or "kind"


@lru_cache(maxsize=65536)
def folder_meaning(name: str) -> Literal["bona_fide", "attack"] | None:
    """Tell what the name of a folder says of the files in it; None where it says nothing."""
    name = plain(name)
    genuine, attacks = _BONA_FIDE - _NOT_OF_FOLDERS, _ATTACK - _NOT_OF_FOLDERS
    if name in genuine:
        return "bona_fide"
    if name in attacks:
        return "attack"
    return _with_fillers(name, genuine, attacks)


def path_meanings(path: str) -> set[str]:
    """Tell what a path says of its file, ``bona_fide``, ``attack`` or both.

    The folders say it, or where they say nothing, the word that the file's name begins with.
    """
    *folders, name = path.replace("\\", "/").split("/")
    says = {found for folder in folders if (found := folder_meaning(folder))}
    first = None if says else folder_meaning(re.split(r"[^A-Za-z]", name, maxsplit=1)[0])
    return {*says, *((first,) if first else ())}


def class_beside(column: str, words: Iterable[str]) -> dict[str, bool]:
    """Read a column that stands beside the labels, where its name and all its words are those of a class.

    Returns:
        Word → True for bona fide; empty where the column tells nothing of the class.
    """
    stated = _stated_by(column)
    if stated is None and plain(column.rsplit(".", 1)[-1]) not in _CLASS_COLUMNS:
        return {}
    found = {}
    for word in words:
        says = meaning(word)
        if says == "nothing":
            continue
        if says in ("bona_fide", "attack"):
            found[word] = says == "bona_fide"
        elif stated is not None and (yes := truth(word)) is not None:
            found[word] = yes == stated
        else:
            return {}
    return found


def meaning_under(
    column: str, word: str, named: bool
) -> Literal["bona_fide", "attack", "nothing", "unclear"]:
    """Tell what one cell says of its presentation, by itself or by the name of its column.

    Args:
        column: its name; ``is_live`` or ``is_spoof`` says what yes and no mean in it.
        word: what the cell holds.
        named: whether the column's name is one of labels or of kinds of attack, so that any name in it is
            one.
    """
    says = meaning(word)
    if says in ("bona_fide", "attack", "nothing"):
        return says
    stated = _stated_by(column)
    if stated is not None and (yes := truth(word)) is not None:
        return "bona_fide" if yes == stated else "attack"
    kind = says == "kind" and (named or not _INSTRUMENTS.isdisjoint(plain(word).split("_")))
    return "attack" if kind else "unclear"


def sided(word: str) -> bool:
    """Tell whether a word is one of two that answer a question, such as ``0``, ``pass``, ``yes`` or ``x``."""
    number = _number(word)
    if number is not None:
        return number in (-1, 0, 1)
    return meaning(word) == "ambiguous" or word.strip().casefold() in _MARKS


def truth(cell: str) -> bool | None:
    """Read a yes or no in its usual spellings, numbers among them; None where it is neither."""
    number = _number(cell)
    name = plain(cell) if number is None else f"{number:g}"
    return _TRUTH.get(name)


def is_listed_bona_fide(key: str, where: str) -> bool:
    """Read the class in a published list, which writes it in words.

    Args:
        key: the word, such as ``bonafide`` or ``spoof``.
        where: the list, and the row, for the message.

    Raises:
        InputError: the word says neither.
    """
    found = meaning(key)
    if found not in ("bona_fide", "attack"):
        raise InputError(f"{where}: {key!r} says neither bona fide nor attack")
    return found == "bona_fide"


def read_labels(
    counts: Mapping[str, int],
    *,
    column: str = "pai_species",
    bona_fide: str | None = None,
    how: str = "say which with --bona-fide",
) -> dict[str, str | None]:
    """Read all the different labels of a column together.

    Args:
        counts: label as written → in how many rows it stands, in the order of first appearance.
        column: what the file calls the column; ``is_live`` or ``is_spoof`` says what yes and no mean in it.
        bona_fide: the label that means bona fide, where somebody said so; every other is then an attack.
        how: how to say so, for the message.

    Returns:
        Label as written → None for bona fide, else the kind of attack: one spelling for all spellings that
        differ in case, blanks or hyphens, the first of them; numbers become ``unspecified``, or ``attack_2``
        where they tell several kinds apart.

    Raises:
        InputError: rows without a label, a label that may mean both, or one that looks misspelt; the message
            gives the counts and says what to do.
    """
    silent = [word for word in counts if meaning(word) == "nothing"]
    if silent and not (bona_fide is not None and plain(bona_fide) in map(plain, silent)):
        raise InputError(
            f"{column} says nothing in {sum(counts[word] for word in silent):,} of {sum(counts.values()):,} "
            f"rows ({counted(silent, counts)}), so that nobody knows whether they are bona fide: write "
            "'bona_fide', or the kind of attack instrument"
        )
    if bona_fide is not None:
        return _as_said(counts, column, bona_fide)
    stated = _stated_by(column)
    if stated is not None and all(truth(word) is not None for word in counts):
        return {word: None if truth(word) == stated else "unspecified" for word in counts}
    signs = _by_sign(counts)
    unclear = [w for w in counts if meaning(w) == "ambiguous" or (meaning(w) == "number" and w not in signs)]
    if unclear:
        first = unclear[0]
        raise InputError(
            f"{column} holds {counted(unclear, counts)}, which names no attack instrument, and means bona "
            f"fide in some collections and attack in others: write 'bona_fide' for a bona fide presentation "
            f"and a name such as 'print' for an attack, or {how} (as in {how.split()[-1]} {first})"
        )
    kinds = [word for word in counts if meaning(word) == "kind"]
    for word in kinds:
        if close := difflib.get_close_matches(plain(word), _SPELT, n=1, cutoff=0.8):
            raise InputError(
                f"{column} holds {counted([word], counts)}, which looks like a misspelt {close[0]!r}: "
                "write 'bona_fide', or another name for the kind of attack"
            )
    named = _one_spelling(word for word in counts if meaning(word) in ("kind", "attack"))
    return {
        word: signs[word] if word in signs else None if meaning(word) == "bona_fide" else named[word]
        for word in counts
    }


def _as_said(counts: Mapping[str, int], column: str, bona_fide: str) -> dict[str, str | None]:
    """Read labels of which somebody said what bona fide is called."""
    genuine = [word for word in counts if _alike(word, bona_fide)]
    if not genuine:
        raise InputError(
            f"no row has {bona_fide!r} in {column}, which was said to mean bona fide; it holds "
            f"{counted(list(counts), counts)}"
        )
    against = [w for w in counts if w not in genuine and meaning(w) == "bona_fide"]
    if against:
        raise InputError(
            f"{bona_fide!r} was said to mean bona fide, but {column} also holds {counted(against, counts)}"
        )
    attacks = [word for word in counts if word not in genuine]
    numbers = [word for word in attacks if meaning(word) in ("number", "ambiguous")]
    several = len({_number(word) for word in numbers}) > 1
    named = _one_spelling(word for word in attacks if word not in numbers)
    named |= {word: _of_number(word) if several else "unspecified" for word in numbers}
    return {word: None if word in genuine else named[word] for word in counts}


def _by_sign(counts: Iterable[str]) -> dict[str, str | None]:
    """Read +1 as bona fide and negative whole numbers as attacks, where no number says otherwise."""
    numbers = {word: value for word in counts if (value := _number(word)) is not None}
    signed = any(value < 0 or word.strip().startswith("+") for word, value in numbers.items())
    if not signed or any(value != 1 and (value >= 0 or value % 1) for value in numbers.values()):
        return {}
    several = len({value for value in numbers.values() if value < 0}) > 1
    return {
        word: None if value > 0 else _of_number(word) if several else "unspecified"
        for word, value in numbers.items()
    }


def _stated_by(column: str) -> bool | None:
    """Return whether yes means bona fide in a column of this name; None where the name does not say."""
    name = plain(column.rsplit(".", 1)[-1])
    found = _STATED.fullmatch(name)
    word = found["word"] if found else name
    return True if word in _BONA_FIDE else False if word in _ATTACK else None


def _one_spelling(words: Iterable[str]) -> dict[str, str]:
    first: dict[str, str] = {}
    return {word: first.setdefault(plain(word), word.strip()) for word in words}


def _with_fillers(
    name: str, genuine: frozenset[str], attacks: frozenset[str]
) -> Literal["bona_fide", "attack"] | None:
    """Read a class word among words that add nothing to it."""
    left = [part for part in name.split("_") if part not in _FILLERS and not part.isdigit()]
    rest = "_".join(left)
    return "bona_fide" if rest in genuine else "attack" if rest in attacks else None


def _number(word: str) -> float | None:
    text = unicodedata.normalize("NFKC", word).strip().strip("'\"`").strip().lower().replace("\u2212", "-")
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _of_number(word: str) -> str:
    number = _number(word)
    return f"attack_{abs(number):g}" if number is not None else plain(word)


def _alike(word: str, other: str) -> bool:
    one, two = _number(word), _number(other)
    return one == two if one is not None and two is not None else plain(word) == plain(other)


def counted(words: Iterable[str], counts: Mapping[str, int]) -> str:
    """List words with the number of rows that each stands in, six of them at most."""
    listed = [f"{word!r} in {counts[word]:,}" for word in words]
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
