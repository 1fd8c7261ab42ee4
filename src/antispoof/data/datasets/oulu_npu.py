"""OULU-NPU: 55 people, six phones, three sessions; two printers and two screens; protocols 1 to 4."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.errors import InputError

_SPECIES = {"1": None, "2": "print_1", "3": "print_2", "4": "replay_display_1", "5": "replay_display_2"}
_PROTOCOLS = {
    "1": "unseen session: lighting and background of the test are new",
    "2": "unseen instruments: other printer and display in the test",
    **{f"3_{phone}": f"unseen phone {phone}" for phone in range(1, 7)},
    **{f"4_{phone}": f"unseen session, instruments and phone {phone}" for phone in range(1, 7)},
}


def _lists(number: str, phone: str) -> dict[str, str]:
    suffix = f"_{phone}" if phone else ""
    return {
        f"Protocols/Protocol_{number}/Train{suffix}.txt": "+1,1_1_01_1\n-1,1_1_01_2\n",
        f"Protocols/Protocol_{number}/Dev{suffix}.txt": "+1,1_1_21_1\n-2,1_1_21_4\n",
        f"Protocols/Protocol_{number}/Test{suffix}.txt": "+1,1_3_36_1\n-1,1_3_36_3\n",
    }


@dataset(
    "oulu_npu",
    title="OULU-NPU",
    modalities=("face_rgb",),
    protocols=_PROTOCOLS,
    counts={
        "1": {"train": (240, 960), "dev": (180, 720), "test": (120, 480)},
        "2": {"train": (360, 720), "dev": (270, 540), "test": (360, 720)},
        **{f"3_{n}": {"train": (300, 1200), "dev": (225, 900), "test": (60, 240)} for n in range(1, 7)},
        **{f"4_{n}": {"train": (200, 400), "dev": (150, 300), "test": (20, 40)} for n in range(1, 7)},
    },
    licence="research only, signed agreement",
    ask="https://sites.google.com/site/oulunpudatabase/",
    reference="Boulkenafet et al., FG 2017",
    notes="The paper reports the mean and deviation over the six phones of protocols 3 and 4.",
    example={
        **_lists("1", ""),
        **_lists("2", ""),
        **{k: v for n in range(1, 7) for number in ("3", "4") for k, v in _lists(number, str(n)).items()},
        "Train_files/1_1_01_1.avi": "",
        "Train_files/1_1_01_2.avi": "",
        "Dev_files/1_1_21_1.avi": "",
        "Dev_files/1_1_21_4.avi": "",
        "Test_files/1_3_36_1.avi": "",
        "Test_files/1_3_36_3.avi": "",
    },
)
def oulu_npu(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read the official lists; the last number of a name, not the list, tells the kind of attack."""
    number, _, phone = protocol.partition("_")
    for name, partition in (("Train", "train"), ("Dev", "dev"), ("Test", "test")):
        listed = f"Protocols/Protocol_{number}/{name}{'_' + phone if phone else ''}.txt"
        for line in root.lines(listed):
            sign, video = (cell.strip() for cell in line.split(",")[:2])
            device, session, subject, kind = video.split("_")
            if (sign in ("+1", "1")) != (_SPECIES[kind] is None):
                raise InputError(
                    f"oulu_npu: {listed} says {sign} of {video}, whose name says "
                    f"{_SPECIES[kind] or 'bona fide'}: the list and the name contradict each other"
                )
            yield root.row(
                partition,
                {"face_rgb": f"{name}_files/{video}.avi"},
                _SPECIES[kind],
                subject=subject,
                session=session,
                capture_device=f"phone_{device}",
            )
