"""HQ-WMCA (Idiap): 51 people, high-quality colour, depth, near- and short-wave infrared, thermal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

_KINDS = (
    "Flexiblemask", "Glasses", "Makeup", "Mannequin", "Papermask", "Print", "Rigidmask", "Tattoo", "Replay",
)  # fmt: skip
_CODED = re.compile(r"\d+_\d+_\d+_\d+_(?P<type>\d\d)_\d\d_\d+\b.*")  # type 00 is bona fide
_PARTITION = {"train": "train", "dev": "dev", "eval": "test", "test": "test"}
_ROWS = (
    "face/2019/1_01_0000_0000_00_00_000-a,Bonafide,train\nface/2019/1_01_0000_0000_01_03_030-b,{0},train\n"
    "face/2019/2_01_0000_0000_00_00_000-c,Bonafide,dev\nface/2019/2_01_0000_0000_01_03_030-d,{0},dev\n"
    "face/2019/3_01_0000_0000_00_00_000-e,Bonafide,eval\nface/2019/3_01_0000_0000_01_03_030-f,{0},eval\n"
)


@dataset(
    "hq_wmca",
    title="HQ-WMCA",
    modalities=("face_rgb", "face_depth", "face_infrared", "face_thermal"),
    protocols={
        "grand_test-curated": "all instruments in every partition",
        **{f"LOO_{kind}": f"leave one out: {kind} in test only" for kind in _KINDS},
    },
    licence="research only, signed agreement",
    ask="https://www.idiap.ch/en/scientific-research/data/hq-wmca",
    reference="Heusch et al., IEEE TBIOM 2020",
    notes=(
        "The names of the protocols and of their PROTOCOL-*.csv lists are documented; the folders are not. "
        "Expected is the recording in the first column (below the root, .h5), the kind of attack in a column "
        "between, and the partition in the last. The files are HDF5 with all sensors in one: unpack them to "
        "pictures before training. The first number of a name is taken as the client."
    ),
    example={
        "PROTOCOL-grand_test-curated.csv": _ROWS.format("Print"),
        **{f"PROTOCOL-LOO_{kind}.csv": _ROWS.format(kind) for kind in _KINDS},
        **{
            f"face/2019/{name}.h5": ""
            for name in (
                "1_01_0000_0000_00_00_000-a", "1_01_0000_0000_01_03_030-b", "2_01_0000_0000_00_00_000-c",
                "2_01_0000_0000_01_03_030-d", "3_01_0000_0000_00_00_000-e", "3_01_0000_0000_01_03_030-f",
            )
        },
    },
)  # fmt: skip
def hq_wmca(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read a protocol list; a row without a known kind or "bonafide" in it is refused as another layout."""
    listed = root.find(rf"(^|/)PROTOCOL-{protocol}\.csv$")[0]
    kinds = {kind.lower(): kind.lower() for kind in _KINDS} | {"bonafide": None, "bona_fide": None}
    for row in csv.reader(root.lines(listed)):
        recording, partition = row[0].removesuffix(".h5"), row[-1].strip()
        if partition not in _PARTITION:
            continue  # a header line
        named = [cell.strip().lower() for cell in row[1:-1] if cell.strip().lower() in kinds]
        if not named:
            raise root.wrong(f"kind of attack in the row {','.join(row)!r} of {listed}")
        coded = _CODED.fullmatch(recording.rsplit("/", 1)[-1])
        if coded and (int(coded["type"]) == 0) != (kinds[named[0]] is None):
            raise InputError(
                f"hq_wmca: {listed} says {named[0]} of {recording}, whose name has the type {coded['type']}: "
                "the list and the name contradict each other"
            )
        yield root.row(
            _PARTITION[partition],
            dict.fromkeys(("face_rgb", "face_depth", "face_infrared", "face_thermal"), f"{recording}.h5"),
            kinds[named[0]],
            subject=recording.rsplit("/", 1)[-1].split("_")[0],
            identifier=recording,
        )
