"""People filmed in simulation, turning, in light and cameras that change: what limits on bursts are set by.

Everybody is a portrait with the relief of a head (`antispoof.simulation.clip`) before a drawn room and a
drawn camera, of either suite; light and cameras that change are those of `antispoof.simulation.face`.
Pictures that the bundle could not judge are left out, as in a verdict.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import antispoof
from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError
from antispoof.sensing.capture import Box
from antispoof.sensing.repetition import THUMBNAIL_SIDE
from antispoof.sensing.video import film_pictures
from antispoof.simulation.clip.camera import Camera, Settings, draw_settings
from antispoof.simulation.clip.codecs import CODECS, encode
from antispoof.simulation.clip.layers import Layer, film
from antispoof.simulation.clip.motion import MOTIONS, Track
from antispoof.simulation.clip.person import act, body_of, head_layer
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.stage import FACE_MM, room
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.bona_fide import low_light, relight
from antispoof.simulation.face.camera import camera
from antispoof.simulation.face.collection import portrait_files, read_portrait
from antispoof.simulation.face.portrait import Portrait

SEED = 616
FRAMES = 5
SPREADS_S = (0.8, 4.0)  # of bursts
TURNED, TURNED_FAR = 1.6, 2.3  # times what people turn in simulated clips: up to 35 and 50 degrees to a side
FILM_S, FILM_RATE = 4.0, 12.5  # as many pictures as a clip is looked at
PICKED = 8
SEEN_EVERY = 2  # of the pictures of a film are kept in full
PIECE_S = (1.96, 2.08)  # of a film that is played again: nearly half, so that enough of it returns
EVENLY = 0.1  # by how much swings of a head that is shaken differ in time and width, deviation
AT_ONE_PLACE = 3  # people, one after the other, and pictures of each

T = TypeVar("T")
Picture = NDArray[np.uint8]
Change = Callable[[NDArray[Any]], NDArray[Any]]
"""What happens to a picture from some time on: (H, W) or (H, W, 3), 0 to 255, in and out."""


@dataclass(frozen=True)
class Look:
    """A picture that the bundle could judge: the face in it, its tone, and its ratio."""

    picture: Picture
    face: Box
    tone: NDArray[np.float64]
    score: float
    found: dict[Any, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Film:
    """A film of one person, about 12 pictures a second, and a replay of the same person.

    Attributes:
        times_s: (T,).
        thumbnails: float32, (T, 24, 24).
        looks: number of the picture → what was seen, of every second picture.
        replay: pictures of the replay, in the order of their times.
        coded: the thumbnails again, after the film was written to a file, and of somebody at the same place
            who shakes the head.
        again: the same of a piece of the film that is played again and again, by the way it is played.
    """

    times_s: NDArray[np.float64]
    thumbnails: NDArray[np.float32]
    looks: dict[int, Look]
    replay: list[Look]
    coded: dict[str, NDArray[np.float32]]
    again: dict[str, NDArray[np.float32]]


@dataclass
class People:
    """All that was simulated.

    Attributes:
        bursts: kind → for each person a list of bursts.
        places: for each place, people one after the other, some pictures of each.
        portraits: for each person the portrait, and shifted by hand.
        films: those of 2 k and 2 k + 1 are of two people before the same camera at the same place.
    """

    bursts: dict[str, list[list[list[Look]]]] = field(default_factory=dict)
    places: list[list[list[Look]]] = field(default_factory=list)
    portraits: list[list[Look]] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)


class Judge:
    """Looks at single pictures as a verdict would."""

    def __init__(self) -> None:
        self.detector = antispoof.load("face-rgb")
        self._rule = self.detector.bundle.metadata.reference

    def look(self, picture: Picture) -> Look | None:
        """Return None where it cannot be judged."""
        evidence = self.detector.check(face_rgb=np.ascontiguousarray(picture)).evidence[0]
        if evidence.score is None or evidence.features is None or evidence.region is None:
            return None
        assert self._rule is not None
        return Look(picture, evidence.region, self._rule.tone(evidence.features), evidence.score)

    def looks(self, pictures: Sequence[Picture]) -> list[Look]:
        """Leave out what cannot be judged."""
        return [found for picture in pictures if (found := self.look(picture)) is not None]


@dataclass(frozen=True)
class Site:
    """A camera before a room."""

    settings: Settings
    layers: list[Layer]
    motion: str
    face_px: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, seconds: float) -> Site:
        """Draw one of either suite."""
        suite = SUITES[str(rng.choice(list(SUITES)))]
        size = suite.sizes[int(rng.integers(len(suite.sizes)))]
        settings = draw_settings(rng, MOTIONS[suite.motion], seconds, size, suite.fps, suite.noise)
        view = (1000 * size[0] / settings.focal, 1000 * size[1] / settings.focal)
        return cls(settings, room(rng, view), suite.motion, float(rng.uniform(*suite.face)) * min(size))

    def person(
        self,
        portrait: Portrait,
        rng: np.random.Generator,
        seconds: float,
        turned: float = TURNED,
        shaken: Track | None = None,
    ) -> Layer:
        """Let somebody turn before it, or shake the head: degrees over time."""
        distance = self.settings.focal * FACE_MM / self.face_px
        acting = act(rng, seconds, MOTIONS[self.motion], distance)
        turning = replace(
            acting,
            yaw=shaken or (lambda t: turned * acting.yaw(t)),
            pitch=lambda t: turned * acting.pitch(t),
        )
        return head_layer(body_of(portrait, rng), turning)

    def shoot(self, before: Sequence[Layer], times: Sequence[float]) -> Iterator[Picture]:
        """Take pictures at increasing times; what rests behind a camera on a table is drawn once."""
        yield from shoot(self.settings, [*self.layers, *before], times)


def shoot(settings: Settings, layers: Sequence[Layer], times: Sequence[float]) -> Iterator[Picture]:
    taker = Camera(settings)
    still = len(list(takewhile(lambda layer: layer.rests and not settings.in_hand, layers)))
    shape = (settings.height, settings.width, 3)
    behind, lit = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
    for layer in layers[:still]:
        film(layer, taker.view(0.0), 0.0, behind, lit)
    for time_s in times:
        canvas, light = behind.copy(), lit.copy()
        for layer in layers[still:]:
            film(layer, taker.view(time_s), time_s, canvas, light)
        yield taker.take(time_s, canvas, light)


def simulated_people(folder: Path, people: int, films: int, keep: Path | None) -> People:
    """Simulate, or take what was kept.

    Args:
        folder: one portrait a person.
        people: of whom bursts are made; half as many places.
        films: an even number.
        keep: folder that holds what was simulated, or shall: what was begun goes on.
    """
    chosen, actors = _portraits(folder, people), _portraits(folder, films)
    judge, found = Judge(), People()
    for number, portrait in enumerate(track(chosen, "bursts")):
        make = partial(_person, judge, portrait, number)
        bursts, shifted = _kept(keep, f"person-{number}-of-{people}", make)
        for kind, each in bursts.items():
            found.bursts.setdefault(kind, []).append(each)
        found.portraits.append(shifted)
    for number in track(range(people // 2), "places"):
        here = [chosen[(2 * number + k) % people] for k in range(AT_ONE_PLACE)]
        place = partial(_at_one_place, judge, here, [SEED, 3, number])
        found.places.append(_kept(keep, f"place-{number}-of-{people}", place))
    for number, portrait in enumerate(track(actors, "films")):
        filmed = partial(_film, judge, portrait, actors[number - 1], number)
        found.films.append(_kept(keep, f"film-{number}-of-{films}", filmed))
    return found


def _kept(keep: Path | None, name: str, make: Callable[[], T]) -> T:
    if keep is None:
        return make()
    path = keep / f"{name}.pickle"
    if path.is_file():
        kept: T = pickle.loads(path.read_bytes())
        return kept
    keep.mkdir(parents=True, exist_ok=True)
    made = make()
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))
    unfinished.replace(path)
    return made


def _portraits(folder: Path, count: int) -> list[Portrait]:
    """Read as many usable portraits, spread over the folder."""
    files = portrait_files(folder) if folder.is_dir() else []
    read = (
        read_portrait(CaptureFile(path), path.stem, lambda _: None)
        for path in files[:: max(1, len(files) // (count + count // 8 + 1))]
    )
    found = [portrait for portrait in read if portrait is not None][:count]
    if len(found) < count:
        raise InputError(f"{count} usable portraits are wanted, {str(folder)!r} has {len(found)}")
    return found


def _person(judge: Judge, portrait: Portrait, number: int) -> tuple[dict[str, list[list[Look]]], list[Look]]:
    shifted = _shifted(judge, portrait, np.random.default_rng([SEED, 2, number]))
    return _bursts(judge, portrait, [SEED, 1, number]), shifted


def _bursts(judge: Judge, portrait: Portrait, seed: Sequence[int]) -> dict[str, list[list[Look]]]:
    """One person, five pictures over a second or four."""
    kinds: dict[str, list[list[Look]]] = {}
    for number, spread in enumerate(SPREADS_S):
        rng = np.random.default_rng([*seed, number])
        site = Site.drawn(rng, spread)
        layer = site.person(portrait, rng, spread)
        pictures = list(site.shoot([layer], np.linspace(0, spread, FRAMES).tolist()))
        plain = judge.looks(pictures)
        relit = [_shown(relight(np.asarray(one.picture / 255, np.float32), rng)) for one in plain]
        taken = [
            camera(relight(np.asarray(one.picture / 255, np.float32), rng), one.face, rng)[0] for one in plain
        ]
        for kind, looks in (
            ("one light", plain),
            ("light changes", judge.looks(relit)),
            ("light and cameras change", judge.looks(taken)),
        ):
            kinds.setdefault(kind, []).append(looks)
        in_the_dark, far = (np.random.default_rng([*seed, number, more]) for more in (1, 2))
        kinds.setdefault("in the dark", []).append(judge.looks([_dark(one, in_the_dark) for one in plain]))
        if number:
            site = Site.drawn(far, spread)
            layer = site.person(portrait, far, spread, TURNED_FAR)
            turned = list(site.shoot([layer], np.linspace(0, spread, FRAMES).tolist()))
            kinds.setdefault("turned far", []).append(judge.looks(turned))
    return kinds


def _dark(one: Look, rng: np.random.Generator) -> Picture:
    """A dim room, before another camera."""
    return camera(low_light(np.asarray(one.picture / 255, np.float32), rng), one.face, rng)[0]


def _shown(picture: NDArray[np.float32]) -> Picture:
    return np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)


def _shifted(judge: Judge, portrait: Portrait, rng: np.random.Generator) -> list[Look]:
    """A portrait, and others of the same made of it by a few pixels: what somebody does by hand."""
    rows, columns = portrait.image.shape[:2]
    pictures = [portrait.image]
    for _ in range(FRAMES - 1):
        moved = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.normal(0, 2), rng.uniform(1, 1.1))
        moved[:, 2] = moved[:, 2] + rng.uniform(-6, 6, 2)
        shown = cv2.warpAffine(portrait.image, moved, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
        pictures.append(np.clip(shown + rng.normal(0, 2, shown.shape), 0, 255).astype(np.uint8))
    return judge.looks(pictures)


def _at_one_place(judge: Judge, people: Sequence[Portrait], seed: Sequence[int]) -> list[list[Look]]:
    """People who sit down before one camera one after the other."""
    rng = np.random.default_rng(seed)
    site = Site.drawn(rng, SPREADS_S[-1])
    times = np.linspace(0, SPREADS_S[-1], FRAMES - 1).tolist()
    return [judge.looks(list(site.shoot([site.person(one, rng, times[-1])], times))) for one in people]


def _film(judge: Judge, portrait: Portrait, other: Portrait, number: int) -> Film:
    site = Site.drawn(np.random.default_rng([SEED, 4, number // 2]), FILM_S)
    rng = np.random.default_rng([SEED, 5, number])
    times = np.arange(round(FILM_S * FILM_RATE)) / FILM_RATE
    pictures = list(site.shoot([site.person(portrait, rng, FILM_S)], times.tolist()))
    looks = {
        place: found
        for place in range(0, len(pictures), SEEN_EVERY)
        if (found := judge.look(pictures[place])) is not None
    }
    suite = list(SUITES)[number % len(SUITES)]
    kinds = [kind for kind in SUITES[suite].instruments if kind.startswith("replay")]
    spec = ClipSpec(SEED, number, 0, kinds[number // 2 % len(kinds)], suite, FILM_S)
    shown = simulate_clip(spec, portrait, other)
    replay = list(shoot(shown.settings, shown.layers, np.linspace(0, FILM_S - 0.5, PICKED).tolist()))
    rng = np.random.default_rng([SEED, 6, number])
    shaking = site.person(portrait, rng, FILM_S, shaken=shaken(rng, FILM_S))
    shaking_pictures = list(site.shoot([shaking], times.tolist()))
    coded = {
        "coded": _coded(pictures, FILM_RATE, rng),
        "coded, the head is shaken": _coded(shaking_pictures, FILM_RATE, rng),
    }
    return Film(
        times,
        np.array([thumbnail(picture) for picture in pictures]),
        looks,
        judge.looks(replay),
        coded,
        _again(site, site.person(portrait, rng, FILM_S), rng),
    )


def _again(site: Site, before: Layer, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Play a piece again and again; it need not hold a whole number of the pictures that are looked at."""
    rate = 2 * FILM_RATE
    count = int(rng.uniform(*PIECE_S) * rate)
    piece = list(site.shoot([before], (np.arange(count) / rate).tolist()))
    place = np.arange(round(FILM_S * rate))
    ways = {
        "forwards": place % count,
        "to and fro": np.abs((place + count - 1) % (2 * count - 2) - count + 1),
    }
    return {way: _coded([piece[at] for at in places], rate, rng)[::2] for way, places in ways.items()}


def shaken(rng: np.random.Generator, seconds: float) -> Track:
    """A head that is shaken: swings of nearly the same width and time, degrees."""
    wide, lasts = rng.uniform(4, 15), rng.uniform(0.35, 0.9)
    count = int(seconds / lasts * 2) + 4
    ends = np.cumsum(lasts * np.exp(EVENLY * rng.standard_normal(count))) - lasts * rng.uniform(1, 2)
    sides = wide * np.exp(EVENLY * rng.standard_normal(count)) * (-1.0) ** np.arange(count)

    def track(time_s: float) -> float:
        place = int(np.clip(np.searchsorted(ends, time_s), 1, count - 1))
        share = (time_s - ends[place - 1]) / (ends[place] - ends[place - 1])
        smooth = 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))
        return float(sides[place - 1] + smooth * (sides[place] - sides[place - 1]))

    return track


def _coded(pictures: Sequence[Picture], rate: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Write a film as some program would, and return its thumbnails."""
    codec = CODECS[str(rng.choice(list(CODECS)))]
    quality = int(rng.integers(codec.quality[0], codec.quality[1] + 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film" + codec.suffix)
        encode([(place / rate, one) for place, one in enumerate(pictures)], path, codec, quality, rate)
        return np.array([thumbnail(picture) for _, picture in film_pictures(path)])


def thumbnail(picture: Picture) -> NDArray[np.float32]:
    """Luminance of the whole picture, (24, 24), 0 to 255."""
    small = cv2.resize(picture, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def pulled(rng: np.random.Generator) -> Change:
    """A camera that is pulled aside by a tenth to a quarter of the picture."""
    across, down = rng.uniform(0.1, 0.25) * rng.choice([-1, 1]), rng.uniform(-0.1, 0.1)

    def change(picture: NDArray[Any]) -> NDArray[Any]:
        rows, columns = picture.shape[:2]
        moved = np.array([[1, 0, across * columns], [0, 1, down * rows]], np.float32)
        return np.asarray(cv2.warpAffine(picture, moved, (columns, rows), borderMode=cv2.BORDER_REFLECT))

    return change


def lit(rng: np.random.Generator) -> Callable[[float], Change]:
    """A lamp to a side: share that it is on → what it does to a picture. The exposure makes up for half."""
    gain, slope, angle = rng.uniform(0.8, 2.2), rng.uniform(0, 2.5), rng.uniform(0, 2 * np.pi)

    def at(share: float) -> Change:
        def change(picture: NDArray[Any]) -> NDArray[Any]:
            rows, columns = picture.shape[:2]
            y, x = np.linspace(-0.5, 0.5, rows)[:, None], np.linspace(-0.5, 0.5, columns)
            lamp = np.exp(slope * (np.cos(angle) * x + np.sin(angle) * y)) * (np.exp(gain) - 1)
            light = (1 + share * lamp) / np.sqrt(1 + share * lamp.mean())
            if picture.ndim == 3:
                light = light[..., None]
            shown = 255 * ((picture / 255) ** 2.2 * light) ** (1 / 2.2)
            return np.asarray(np.clip(shown, 0, 255), picture.dtype)

        return change

    return at
