"""PADISI-Face (USC): colour, depth, near- and short-wave infrared and thermal; three folds."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_PARTITION = {"train": "train", "valid": "dev", "test": "test"}
_TRUTH = "data/face_partitions/padisi_USC_FACE_ground_truth.csv"
_FOLD = "data/face_partitions/padisi_USC_FACE_dataset_partition_3folds_part{}.csv"
_HEAD = "transaction_id,trial_id,trial_name"
_FOLDS = "train", "valid", "test"
_SAMPLES = tuple((f"T{n}", f"R{n}", "neutral", ("m00000", "m50101")[n % 2], n // 2) for n in range(6))


@dataset(
    "padisi_face",
    title="PADISI-Face",
    modalities=("face_rgb", "face_depth", "face_infrared", "face_thermal"),
    protocols={f"fold_{n}": f"three-fold partition, part {n}" for n in range(3)},
    counts={},
    licence="academic or non-commercial use, data transfer agreement",
    ask="https://github.com/vimal-isi-edu/PADISI_USC_Dataset",
    reference="Rostami et al., ICCV 2021 (2,029 samples)",
    notes=(
        "Expects the repository's data/face_partitions and, anywhere below the root, the multi-spectral "
        "ID_<transaction>_<trial>_<name>.npz files of shape (1, 22, 320, 256): channels 0-2 colour (BGR), 3 "
        "near infrared, 4 depth, 5 thermal, all normalised to 0-1, so depth is not in millimetres. Unpack "
        "them to pictures before training. What the codes of the attacks mean is not published; the two "
        "digits after m5 are the kind."
    ),
    example={
        _TRUTH: _HEAD + ",modality,ground_truth,participant_id,gender,ethnicity,race,age\n"
        + "".join(f"{t},{r},{n},FACE,{code},P{p},F,H,W,30\n" for t, r, n, code, p in _SAMPLES),
        **{
            _FOLD.format(fold): _HEAD + ",partition_name\n"
            + "".join(f"{t},{r},{n},{_FOLDS[(p + fold) % 3]}\n" for t, r, n, _, p in _SAMPLES)
            for fold in range(3)
        },
        **{f"data/face_data/ID_{t}_{r}_{n}.npz": "" for t, r, n, _, _ in _SAMPLES},
    },
)  # fmt: skip
def padisi_face(root: Root, protocol: str) -> Iterator[Presentation]:
    """Join the partition of a fold with the ground truth, and find the files by their names."""
    where = {path.rsplit("/", 1)[-1]: path for path in root.find(r"(^|/)ID_[^/]*\.npz$")}
    truth = {
        (row["transaction_id"], row["trial_id"], row["trial_name"]): row
        for row in csv.DictReader(root.lines(_TRUTH))
    }
    for row in csv.DictReader(root.lines(_FOLD.format(protocol.removeprefix("fold_")))):
        key = row["transaction_id"], row["trial_id"], row["trial_name"]
        name = f"ID_{'_'.join(key)}.npz"
        about = truth[key]
        code = about["ground_truth"]
        path = where.get(name, f"data/face_data/{name}")
        yield root.row(
            _PARTITION[row["partition_name"]],
            dict.fromkeys(("face_rgb", "face_depth", "face_infrared", "face_thermal"), path),
            None if code == "m00000" else f"pai_{code[2:4]}",
            subject=about["participant_id"],
            session=key[0],
            sex=about.get("gender", "").lower(),
            age=about.get("age", ""),
        )
