"""WMCA (Idiap): 72 people, colour, depth, near-infrared and thermal; seven kinds of instrument."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError
from antispoof.labels import meaning

_KINDS = ("fakehead", "flexiblemask", "glasses", "papermask", "prints", "replay", "rigidmask")
_TYPES = {"0": None, "1": "glasses", "2": "mask", "3": "print", "4": "replay"}
_PARTITION = {"train": "train", "dev": "dev", "eval": "test", "test": "test"}
_ROWS = (
    "face-station/31.01.18/514_01_035_0_00,bonafide,train\nface-station/31.01.18/514_01_035_1_05,{0},train\n"
    "face-station/06.02.18/001_01_000_0_00,bonafide,dev\nface-station/06.02.18/001_01_000_3_01,{0},dev\n"
    "face-station/12.02.18/100_03_015_0_00,bonafide,eval\nface-station/12.02.18/100_03_015_2_10,{0},eval\n"
)


@dataset(
    "wmca",
    title="WMCA",
    modalities=("face_rgb", "face_depth", "face_infrared", "face_thermal"),
    protocols={
        "grandtest": "all instruments in every partition",
        **{f"LOO_{kind}": f"leave one out: {kind} in test only" for kind in _KINDS},
    },
    counts={},
    licence="research only, signed agreement",
    ask="https://www.idiap.ch/en/scientific-research/data/wmca",
    reference="George et al., IEEE TIFS 2020 (1,679 presentations: 347 bona fide, 1,332 attacks)",
    notes=(
        "Expects the preprocessed folders WMCA_preprocessed_RGB (colour) and WMCA_preprocessed_CDIT (grey, "
        "depth, infrared, thermal channels) and the PROTOCOL-*.csv lists, whose first column is the "
        "recording and whose last is the partition; the columns between are not publicly documented: a known "
        "instrument in them is taken as the kind, else the type number in the name (0 is bona fide). The "
        "files are HDF5, 8 bit and normalised: unpack them to pictures before training. Whether the lists "
        "hold all 1,679 is left to the reader of the table."
    ),
    example={
        "PROTOCOL-grandtest.csv": _ROWS.format("glasses"),
        **{f"PROTOCOL-LOO_{kind}.csv": _ROWS.format(kind) for kind in _KINDS},
        **{
            f"WMCA_preprocessed_{part}/WMCA/face-station/{name}.hdf5": ""
            for part in ("RGB", "CDIT")
            for name in (
                "31.01.18/514_01_035_0_00", "31.01.18/514_01_035_1_05", "06.02.18/001_01_000_0_00",
                "06.02.18/001_01_000_3_01", "12.02.18/100_03_015_0_00", "12.02.18/100_03_015_2_10",
            )
        },
    },
)  # fmt: skip
def wmca(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read a protocol list; names are client_session_presenter_type_instrument."""
    listed = root.find(rf"(^|/)PROTOCOL-{protocol}\.csv$")[0]
    for row in csv.reader(root.lines(listed)):
        recording, partition = row[0].removesuffix(".hdf5"), row[-1].strip()
        if partition not in _PARTITION:
            continue  # a header line
        subject, session, _, kind, _ = recording.rsplit("/", 1)[-1].split("_")
        named = [cell.strip() for cell in row[1:-1] if cell.strip() in _KINDS]
        words = {meaning(cell) for cell in row[1:-1]} & {"bona_fide", "attack"}
        if named:
            words.add("attack")
        if words and words != {"bona_fide" if kind == "0" else "attack"}:
            raise InputError(
                f"wmca: {listed} says {','.join(row)!r}, and the type in the name, {kind}, means "
                f"{'bona fide' if kind == '0' else 'attack'}: the list and the name contradict each other"
            )
        multi = f"WMCA_preprocessed_CDIT/WMCA/{recording}.hdf5"
        yield root.row(
            _PARTITION[partition],
            {
                "face_rgb": f"WMCA_preprocessed_RGB/WMCA/{recording}.hdf5",
                **dict.fromkeys(("face_depth", "face_infrared", "face_thermal"), multi),
            },
            None if kind == "0" else named[0] if named else _TYPES.get(kind) or "unspecified",
            subject=subject,
            session=session,
            identifier=recording,
        )
