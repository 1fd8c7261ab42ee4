"""CelebA-Spoof: 625,537 web and re-captured pictures of 10,177 people, with attributes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

_SPECIES = (
    None, "print_photo", "print_poster", "print_a4", "mask_paper_face", "mask_paper_upper",
    "mask_paper_region",
    "replay_pc", "replay_pad", "replay_phone", "mask_3d",
)  # fmt: skip
_ILLUMINATION = ("", "normal", "strong", "back", "dark")
_ENVIRONMENT = ("", "indoor", "outdoor")


def _labels(kind: int, live: int) -> list[int]:
    return [0] * 40 + [kind, 1, 1, live]


@dataset(
    "celeba_spoof",
    title="CelebA-Spoof",
    modalities=("face_rgb",),
    protocols={
        "intra_test": "all attacks",
        "protocol1": "unseen combinations of attack and environment",
        "protocol2": "unseen media of the same kind of attack",
    },
    licence="non-commercial research",
    ask="https://github.com/ZhangYuanhan-AI/CelebA-Spoof",
    reference="Zhang et al., ECCV 2020",
    notes=(
        "Labels are rows of 44 numbers: 40 face attributes, kind of attack, illumination, environment, and 1 "
        "for an attack. Attributes below 40 are those of CelebA; only Male (20) is kept. No development set."
    ),
    example={
        **{
            f"metas/{name}/{part}_label.json": json.dumps(
                {
                    f"Data/{part}/{subject}/live/000001.png": _labels(0, 0),
                    f"Data/{part}/{subject}/spoof/000002.png": _labels(3, 1),
                }
            )
            for name in ("intra_test", "protocol1", "protocol2")
            for part, subject in (("train", "1"), ("test", "5"))
        },
        "Data/train/1/live/000001.png": "",
        "Data/train/1/spoof/000002.png": "",
        "Data/test/5/live/000001.png": "",
        "Data/test/5/spoof/000002.png": "",
    },
)
def celeba_spoof(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read the label files of a protocol."""
    for partition in ("train", "test"):
        name = f"metas/{protocol}/{partition}_label.json"
        try:
            labels = json.loads("\n".join(root.lines(name)))
        except json.JSONDecodeError as error:
            raise InputError(f"celeba_spoof: {root.path / name} is not JSON: {error}") from None
        for path, values in labels.items():
            if (values[40] == 0) != (values[43] == 0):
                raise InputError(
                    f"celeba_spoof: {name} says {'attack' if values[43] else 'bona fide'} of {path}, and the "
                    f"kind {_SPECIES[values[40]] or 'bona fide'}: the labels contradict each other"
                )
            yield root.row(
                partition,
                {"face_rgb": path},
                _SPECIES[values[40]] if values[43] else None,
                subject=path.split("/")[2],
                sex="m" if values[20] == 1 else "f",
                lighting=_ILLUMINATION[values[41]],
                environment=_ENVIRONMENT[values[42]],
            )
