"""The reference page of datasets and cross-dataset protocols, written from what is registered."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.cross_dataset import CROSS_DATASET
from antispoof.data.layout import Counts, Dataset, datasets

__all__ = ["reference_page"]

_SHOWN_LAYOUT = 6


def reference_page() -> str:
    """Return docs/reference/datasets.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Datasets"
    yield ""
    yield "*Generated from the registry: `antispoof datasets --markdown > docs/reference/datasets.md`.*"
    yield ""
    yield "No dataset comes with the package: ask its publisher, then"
    yield ""
    yield "```bash"
    yield "# not run by the tests: needs the data set"
    yield "antispoof data import dataset oulu_npu /data/OULU-NPU --protocol 1 --out oulu-1.csv"
    yield "```"
    yield ""
    yield (
        "The reader expects the published layout and says what it found where it differs. It holds the "
        "counts that the publication states against the copy, unless `--partial` says that the copy is "
        "incomplete."
    )
    yield ""
    yield "| name | dataset | sensors | protocols | licence |"
    yield "|---|---|---|---|---|"
    for name in datasets:
        thing = datasets[name]
        sensors = ", ".join(thing.modalities)
        number = len(thing.protocols)
        yield f"| [`{name}`](#{name}) | {thing.title} | {sensors} | {number} | {thing.licence} |"
    for name in datasets:
        yield from _section(datasets[name])
    yield ""
    yield "## Cross-dataset protocols"
    yield ""
    yield "```bash"
    yield "# not run by the tests: needs the four manifests"
    yield "antispoof data combine ocim_oci_m oulu.csv casia.csv replay.csv msu.csv --out ocim.csv"
    yield "```"
    yield ""
    yield (
        "Of each source, `train` trains and `dev` sets thresholds; `test` of a source that has a dev "
        "partition trains as well, and is the dev partition of one that has none. All of the target is test, "
        "and nothing is fitted on it."
    )
    yield ""
    yield "| name | train on | test on | sensors absent in test | from |"
    yield "|---|---|---|---|---|"
    for name, protocol in CROSS_DATASET.items():
        absent = ", ".join(protocol.absent_in_test) or "—"
        sides = " | ".join(", ".join(side) for side in (protocol.sources, protocol.targets))
        yield f"| `{name}` | {sides} | {absent} | {protocol.reference} |"


def _section(thing: Dataset) -> Iterator[str]:
    yield ""
    yield f"## {thing.name}"
    yield ""
    yield f"**{thing.title}** · {thing.reference}  "
    yield f"Licence: {thing.licence}. Ask: {thing.ask}"
    if thing.notes:
        yield ""
        yield thing.notes
    if thing.shared_subjects:
        yield ""
        yield f"Partitions share subjects: {thing.shared_subjects}."
    yield ""
    yield "| protocol | what it asks | train | dev | test |"
    yield "|---|---|---|---|---|"
    for name, meaning in thing.protocols.items():
        counts = thing.counts.get(name, {})
        cells = " | ".join(_cell(counts, partition) for partition in ("train", "dev", "test"))
        yield f"| `{name}` | {meaning} | {cells} |"
    yield ""
    media = [path for path, content in thing.example.items() if not content]
    lists = [path for path, content in thing.example.items() if content]
    for path in (*lists[:_SHOWN_LAYOUT], *media[:_SHOWN_LAYOUT]):
        yield f"    {path}"


def _cell(counts: Counts, partition: str) -> str:
    value = counts.get(partition)
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value[0]:,} + {value[1]:,}"
