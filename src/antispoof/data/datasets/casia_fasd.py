"""CASIA-FASD: 50 people, three camera qualities; warped and cut photographs, and a tablet."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_SPECIES = {
    "1": None, "2": None, "HR_1": None,
    "3": "print_warped", "4": "print_warped", "HR_2": "print_warped",
    "5": "print_cut", "6": "print_cut", "HR_3": "print_cut",
    "7": "replay_tablet", "8": "replay_tablet", "HR_4": "replay_tablet",
}  # fmt: skip
_QUALITY = {
    "1": "low",
    "3": "low",
    "5": "low",
    "7": "low",
    "2": "normal",
    "4": "normal",
    "6": "normal",
    "8": "normal",
}
_PROTOCOLS = {
    "overall": "7: everything",
    "low_quality": "1: low quality only",
    "normal_quality": "2: normal quality only",
    "high_quality": "3: high quality only",
    "print_warped": "4: warped photographs only",
    "print_cut": "5: cut photographs only",
    "replay_tablet": "6: tablet only",
}


@dataset(
    "casia_fasd",
    title="CASIA-FASD (CASIA-MFSD)",
    modalities=("face_rgb",),
    protocols=_PROTOCOLS,
    counts={"overall": {"train": (60, 180), "test": (90, 270)}},
    licence="research only, signed agreement",
    ask="CBSR, Institute of Automation, Chinese Academy of Sciences",
    reference="Zhang et al., ICB 2012",
    notes="No development set; the numbers of subjects start at 1 in both folders and mean different people.",
    example={
        **{f"train_release/1/{clip}.avi": "" for clip in _SPECIES},
        **{f"test_release/1/{clip}.avi": "" for clip in _SPECIES},
    },
)
def casia_fasd(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read labels from the numbers of the clips."""
    for path, found in root.matches(
        r"(?P<part>train|test)_release/(?P<subject>\d+)/(?P<clip>(?:HR_)?\d)\.avi"
    ):
        species = _SPECIES[found["clip"]]
        quality = _QUALITY.get(found["clip"], "high")
        asks_quality = protocol.endswith("_quality")
        if (asks_quality and protocol != f"{quality}_quality") or (
            not asks_quality and protocol != "overall" and species not in (None, protocol)
        ):
            continue
        subject = f"{found['part']}{found['subject']}"
        yield root.row(found["part"], {"face_rgb": path}, species, subject=subject, quality=quality)
