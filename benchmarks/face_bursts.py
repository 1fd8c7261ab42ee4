"""How often bursts are told to show several people: of one person in a row, and of several, on real captures.

    python benchmarks/face_bursts.py --data DIR --bundle face-rgb

DIR is that of ``face_rgb.py``. What is in a row in its manifest was mostly taken in a row; a source may hold
several people and places, so that some of what is told of five in a row is right: ``--list`` names them. Of
its portraits, one of each of two to eight people make a burst, and six people clips that cut between them;
films of people give bursts of five pictures spread over so many seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from face_rgb import PRINT, read_pictures

import antispoof
from antispoof.errors import InputError
from antispoof.runtime.bundle import default_bundle
from antispoof.runtime.verdict import Verdict
from antispoof.sensing import copies as copies_told
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import find_faces
from antispoof.sensing.media import load_image
from antispoof.sensing.video import film_pictures
from antispoof.simulation.face.collection import portrait_files

BURSTS = 60  # of each kind
FRAMES = 5
FILMED_S = 4.0
TOLD = {"several_people", "spliced"}
CLIPS = 10
CASTS = (2, 6)  # people of a clip
RATE = 25
SPREAD_S = (0.8, 4.0, 8.0)  # of bursts out of films


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    parser.add_argument("--list", action="store_true", help="name the bursts in a row that are told")
    parser.add_argument(
        "--coded-anew", action="store_true", help="only how near copies, and neighbours in films, are"
    )
    parser.add_argument("--only", choices=["rows", *PARTS], help="one part of it")
    arguments = parser.parse_args()
    if arguments.coded_anew:
        coded_anew(arguments.data)
        return
    detector = antispoof.load(arguments.bundle or default_bundle("face_rgb"))
    for name, part in PARTS.items():
        if arguments.only in (None, name):
            part(detector, arguments.data)
    if arguments.only in (None, "rows"):
        of_sources(detector, arguments.data, arguments.list)


def of_sources(detector: antispoof.Detector, data: Path, list_told: bool) -> None:
    """Pictures in a row of one source, and of several; copies as references."""
    people: dict[str, list[Any]] = {}
    attacks: dict[str, list[Any]] = {}
    for picture in read_pictures(data):
        if picture.source != f"collected-{PRINT}" and picture.quality.usable:
            (attacks if picture.pai_species else people).setdefault(picture.source, []).append(picture)
    names = [name for name in people if len(people[name]) >= FRAMES]
    random = np.random.default_rng(0)

    def row(held: list[Any], count: int) -> list[Any]:
        start = int(random.integers(0, len(held) - count + 1))
        return held[start : start + count]

    def of_several(counts: tuple[int, ...]) -> list[Any]:
        drawn = random.choice(len(names), len(counts), replace=False)
        return [
            one
            for index, count in zip(drawn, counts, strict=True)
            for one in row(people[names[index]], count)
        ]

    def told(title: str, bursts: list[list[Any]], show: bool = False) -> None:
        verdicts = [detector.check(face_rgb=[one.image for one in burst]) for burst in bursts]
        for burst, verdict in zip(bursts, verdicts, strict=True):
            if show and TOLD & {*verdict.evidence[0].reasons}:
                print("  ", burst[0].path, "and the next", len(burst) - 1)
        show_told(title, verdicts)

    in_row = [
        held[start : start + FRAMES] for held in people.values() for start in range(0, len(held), FRAMES)
    ]
    told("bona fide, five in a row", [one for one in in_row if len(one) == FRAMES], list_told)
    in_row = [
        held[start : start + FRAMES] for held in attacks.values() for start in range(0, len(held), FRAMES)
    ]
    told("attacks, five in a row", [one for one in in_row if len(one) == FRAMES], list_told)
    for counts in ((1, 1), (3, 2), (4, 1), (1, 1, 1), (1, 1, 1, 1, 1)):
        told(
            f"{' + '.join(map(str, counts))} of {len(counts)} sources",
            [of_several(counts) for _ in range(BURSTS)],
        )
    both = [name for name in names if len(attacks.get(name, [])) >= FRAMES]
    mixed = [row(people[name], 3) + row(attacks[name], 2) for name in random.choice(both, BURSTS)]
    told("3 bona fide + 2 attacks of one source", mixed)
    copies(detector, people, attacks, random)


def of_portraits(detector: antispoof.Detector, data: Path) -> None:
    """Bursts of one portrait of each of several people."""
    random = np.random.default_rng(1)
    portraits = portrait_files(data / "portraits")
    for count in range(2, 9):
        bursts = [[portraits[n] for n in random.choice(len(portraits), count, False)] for _ in range(BURSTS)]
        show_told(f"portraits of {count} people", [detector.check(face_rgb=burst) for burst in bursts])


def of_cuts(detector: antispoof.Detector, data: Path) -> None:
    """Clips that cut between portraits of several people."""
    random = np.random.default_rng(2)
    portraits = portrait_files(data / "portraits")
    for title, every in (("every frame", 1), ("every half second", RATE // 2)):
        for cast in CASTS:
            drawn = [random.choice(len(portraits), cast, False) for _ in range(CLIPS)]
            clips = [cut_clip(detector, [load_image(portraits[n]) for n in one], every) for one in drawn]
            show_told(f"clips of {cast} people that cut {title}", clips)


def show_told(title: str, verdicts: list[Verdict]) -> None:
    """Print of how many it is told that they are no capture of one person, and how many pass."""
    found = sum(bool(TOLD & {*verdict.evidence[0].reasons}) for verdict in verdicts)
    passed = sum(verdict.outcome == "bona_fide" for verdict in verdicts)
    said, went = (
        f"{count} of {len(verdicts)} ({100 * count / len(verdicts):.1f} %)" for count in (found, passed)
    )
    print(f"{title}: {said} told, {went} judged bona fide", flush=True)


def cut_clip(detector: antispoof.Detector, people: list[Any], every: int) -> Verdict:
    """Check a clip of 4 s that shows each for so many frames, in turn; each sways as before a camera."""
    rng = np.random.default_rng(len(people))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cuts.mp4")
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = 224, 272, "yuv420p"
            for number in range(int(FILMED_S * RATE)):
                sway = 6 * np.sin(np.array([0.9, 1.3]) * 2 * np.pi * number / RATE)
                shown = cv2.warpAffine(
                    people[number // every % len(people)],
                    np.array([[1, 0, sway[0]], [0, 1, sway[1]]], np.float32),
                    (224, 272),
                    borderMode=cv2.BORDER_REPLICATE,
                )
                noisy = np.clip(shown + rng.normal(0, 3, shown.shape), 0, 255).astype(np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, "rgb24")))
            out.mux(stream.encode(None))
        return detector.check(face_rgb=path)


def from_films(detector: antispoof.Detector, data: Path) -> None:
    """Bursts of five out of films, of one person each: bona fide and replayed."""
    for kind in ("bonafide", "replay"):
        for spread in SPREAD_S:
            verdicts = []
            for film in sorted((data / "videos" / kind).iterdir()):
                shown = [(time_s, picture) for time_s, picture in film_pictures(film) if time_s < 20]
                times = np.array([time_s for time_s, _ in shown])
                for start in np.arange(0, times[-1] - spread, max(spread / 2, 1.5)):
                    wanted = start + np.linspace(0, spread, FRAMES)
                    places = np.abs(times[:, None] - wanted).argmin(axis=0)
                    verdict = detector.check(face_rgb=[shown[place][1] for place in places])
                    if verdict.evidence[0].status == "used":
                        verdicts.append(verdict)
            show_told(f"films, {kind}, five pictures over {spread:g} s", verdicts)


def coded_anew(data: Path) -> None:
    """How far a picture lies from itself, coded anew, and from its neighbours in films of people.

    By the measure for copies of references, and by the same without its blur, at the size of the picture.
    """
    patterns = {"as for references": copies_told._pattern, "in the finest detail": _fine}
    apart: dict[str, dict[str, list[float]]] = {name: {} for name in patterns}
    for film in sorted((data / "videos" / "bonafide").iterdir()):
        shown = [picture for time_s, picture in film_pictures(film) if time_s < FILMED_S]
        for one, other in zip(shown[::6], shown[6::6], strict=False):
            faces = find_faces(one)
            if not faces:
                continue
            for name, pattern in patterns.items():
                own = pattern(one, faces[0].box)
                for quality in (50, 80, 95):
                    coded = cv2.imencode(".jpg", one[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
                    copy: Any = cv2.imdecode(coded, cv2.IMREAD_COLOR)
                    gap = np.linalg.norm(own - pattern(copy[..., ::-1], faces[0].box))
                    apart[name].setdefault(f"copy of quality {quality}", []).append(float(gap))
                gap = np.linalg.norm(own - pattern(other, faces[0].box))
                apart[name].setdefault(f"neighbour in {film.name}", []).append(float(gap))
    for name, kinds in apart.items():
        for kind, gaps in kinds.items():
            low, middle, high = np.quantile(gaps, (0.05, 0.5, 0.95))
            print(f"{name}: {kind}: {low:.3f} to {high:.3f}, median {middle:.3f}")


def _fine(picture: Any, face: Box) -> Any:
    """What changes from pixel to pixel in a face: noise of the sensor, and of the coding."""
    height, width = picture.shape[:2]
    top, left = max(int(face.y), 0), max(int(face.x), 0)
    cut = picture[top : min(int(face.y + face.height), height), left : min(int(face.x + face.width), width)]
    grey = cv2.cvtColor(np.ascontiguousarray(cut), cv2.COLOR_RGB2GRAY).astype(np.float32)
    quick = grey - cv2.GaussianBlur(grey, (0, 0), 1.0)
    return quick / max(float(np.linalg.norm(quick)), 1e-6)


def copies(
    detector: antispoof.Detector,
    people: dict[str, list[Any]],
    attacks: dict[str, list[Any]],
    random: np.random.Generator,
) -> None:
    """Attacks that bring a copy of themselves, coded anew, as their reference; and people who bring none."""
    outcomes = {"alone": 0, "with a copy": 0}
    judged = 0
    drawn = [
        held[k].image for held in attacks.values() for k in random.choice(len(held), min(6, len(held)), False)
    ]
    found = 0
    for image in drawn:
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
        try:
            verdict = detector.check(face_rgb=image, reference=[coded])
        except InputError:  # what cannot be judged is no reference
            continue
        judged += 1
        outcomes["alone"] += detector.check(face_rgb=image).outcome == "bona_fide"
        outcomes["with a copy"] += verdict.outcome == "bona_fide"
        found += bool(verdict.references) and verdict.references[0].copied == (1,)
    print(f"attacks with a copy of themselves, coded anew, as reference: {found} of {judged} copies told")
    print(f"  judged bona fide: {outcomes['alone']} alone, {outcomes['with a copy']} with it")
    pairs = [(held[k], held[k + 3]) for held in people.values() for k in range(0, len(held) - 3, 5)]
    told = sum(
        use.copied == (1,)
        for one, other in pairs
        for use in detector.check(face_rgb=one.image, reference=[other.image]).references
    )
    print(f"people with the capture three before theirs as reference: {told} of {len(pairs)} told as copies")


PARTS = {"portraits": of_portraits, "cuts": of_cuts, "films": from_films}

if __name__ == "__main__":
    main()
