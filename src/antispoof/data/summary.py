"""Count what a manifest holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from antispoof.data.presentation import PARTITIONS, Presentation

__all__ = ["Table", "partition_table", "summarise"]

_MOST_VALUES = 12


class Table(NamedTuple):
    """A title, the names of the columns, and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summarise(presentations: Sequence[Presentation]) -> Iterator[Table]:
    """Yield the tables of ``antispoof data summary``: partitions, sensors, attributes, terms."""
    yield partition_table(presentations)
    sensors = Counter(name for p in presentations for name in p.captures)
    counts = [(name, str(n), _percent(n, len(presentations))) for name, n in sorted(sensors.items())]
    yield Table("Sensors", ("modality", "presentations", "share"), tuple(counts))
    names = sorted({name for p in presentations for name in p.attributes})
    if names:
        values = [row for name in names for row in _attribute_rows(name, presentations)]
        yield Table("Attributes", ("attribute", "value", "bona fide", "attack", "subjects"), tuple(values))
    terms = Counter(
        (
            p.dataset,
            p.licence or "not stated",
            p.consent_basis or "not stated",
            p.retention_until.isoformat() if p.retention_until else "not stated",
            "yes" if p.simulated else "no",
        )
        for p in presentations
    )
    header = ("dataset", "licence", "consent basis", "keep until", "simulated", "count")
    yield Table("Terms", header, tuple((*key, str(n)) for key, n in sorted(terms.items())))


def partition_table(presentations: Sequence[Presentation]) -> Table:
    """Return the counts of each kind of presentation, and of subjects, per partition."""
    names = [name for name in (*PARTITIONS, "") if any(p.partition == name for p in presentations)]
    species = sorted({p.pai_species or "" for p in presentations})
    cells = Counter((p.pai_species or "", p.partition) for p in presentations)
    rows = [
        (
            kind or "bona_fide",
            *(str(cells[kind, name]) for name in names),
            str(sum(cells[kind, n] for n in names)),
        )
        for kind in species
    ]
    people = [len({p.person for p in presentations if p.partition == name} - {None}) for name in names]
    total = len({p.person for p in presentations} - {None})
    rows.append(("subjects known", *map(str, people), str(total)))
    return Table("Presentations", ("", *(name or "undivided" for name in names), "all"), tuple(rows))


def _attribute_rows(name: str, presentations: Sequence[Presentation]) -> Iterator[tuple[str, ...]]:
    values = Counter(p.attributes.get(name, "not stated") for p in presentations)
    for value, _ in values.most_common(_MOST_VALUES):
        rows = [p for p in presentations if p.attributes.get(name, "not stated") == value]
        genuine = sum(p.bona_fide for p in rows)
        people = len({p.person for p in rows} - {None})
        yield name, value, str(genuine), str(len(rows) - genuine), str(people)
    if len(values) > _MOST_VALUES:
        rest = sum(n for _, n in values.most_common()[_MOST_VALUES:])
        yield name, f"{len(values) - _MOST_VALUES} more values", "", str(rest), ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
