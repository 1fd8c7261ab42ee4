"""Leave one out: make a manifest ask for what it has never shown."""

from __future__ import annotations

from collections.abc import Sequence

from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

__all__ = ["hold_out"]


def hold_out(presentations: Sequence[Presentation], name: str, value: str) -> tuple[Presentation, ...]:
    """Keep a kind of attack, or an attribute's value, for the test alone.

    Train and dev lose every presentation that has the value. The test keeps those that have it; where a
    kind of attack is held out, it keeps the bona fide presentations too.

    Args:
        presentations: divided into partitions.
        name: ``pai_species`` or the name of an attribute.
        value: what is held out.

    Raises:
        InputError: a presentation has no partition, nothing has that value, or a partition would be left
            without one of the classes.
    """
    if any(not p.partition for p in presentations):
        raise InputError("hold out of a divided manifest: run 'antispoof data split' first")
    values = {_value(p, name) for p in presentations} - {""}
    if value not in values:
        known = ", ".join(sorted(values)) or "none"
        raise InputError(f"no presentation has {name} = {value!r}; there are: {known}")
    kept = []
    for p in presentations:
        held = _value(p, name) == value
        wanted_in_test = held or (name == "pai_species" and p.bona_fide)
        if wanted_in_test if p.partition == "test" else not held:
            kept.append(p)
    for partition in {p.partition for p in presentations}:
        if len({p.bona_fide for p in kept if p.partition == partition}) < 2:
            raise InputError(f"holding out {name} = {value!r} leaves {partition} without one of the classes")
    return tuple(kept)


def _value(p: Presentation, name: str) -> str:
    return p.pai_species or "" if name == "pai_species" else p.attributes.get(name, "")
