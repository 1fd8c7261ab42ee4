"""LivDet fingerprint, 2013 to 2023: live and fake fingers on optical and thermal sensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from antispoof.data.layout import Counts, Dataset, Root, dataset
from antispoof.data.presentation import Presentation

_SENSORS = {
    2013: ("Biometrika", "CrossMatch", "Italdata", "Swipe"),
    2015: ("Biometrika", "CrossMatch", "DigitalPersona", "GreenBit"),
    2017: ("DigitalPersona", "GreenBit", "Orcanthus"),
    2019: ("DigitalPersona", "GreenBit", "Orcanthus"),
    2021: ("Dermalog", "GreenBit"),
    2023: ("Dermalog", "GreenBit", "Unknown"),
}
_REMARKS = {
    2023: " Two sensors of 2023 are not named, and trained on live fingers alone; expected are folders that "
    "start with Unknown.",
}
_COUNTS: dict[int, dict[str, Counts]] = {
    2013: {sensor: {"train": (1000, 1000), "test": (1000, 1000)} for sensor in ("Biometrika", "Italdata")},
    2015: {
        **{
            s: {"train": (1000, 1000), "test": (1000, 1500)}
            for s in ("Biometrika", "DigitalPersona", "GreenBit")
        },
        "CrossMatch": {"train": (1510, 1473), "test": (1500, 1448)},
    },
}
_ALIASES = {"hiscan": "biometrika", "digital_persona": "digitalpersona", "hi_scan": "biometrika"}
_SIDES = {"live": True, "alive": True, "fake": False, "spoof": False}


def _reader(year: int) -> Callable[[Root, str], Iterator[Presentation]]:
    def read(root: Root, protocol: str) -> Iterator[Presentation]:
        known = [sensor.lower() for sensor in _SENSORS[year]]
        suffixes = (".png", ".bmp", ".tif", ".jpg")
        any_image = False
        for path in root.files():
            folders = path.lower().split("/")[:-1]
            if not path.lower().endswith(suffixes):
                continue
            any_image = True
            part = next(
                (p for p in ("train", "test") if any(f.startswith(p) or f.endswith(p) for f in folders)), ""
            )
            sides = [i for i, name in enumerate(folders) if name in _SIDES]
            sensor = next((s for s in known if any(_plain(f).startswith(s) for f in folders)), "")
            if not part or not sides or not sensor:
                raise root.wrong(f"Train/Test, sensor and Live/Fake folder around {path}")
            if sensor != protocol.lower() and protocol != "all":
                continue
            live = _SIDES[folders[sides[-1]]]
            material = folders[-1] if sides[-1] < len(folders) - 1 else "unspecified"
            finger = re.match(r"\d+", path.rsplit("/", 1)[-1])
            yield root.row(
                part,
                {"fingerprint": path},
                None if live else re.sub(r"\W+", "_", material),
                subject=f"{part}{finger[0]}" if live and finger else "",
                capture_device=sensor,
            )
        if not any_image:
            raise root.wrong()

    return read


def _plain(folder: str) -> str:
    name = folder.replace(" ", "_")
    for alias, sensor in _ALIASES.items():
        name = name.replace(alias, sensor)
    return name


def _dataset(year: int) -> Dataset:
    sensors = _SENSORS[year]
    fake = "Spoof" if year in (2013, 2021, 2023) else "Fake"
    example = {}
    for sensor in sensors:
        for part in ("Training", "Testing"):
            folder = f"{part}/{sensor}{part.removesuffix('ing')}" if year == 2013 else f"{part}/{sensor}"
            example[f"{folder}/Live/001_0_0.png"] = ""
            example[f"{folder}/{fake}/Ecoflex/002_0_0.png"] = ""
    return dataset(
        f"livdet{year}_fingerprint",
        title=f"LivDet {year} fingerprint",
        modalities=("fingerprint",),
        protocols={"all": "all sensors together", **{s: f"{s} sensor" for s in sensors}},
        counts=_COUNTS.get(year, {}),
        licence="research only, signed agreement",
        ask="https://livdet.org/registration.php",
        reference=f"LivDet {year} competition report",
        notes=(
            "The archives of the years and sensors are not laid out alike. Expected of every image: a folder "
            "that starts or ends with Train or Test, one that starts with the sensor, one called Live or "
            "Fake (Spoof), and, below that, the material. The number that opens a name is taken as the "
            "person, separately in each partition; a fake names none." + _REMARKS.get(year, "")
        ),
        example=example,
    )(_reader(year))


for _year in _SENSORS:
    _dataset(_year)
