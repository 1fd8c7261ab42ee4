"""MSU-MFSD: 35 people recorded by a laptop and a phone; prints, a tablet and a phone."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

_SPECIES = {"ipad_video": "replay_tablet", "iphone_video": "replay_phone", "printed_photo": "print"}


@dataset(
    "msu_mfsd",
    title="MSU-MFSD (public version)",
    modalities=("face_rgb",),
    protocols={"grandtest": "all attacks"},
    counts={"grandtest": {"train": (30, 90), "test": (40, 120)}},
    licence="research only, signed agreement",
    ask="http://biometrics.cse.msu.edu/Publications/Databases/MSUMobileFaceSpoofing/",
    reference="Wen, Han, Jain, IEEE TIFS 2015",
    notes="No development set. Lists name subjects with leading zeros or without; both are read.",
    example={
        "train_sub_list.txt": "01\n",
        "test_sub_list.txt": "02\n",
        "scene01/real/real_client001_android_SD_scene01.mp4": "",
        "scene01/attack/attack_client001_android_SD_ipad_video_scene01.mp4": "",
        "scene01/attack/attack_client001_laptop_SD_printed_photo_scene01.mov": "",
        "scene01/real/real_client002_laptop_SD_scene01.mov": "",
        "scene01/attack/attack_client002_android_SD_iphone_video_scene01.mp4": "",
    },
)
def msu_mfsd(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read labels from the file names and the partition from the lists of subjects."""
    partition = {int(line): part for part in ("train", "test") for line in root.lines(f"{part}_sub_list.txt")}
    pattern = (
        r"(?:.*/)?(?P<side>real|attack)_client(?P<subject>\d+)_(?P<device>android|laptop)_SD_"
        r"(?:(?P<instrument>ipad_video|iphone_video|printed_photo)_)?scene\d+\.(?:mp4|mov)"
    )
    for path, found in root.matches(pattern):
        if (found["side"] == "real") != (not found["instrument"]):
            raise InputError(
                f"msu_mfsd: the name {path} says {found['side']}, and the instrument "
                f"{found['instrument'] or 'none'}: it contradicts itself"
            )
        if int(found["subject"]) in partition:
            yield root.row(
                partition[int(found["subject"])],
                {"face_rgb": path},
                _SPECIES.get(found["instrument"]),
                subject=found["subject"],
                capture_device=found["device"],
            )
