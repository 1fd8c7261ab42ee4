"""CASIA-SURF CeFA: 1,607 people of three ethnicities; cloth prints, replays and masks; protocols 1 to 4."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import Presentation

_SPECIES = {"2": "print_cloth", "3": "print", "4": "replay_screen"}
_ETHNICITY = {"1": "african", "2": "central_asian", "3": "east_asian"}
_MODALITY = {"face_rgb": "color", "face_depth": "depth", "face_infrared": "ir"}
_SEEN = {"1": "African", "3": "Central Asian", "5": "East Asian"}
_PROTOCOLS = {
    **{f"1.{n}": f"cross-ethnicity: train on {name} people" for n, name in _SEEN.items()},
    "2.1": "cross-attack: train on cloth prints",
    "2.2": "cross-attack: train on replays",
    "3.color": "cross-modality: train on colour, test on depth and infrared",
    "3.depth": "cross-modality: train on depth, test on colour and infrared",
    "3.ir": "cross-modality: train on infrared, test on colour and depth",
    **{f"4.{n}": f"ethnicity and attack: train on {name} people and replays" for n, name in _SEEN.items()},
}
_TRAIN = "Ethnicity/AF/AF-120/1_120_1_1_1", "Ethnicity/AF/AF-120/1_120_3_1_4"
_DEV = "Ethnicity/AF/AF-201/1_201_1_1_1", "Ethnicity/AF/AF-201/1_201_3_1_4"
_TEST = (
    "Ethnicity/CA/CA-300/2_300_1_1_1",
    "Ethnicity/CA/CA-300/2_300_1_1_2",
    "Mask/3D-Mask/002/1_002_1_1_2_1_3",
)


def _lists() -> dict[str, str]:
    lists = {}
    for number in ("1.1", "1.3", "1.5", "2.1", "2.2", "3", "4.1", "4.3", "4.5"):
        for part, clips in (("train", _TRAIN), ("dev", _DEV), ("test", _TEST)):
            rows = [f"CASIA_CeFA/{clip}/color/0001.jpg {int(i > 0)}" for i, clip in enumerate(clips)]
            lists[f"protocol/CASIA_CeFA@p{number}_image_{part}.txt"] = "\n".join(rows) + "\n"
    return lists


@dataset(
    "casia_cefa",
    title="CASIA-SURF CeFA",
    modalities=("face_rgb", "face_depth", "face_infrared"),
    protocols=_PROTOCOLS,
    counts={
        "1.1": {"train": 71915, "dev": 36298, "test": 191161},
        "1.3": {"train": 73304, "dev": 37855, "test": 185833},
        "1.5": {"train": 71704, "dev": 36193, "test": 188100},
        "2.1": {"train": 166255, "dev": 83499, "test": 151807},
        "2.2": {"train": 109632, "dev": 56070, "test": 210252},
        "4.1": {"train": 36513, "dev": 18468, "test": 155967},
        "4.3": {"train": 37167, "dev": 19093, "test": 152717},
        "4.5": {"train": 35952, "dev": 18509, "test": 153930},
    },
    licence="research only, signed agreement",
    bona_fide_digit="0",
    ask="https://sites.google.com/view/face-anti-spoofing-challenge",
    reference="Liu et al., WACV 2021, with the lists of github.com/liuajian/CASIA-FAS-Dataset",
    notes=(
        "A row is a picture; session is its video. Depth is stored as 8-bit relative depth: state how deep "
        "its range is, as --unit face_depth='relative 300', to use it. In the lists 0 is bona fide; the name "
        "of the clip decides, and has to agree with the digits. Protocol 3 has one list for "
        "all three directions, taken here with one modality in train and dev and the other two in test."
    ),
    example={
        **_lists(),
        **{
            f"{clip}/{kind}/0001.jpg": ""
            for clip in (*_TRAIN, *_DEV, *_TEST)
            for kind in ("color", "depth", "ir")
        },
    },
)
def casia_cefa(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read the image lists; the paths in them start at the folder above the root."""
    number, _, seen = protocol.partition(".")
    listed = number if number == "3" else protocol
    for partition in ("train", "dev", "test"):
        name = f"protocol/CASIA_CeFA@p{{}}_image_{partition}.txt"
        for line in root.lines(name.format(listed), name.format(listed.replace(".", ""))):
            path, label = line.split()
            path = path.removeprefix("CASIA_CeFA/")
            clip = path.split("/")[-3]
            parts = clip.split("_")
            masked = len(parts) > 5
            kinds = dict(_MODALITY)
            if number == "3":
                keep = {m for m, folder in kinds.items() if (folder == seen) == (partition != "test")}
                kinds = {m: kinds[m] for m in kinds if m in keep}
            says = False if masked else {"1": True, "2": False, "3": False, "4": False}.get(parts[4])
            genuine = root.by_digit(label, says, "0", path)
            mask = "mask_silicone" if "Silicone" in path else "mask_3d"
            yield root.row(
                partition,
                {m: path.replace("/color/", f"/{folder}/") for m, folder in kinds.items()},
                None if genuine else mask if masked else _SPECIES.get(parts[4], "unspecified"),
                subject=f"{'mask_' if masked else ''}{parts[0]}_{parts[1]}",
                session=path.rsplit("/", 2)[0],
                identifier=path.rsplit(".", 1)[0],
                ethnicity="" if masked else _ETHNICITY.get(parts[0], ""),
            )
