"""LivDet-Iris 2013 to 2025: printed irides, textured contact lenses and more, near-infrared."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator

from antispoof.data.layout import Dataset, Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.labels import meaning

_LABORATORIES = {
    2013: ("clarkson", "notredame", "warsaw"),
    2015: ("clarkson", "warsaw"),
    2017: ("clarkson", "warsaw", "notredame", "iiitd_wvu"),
}
_REFERENCES = {
    2013: "Yambay et al., IJCB 2014 (printed irises and textured contact lenses)",
    2015: "Yambay et al., ISBA 2017 (printed irises and textured contact lenses, newer sensors)",
    2017: "Yambay et al., IJCB 2017",
}
_TASKS_2025 = ("task1", "task2", "task3")
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}


def _species(label: str) -> str | None:
    """Read the label of a list; None for bona fide."""
    found = meaning(label)
    if found not in ("bona_fide", "attack", "kind"):
        raise InputError(
            f"LivDet-Iris: the label {label!r} of a list says neither bona fide nor a kind of attack"
        )
    return None if found == "bona_fide" else re.sub(r"\W+", "_", label.strip().lower())


def _read_laboratories(root: Root, protocol: str) -> Iterator[Presentation]:
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


def _read_list(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read test_split.csv: test, or the name of the task, then label and file; all of it is test."""
    for line in csv.reader(root.lines("test_split.csv")):
        part = line[0].strip().lower()
        if len(line) != 3 or part not in ("test", *_TASKS_2025):
            raise root.wrong(f"test,label,file in the row {','.join(line)!r} of test_split.csv")
        if protocol in ("all", part):
            task = {"task": part} if part in _TASKS_2025 else {}
            yield root.row("test", {"iris": line[2].strip()}, _species(line[1]), **task)


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


for _year, _names in _LABORATORIES.items():
    _rows = [
        (split, lab, label, f"images/{lab}/{split}_{label}.png")
        for lab in _names
        for split in ("train", "test")
        for label in ("live", "printout")
    ]
    _dataset(
        _year,
        {"all": "all laboratories together", **{lab: f"{lab} part" for lab in _names}},
        _read_laboratories,
        {"splits.csv": "".join(",".join(row) + "\n" for row in _rows), **{row[3]: "" for row in _rows}},
        _REFERENCES[_year],
        "The laboratories hand out archives of their own, in layouts that are not publicly documented. "
        "Expected is a list splits.csv (partition,laboratory,label,file) beside the files, which you write "
        "from the papers of each archive. Subjects are unknown.",
    )
_dataset(
    2020,
    {"all": "everything is test"},
    _read_list,
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
_dataset(
    2023,
    {"all": "everything is test"},
    _read_list,
    {
        "test_split.csv": "test,live,images/1.png\ntest,printout,images/2.png\ntest,synthetic,images/3.png\n",
        "images/1.png": "",
        "images/2.png": "",
        "images/3.png": "",
    },
    "Tinsley et al., IJCB 2023 (seven kinds of attack, among them irises made by generative networks)",
    "The archive's own list is not publicly documented. Expected is a list test_split.csv (test,label,file) "
    "beside the pictures, as for 2020, which you write from the papers of the archive. Subjects are unknown.",
)
_dataset(
    2025,
    {"all": "the tasks together", **{task: f"{task} alone" for task in _TASKS_2025}},
    _read_list,
    {
        "test_split.csv": "".join(
            f"{task},live,{task}/1.png\n{task},{kind},{task}/2.png\n"
            for task, kind in zip(_TASKS_2025, ("printout", "contact_lens", "morph"), strict=True)
        ),
        **{f"{task}/{number}.png": "" for task in _TASKS_2025 for number in (1, 2)},
    },
    "LivDet-Iris 2025, https://livdet-iris.org/2025 (unknown attacks, newer lenses, retouched irises)",
    "The archive's own list is not publicly documented. Expected is a list test_split.csv (task,label,file), "
    "task1 to task3, beside the pictures, which you write from the papers of the archive. Subjects are "
    "unknown.",
)
