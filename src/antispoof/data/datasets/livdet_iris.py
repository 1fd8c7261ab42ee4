"""LivDet-Iris 2017 and 2020: printed irides, textured contact lenses and more, near-infrared."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator

from antispoof.data.layout import Dataset, Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.labels import meaning

_PARTS_2017 = ("clarkson", "warsaw", "notredame", "iiitd_wvu")
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}


def _species(label: str) -> str | None:
    """Read the label of a list; None for bona fide."""
    found = meaning(label)
    if found not in ("bona_fide", "attack", "kind"):
        raise InputError(
            f"LivDet-Iris: the label {label!r} of a list says neither bona fide nor a kind of attack"
        )
    return None if found == "bona_fide" else re.sub(r"\W+", "_", label.strip().lower())


def _read_2017(root: Root, protocol: str) -> Iterator[Presentation]:
    for line in csv.reader(root.lines("splits.csv")):
        if line[0].strip().lower() in ("partition", "split"):
            continue
        if len(line) < 4 or line[0].strip().lower() not in _SPLITS:
            raise root.wrong(f"partition,laboratory,label,file in the row {','.join(line)!r} of splits.csv")
        split, laboratory, label, path = (cell.strip() for cell in line[:4])
        if protocol in ("all", laboratory.lower()):
            yield root.row(
                _SPLITS[split.lower()], {"iris": path}, _species(label), laboratory=laboratory.lower()
            )


def _read_2020(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    for line in csv.reader(root.lines("test_split.csv")):
        if len(line) != 3 or line[0].strip().lower() != "test":
            raise root.wrong(f"test,label,file in the row {','.join(line)!r} of test_split.csv")
        yield root.row("test", {"iris": line[2].strip()}, _species(line[1]))


def _dataset(
    year: int,
    protocols: dict[str, str],
    read: Callable[[Root, str], Iterator[Presentation]],
    example: dict[str, str],
    reference: str,
    notes: str,
) -> Dataset:
    return dataset(
        f"livdet{year}_iris",
        title=f"LivDet-Iris {year}",
        modalities=("iris",),
        protocols=protocols,
        licence="research only, signed agreement of each laboratory",
        ask="https://livdet.org",
        reference=reference,
        notes=notes,
        example=example,
    )(read)


_ROWS_2017 = [
    (split, lab, label, f"images/{lab}/{split}_{label}.png")
    for lab in _PARTS_2017
    for split in ("train", "test")
    for label in ("live", "printout")
]
_dataset(
    2017,
    {"all": "all laboratories together", **{lab: f"{lab} part" for lab in _PARTS_2017}},
    _read_2017,
    {"splits.csv": "".join(",".join(row) + "\n" for row in _ROWS_2017), **{row[3]: "" for row in _ROWS_2017}},
    "Yambay et al., IJCB 2017",
    "The four laboratories hand out archives of their own, in layouts that are not publicly documented. "
    "Expected is a list splits.csv (partition,laboratory,label,file) beside the files, which you write from "
    "the papers of each "
    "archive. Subjects are unknown.",
)
_dataset(
    2020,
    {"all": "everything is test"},
    _read_2020,
    {
        "test_split.csv": "test,live,Iris_Image_Database/1.png\ntest,printout,Iris_Image_Database/2.png\n",
        "Iris_Image_Database/1.png": "",
        "Iris_Image_Database/2.png": "",
    },
    "Das et al., IJCB 2020 (5,331 bona fide, 7,101 attacks)",
    "The archive's own list is not publicly documented. Expected is a list test_split.csv (test,label,file) "
    "beside the "
    "folder Iris_Image_Database, the form that public code for this set uses. Subjects are unknown.",
)
