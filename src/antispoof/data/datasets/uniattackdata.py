"""UniAttackData: 1,800 people, two physical and twelve digital attacks on the same people."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation


def _lists() -> dict[str, str]:
    lists = {}
    for number in ("p1", "p2.1", "p2.2"):
        for part, person in (("train", "001"), ("dev", "201"), ("test", "301")):
            rows = "UniAttackData/Data/live/{0}/0001.jpg 0\nUniAttackData/Data/simswap/{0}/0001.jpg 1\n"
            lists[f"protocol/UniAttackData@{number}_image_{part}.txt"] = rows.format(person)
    return lists


@dataset(
    "uniattackdata",
    title="UniAttackData",
    modalities=("face_rgb",),
    protocols={
        "p1": "all attacks, physical and digital",
        "p2.1": "unseen physical attacks",
        "p2.2": "unseen digital attacks",
    },
    licence="research only, signed agreement",
    bona_fide_digit="0",
    ask="https://sites.google.com/view/face-anti-spoofing-challenge",
    reference="Fang et al., IJCAI 2024 (arXiv:2401.17699)",
    notes=(
        "The folder below Data/ names the attack (live, spoof, adv-attacks, simswap, …) and the lists hold a "
        "path and a label, 0 for bona fide; the folder decides, and has to agree with the digits. How the "
        "folders below name people is not documented: subjects are unknown."
    ),
    example={
        **_lists(),
        **{
            f"Data/{kind}/{person}/0001.jpg": ""
            for kind in ("live", "simswap")
            for person in ("001", "201", "301")
        },
    },
)
def uniattackdata(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read the image lists of a protocol; the paths in them start at the folder above the root."""
    for partition in ("train", "dev", "test"):
        for line in root.lines(f"protocol/UniAttackData@{protocol}_image_{partition}.txt"):
            path, label = line.rsplit(" ", 1)
            path = path.removeprefix("UniAttackData/")
            folders = path.split("/")
            kind = folders[1] if folders[0] == "Data" else "unspecified"
            says = None if kind == "unspecified" else kind.lower() == "live"
            genuine = root.by_digit(label, says, "0", path)
            yield root.row(partition, {"face_rgb": path}, None if genuine else kind.lower())
