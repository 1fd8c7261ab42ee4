"""Replay-Mobile (Idiap): 40 people recorded by a phone and a tablet; prints and a matte screen."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_PARTITION = {"train": "train", "devel": "dev", "test": "test"}


@dataset(
    "replay_mobile",
    title="Replay-Mobile",
    modalities=("face_rgb",),
    protocols={"grandtest": "all attacks", "print": "prints only", "mattescreen": "replays only"},
    counts={"grandtest": {"train": (120, 192), "dev": (160, 256), "test": (110, 192)}},
    licence="research only, signed agreement",
    ask="https://www.idiap.ch/en/scientific-research/data/replay-mobile",
    reference="Costa-Pazo et al., BIOSIG 2016",
    notes="Videos of the phone are stored upside down or rotated; look at the contact sheet before training.",
    example={
        "train/real/client001_session01_authenticate_mobile_adverse.mov": "",
        "train/attack/attack_client001_session01_mattescreen_fixed_mobile_photo_lightoff.mov": "",
        "train/attack/attack_client001_session01_print_hand_tablet_photo_lighton.mov": "",
        "devel/real/client005_session02_authenticate_tablet_lighton_1.mov": "",
        "devel/attack/attack_client005_session01_mattescreen_fixed_tablet_video_lightoff.mov": "",
        "devel/attack/attack_client005_session01_print_fixed_tablet_photo_lightoff.mov": "",
        "test/real/client009_session01_authenticate_mobile_direct.mov": "",
        "test/attack/attack_client009_session01_print_fixed_mobile_photo_lightoff.mov": "",
        "test/attack/attack_client009_session01_mattescreen_fixed_mobile_video_lighton.mov": "",
    },
)
def replay_mobile(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read labels from the folders and the file names."""
    pattern = (
        r"(?P<part>train|devel|test)/(?:real|attack)/(?:.*/)?(?:attack_)?client(?P<subject>\d+)_"
        r"session(?P<session>\d+)_(?:authenticate|(?P<instrument>print|mattescreen)_(?P<support>fixed|hand))_"
        r"(?P<device>mobile|tablet).*\.mov"
    )
    species = {"print": "print", "mattescreen": "replay_screen"}
    for path, found in root.matches(pattern):
        if protocol in ("grandtest", found["instrument"]) or not found["instrument"]:
            yield root.row(
                _PARTITION[found["part"]],
                {"face_rgb": path},
                species.get(found["instrument"]),
                subject=found["subject"],
                session=found["session"],
                capture_device=found["device"],
                support=found["support"],
            )
