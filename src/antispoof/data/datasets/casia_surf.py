"""CASIA-SURF: 1,000 people, cut and bent prints, aligned colour, depth and infrared crops."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation
from antispoof.labels import folder_meaning

_LISTS = (
    ("train", ("train_list.txt",)),
    ("dev", ("val_private_list.txt", "val_label.txt")),
    ("test", ("test_private_list.txt",)),
)


def _line(part: str, person: str, clip: str, label: int) -> str:
    side = "real_part" if label else "fake_part"
    return (
        " ".join(f"{part}/{side}/{person}/{clip}/{kind}/1.jpg" for kind in ("color", "depth", "ir"))
        + f" {label}\n"
    )


def _media(part: str, person: str) -> dict[str, str]:
    clips = ("real_part", "real.rssdk"), ("fake_part", "06_enm_b.rssdk")
    return {
        f"{part}/{side}/{person}/{clip}/{kind}/1.jpg": ""
        for side, clip in clips
        for kind in ("color", "depth", "ir")
    }


@dataset(
    "casia_surf",
    title="CASIA-SURF",
    modalities=("face_rgb", "face_depth", "face_infrared"),
    protocols={"challenge": "the lists of the 2019 challenge: a picture of three sensors a line"},
    counts={"challenge": {"train": (8942, 20324), "dev": (2994, 6614), "test": (17458, 40252)}},
    licence="research only, signed agreement",
    bona_fide_digit="1",
    ask="https://sites.google.com/view/face-anti-spoofing-challenge",
    reference="Zhang et al., CVPR 2019 (arXiv:1908.10654)",
    notes=(
        "A row is a picture; session is the video it comes from. Depth is stored as 8-bit relative depth, "
        "not in millimetres: state how deep its range is, as --unit face_depth='relative 300', to use it. In "
        "these lists 1 is bona fide; those of the later benchmark releases say 0: the "
        "folder decides (real_part, fake_part), and has to agree with the digits."
    ),
    example={
        "train_list.txt": _line("Training", "CLKJ_AS0137", "real.rssdk", 1)
        + _line("Training", "CLKJ_AS0137", "06_enm_b.rssdk", 0),
        "val_private_list.txt": _line("Val", "CLKJ_AS0010", "real.rssdk", 1)
        + _line("Val", "CLKJ_AS0010", "06_enm_b.rssdk", 0),
        "test_private_list.txt": _line("Testing", "CLKJ_CS0001", "real.rssdk", 1)
        + _line("Testing", "CLKJ_CS0001", "06_enm_b.rssdk", 0),
        **_media("Training", "CLKJ_AS0137"),
        **_media("Val", "CLKJ_AS0010"),
        **_media("Testing", "CLKJ_CS0001"),
    },
)
def casia_surf(root: Root, protocol: str) -> Iterator[Presentation]:  # noqa: ARG001 - it has one protocol
    """Read the lists; the number that opens the name of a clip is the attack, 1 to 6."""
    for partition, names in _LISTS:
        for line in root.lines(*names):
            color, depth, infrared, label = line.split()
            person, clip = [*color.split("/"), "", "", "", ""][2:4]
            number = clip[:2] if clip[:2].isdigit() else ""
            side = folder_meaning([*color.split("/"), ""][1])
            says = side == "bona_fide" if side else False if number else None
            genuine = root.by_digit(label, says, "1", color)
            yield root.row(
                partition,
                {"face_rgb": color, "face_depth": depth, "face_infrared": infrared},
                None if genuine else f"print_attack_{number}" if number else "print",
                subject=person if person.startswith("CLKJ") else "",
                session="/".join(color.split("/")[:-2]),
            )
