"""In-the-Wild: recordings and deepfakes of 58 public figures; a test set."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation


@dataset(
    "in_the_wild",
    title="In-the-Wild",
    modalities=("voice",),
    protocols={"all": "everything is test"},
    counts={"all": {"test": (19963, 11816)}},
    licence="Apache-2.0",
    ask="https://deepfake-total.com/in_the_wild",
    reference="Müller et al., Interspeech 2022",
    example={
        "meta.csv": "file,speaker,label\n0.wav,Ann Example,bona-fide\n1.wav,Ann Example,spoof\n",
        "0.wav": "",
        "1.wav": "",
    },
)
def in_the_wild(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read the table."""
    for row in csv.DictReader(root.lines("meta.csv")):
        species = None if root.listed(row["label"], ",".join(row.values())) else "deepfake"
        yield root.row("test", {"voice": row["file"]}, species, subject=row["speaker"])
