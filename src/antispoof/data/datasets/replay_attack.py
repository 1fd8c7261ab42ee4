"""Replay-Attack (Idiap): 50 people, prints and replays on two screens, held by hand or fixed."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_PARTITION = {"train": "train", "devel": "dev", "test": "test"}
_INSTRUMENT = {"print": "print", "mobile": "replay_phone", "highdef": "replay_tablet"}


@dataset(
    "replay_attack",
    title="Replay-Attack",
    modalities=("face_rgb",),
    protocols={
        "grandtest": "all attacks",
        "print": "prints only",
        "mobile": "replays on a phone only",
        "highdef": "replays on a tablet only",
    },
    counts={"grandtest": {"train": (60, 300), "dev": (60, 300), "test": (80, 400)}},
    licence="research only, signed agreement",
    ask="https://www.idiap.ch/en/scientific-research/data/replayattack",
    reference="Chingovska et al., BIOSIG 2012",
    example={
        "train/real/client001_session01_webcam_authenticate_adverse_1.mov": "",
        "train/attack/fixed/attack_print_client001_session01_highdef_photo_adverse.mov": "",
        "train/attack/hand/attack_mobile_client001_session01_mobile_video_controlled.mov": "",
        "train/attack/hand/attack_highdef_client001_session01_highdef_photo_controlled.mov": "",
        "devel/real/client003_session01_webcam_authenticate_adverse_1.mov": "",
        "devel/attack/fixed/attack_print_client003_session01_highdef_photo_adverse.mov": "",
        "devel/attack/fixed/attack_mobile_client003_session01_mobile_photo_adverse.mov": "",
        "devel/attack/fixed/attack_highdef_client003_session01_highdef_video_adverse.mov": "",
        "test/real/client009_session01_webcam_authenticate_adverse_1.mov": "",
        "test/attack/hand/attack_print_client009_session01_highdef_photo_adverse.mov": "",
        "test/attack/hand/attack_mobile_client009_session01_mobile_video_adverse.mov": "",
        "test/attack/hand/attack_highdef_client009_session01_highdef_video_adverse.mov": "",
    },
)
def replay_attack(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read labels from the folders and the file names."""
    pattern = (
        r"(?P<part>train|devel|test)/(?:real|attack/(?P<support>fixed|hand))/"
        r"(?:attack_(?P<instrument>print|mobile|highdef)_)?client(?P<subject>\d+)_session(?P<session>\d+)_"
        r".*_(?P<lighting>adverse|controlled)(?:_\d)?\.mov"
    )
    for path, found in root.matches(pattern):
        if protocol in ("grandtest", found["instrument"]) or not found["instrument"]:
            yield root.row(
                _PARTITION[found["part"]],
                {"face_rgb": path},
                _INSTRUMENT.get(found["instrument"]),
                subject=found["subject"],
                session=found["session"],
                lighting=found["lighting"],
                support=found["support"],
            )
