"""How often bursts are told to show several people: of one person in a row, and of several, on real captures.

    python benchmarks/face_bursts.py --data DIR --bundle face-rgb

DIR is that of ``face_rgb.py``. What is in a row in its manifest was mostly taken in a row; a source may hold
several people and places, so that some of what is told of five in a row is right: ``--list`` names them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from face_rgb import PRINT, read_pictures

import antispoof
from antispoof.errors import InputError
from antispoof.runtime.bundle import default_bundle
from antispoof.sensing import copies as copies_told
from antispoof.sensing import people as people_told
from antispoof.sensing.capture import Box
from antispoof.sensing.faces import find_faces
from antispoof.sensing.video import film_pictures

BURSTS = 60  # of each kind
FRAMES = 5
FILMED_S = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--bundle", help="another bundle than the shipped one")
    parser.add_argument("--list", action="store_true", help="name the bursts in a row that are told")
    parser.add_argument(
        "--near",
        type=float,
        help="how far apart one person's captures lie at most, to try; 1.25 on simulation",
    )
    parser.add_argument(
        "--coded-anew", action="store_true", help="only how near copies, and neighbours in films, are"
    )
    arguments = parser.parse_args()
    if arguments.coded_anew:
        coded_anew(arguments.data)
        return
    if arguments.near:
        people_told.TONES_NEAR = arguments.near
    detector = antispoof.load(arguments.bundle or default_bundle("face_rgb"))
    people: dict[str, list[Any]] = {}
    attacks: dict[str, list[Any]] = {}
    for picture in read_pictures(arguments.data):
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
        found = passed = 0
        for burst in bursts:
            verdict = detector.check(face_rgb=[one.image for one in burst])
            passed += verdict.outcome == "bona_fide"
            if "several_people" in verdict.evidence[0].reasons:
                found += 1
                if show:
                    print("  ", burst[0].path, "and the next", len(burst) - 1)
        said, went = (
            f"{count} of {len(bursts)} ({100 * count / len(bursts):.1f} %)" for count in (found, passed)
        )
        print(f"{title}: {said} told, {went} judged bona fide", flush=True)

    in_row = [
        held[start : start + FRAMES] for held in people.values() for start in range(0, len(held), FRAMES)
    ]
    told("bona fide, five in a row", [one for one in in_row if len(one) == FRAMES], arguments.list)
    in_row = [
        held[start : start + FRAMES] for held in attacks.values() for start in range(0, len(held), FRAMES)
    ]
    told("attacks, five in a row", [one for one in in_row if len(one) == FRAMES], arguments.list)
    for counts in ((1, 1), (3, 2), (4, 1), (1, 1, 1), (1, 1, 1, 1, 1)):
        told(
            f"{' + '.join(map(str, counts))} of {len(counts)} sources",
            [of_several(counts) for _ in range(BURSTS)],
        )
    both = [name for name in names if len(attacks.get(name, [])) >= FRAMES]
    mixed = [row(people[name], 3) + row(attacks[name], 2) for name in random.choice(both, BURSTS)]
    told("3 bona fide + 2 attacks of one source", mixed)
    copies(detector, people, attacks, random)


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


if __name__ == "__main__":
    main()
