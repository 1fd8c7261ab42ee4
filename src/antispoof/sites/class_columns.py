"""Whether a table of traffic says what its presentations were: then it is no unlabelled traffic.

A column that says bona fide of every row, or nothing of any, changes nothing and is left alone. One that says
attack of some is refused, and so is one that may say it: nothing is guessed, and a blank is no class.
"""

from __future__ import annotations

from collections.abc import Mapping

from antispoof.columns import tells_a_class, tells_a_verdict
from antispoof.errors import InputError
from antispoof.evaluation.score_columns import ScoreColumns, key_of
from antispoof.labels import counted, meaning_under, plain, sided

__all__ = ["refuse_classes"]

SPELT = frozenset({"bona_fide", "bonafide"})  # which is said of nothing else, whatever stands beside it


def refuse_classes(columns: ScoreColumns) -> None:
    """Refuse a table with a column that tells attacks from bona fide presentations, or may.

    Args:
        columns: of the table; ``simulated``, ``subject`` and what a verdict said are no such columns.

    Raises:
        InputError: there is one; the message names it, its values and what to do.
    """
    layout = columns.layout
    judged = "threshold" in map(plain, layout.header)  # beside which `outcome` is what a bundle said
    roles = {
        key_of(role): layout.header[layout.roles[role]]
        for role in ("label", "species")
        if role in layout.roles
    }
    for key, labels in columns.labels.items():
        name = roles.get(key, key)
        by_name = key in roles or tells_a_class(name)
        verdict = tells_a_verdict(name) and (judged or plain(name) != "outcome")
        if verdict or name in ("simulated", "subject"):
            continue
        counts = labels.counts()
        says = {word: meaning_under(name, word, by_name) for word in counts}
        told = {word for word, what in says.items() if what != "nothing"}
        if not told:
            continue
        if "attack" in says.values():
            raise InputError(
                f"it has labels (column {name!r}: {counted(counts, counts)}), and this rule is for traffic "
                "of which nobody knows what it is: leave that column out if at most two fifths are attacks, "
                "or set a threshold from labelled scores with antispoof evaluate"
            )
        if _may_tell(says, told, by_name):
            blank = "; a row that says nothing is taken for neither" if len(told) < len(counts) else ""
            raise InputError(
                f"column {name!r} holds {counted(counts, counts)}, which may say which rows are attacks, in "
                f"some files by one value and in others by the other{blank}: leave that column out if it is "
                "about something else; if it tells what the rows were, write 'bona_fide' or the kind of "
                "attack, such as 'print', and set a threshold with antispoof evaluate"
            )


def _may_tell(says: Mapping[str, str], told: set[str], by_name: bool) -> bool:
    """Tell whether a column without a plain attack may tell attacks from others."""
    if all(what == "bona_fide" for what in says.values()):
        return False
    if by_name or SPELT & set(map(plain, told)):
        return True
    if any(says[word] == "bona_fide" for word in told):
        return len(told) < len(says) or any(sided(word) for word in told if says[word] != "bona_fide")
    return len(says) > 1 and all(map(sided, told)) and set(map(plain, told)) != {"l", "r"}
