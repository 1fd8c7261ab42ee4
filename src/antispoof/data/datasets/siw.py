"""SiW (Spoof in the Wild): 165 people; prints and four replay devices; protocols 1 to 3."""

from __future__ import annotations

from collections.abc import Iterator

from antispoof.data.layout import Root, dataset
from antispoof.data.presentation import CaptureFile, Presentation

_FIRST_FRAMES = 60


@dataset(
    "siw",
    title="SiW",
    modalities=("face_rgb",),
    protocols={
        "1": "pose and expression: train on the first 60 frames of each video, test on all",
        **{f"2_{n}": f"unseen replay medium {n} of 4: train on the other three" for n in range(1, 5)},
        "3_print": "unseen print: train on replays, test on prints",
        "3_replay": "unseen replay: train on prints, test on replays",
    },
    licence="research only, signed agreement",
    ask="http://cvlab.cse.msu.edu/siw-spoof-in-the-wild-database.html",
    reference="Liu, Jourabloo, Liu, CVPR 2018",
    notes=(
        "Names are subject-sensor-type-medium-session; type 1 is bona fide, 2 print, 3 replay. No "
        "development set. The number of videos differs between releases, so no count is checked."
    ),
    example={
        "Train/live/003/003-1-1-1-1.mov": "",
        "Train/spoof/003/003-1-2-1-1.mov": "",
        **{f"Train/spoof/003/003-1-3-{medium}-1.mov": "" for medium in range(1, 5)},
        "Test/live/006/006-1-1-1-1.mov": "",
        "Test/spoof/006/006-2-2-2-1.mov": "",
        **{f"Test/spoof/006/006-1-3-{medium}-1.mov": "" for medium in range(1, 5)},
    },
)
def siw(root: Root, protocol: str) -> Iterator[Presentation]:
    """Read labels from the file names; protocols choose by partition, type and medium."""
    pattern = (
        r"(?P<part>Train|Test)/(?:live|spoof)/\d+/"
        r"(?P<subject>\d+)-(?P<sensor>\d)-(?P<kind>[123])-(?P<medium>\d)-(?P<session>\d)\.mov"
    )
    number, _, unseen = protocol.partition("_")
    for path, found in root.matches(pattern):
        kind, training = found["kind"], found["part"] == "Train"
        if kind != "1":
            new = (number == "2" and kind == "3" and found["medium"] == unseen) or (
                number == "3" and kind == {"print": "2", "replay": "3"}[unseen]
            )
            if (number == "2" and kind != "3") or (number != "1" and new == training):
                continue
        species = {"1": None, "2": "print", "3": f"replay_{found['medium']}"}[kind]
        row = root.row(
            "train" if training else "test",
            {"face_rgb": path},
            species,
            subject=found["subject"],
            session=found["session"],
            capture_device=f"camera_{found['sensor']}",
        )
        if number == "1" and training:
            first = CaptureFile(row.captures["face_rgb"].path, (0, _FIRST_FRAMES))
            row = Presentation(
                **{n: getattr(row, n) for n in row.__slots__} | {"captures": {"face_rgb": first}}
            )
        yield row
