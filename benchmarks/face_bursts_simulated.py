"""SIMULATED: how often bursts and clips are told to show several people, and which limits that sets.

    python benchmarks/face_bursts_simulated.py --simulated ../shared/data/face/portraits

``DIR`` holds one portrait a person, which may be trained on; see ``simulated_people.py``. Nothing here looks
at a real capture of a burst or a clip; ``face_bursts.py`` does afterwards, with what was chosen here.

It takes half an hour of one core and more: with ``--keep FOLDER`` one that was ended goes on with what it had
simulated.

Each limit is set by one rule, on half of the people: of the values that are listed, those at which at most
2 in 100 of what shows one person are told (1 in 100 where a camera was watched from one picture to the next),
the mean over its kinds, or the fewest there are; of these the most of what shows several, the mean over its
kinds; of equals the fewest of one person, then the value that comes first.
Real pictures of one person have less in common than those that are made of one portrait: of these three times
as many points are asked as ship, and what ties pictures beside points is set as if there were none. Tables
are of the other half, with what ships.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from simulated_people import (
    FILM_RATE,
    FILM_S,
    PICKED,
    SEED,
    SEEN_EVERY,
    Change,
    Film,
    Judge,
    Look,
    People,
    lit,
    pulled,
    simulated_people,
)

from antispoof.runtime.references import default_threshold
from antispoof.sensing import people as told_by
from antispoof.sensing import repetition
from antispoof.sensing.faces import crop
from antispoof.sensing.frames import course_of

ONE, ONE_WATCHED = 0.02, 0.01  # of what shows one person may be told
MARGIN = (
    3  # times as many points are asked of one person where limits are set: real faces have fewer in common
)
BURSTS = 40  # of each kind of several people, in either half
MIXTURES = ((1, 1), (1, 1, 1), (1, 1, 1, 1, 1), (3, 2), (4, 1))
WATCHED = (
    "one light",
    "light changes",
    "turned far",
)  # kinds of bursts that a camera may have taken while it was watched
STRICT: dict[str, tuple[float, ...]] = {
    "HEAD": (1.5, 1.0, 2.0, np.inf),
    "MAJORITY": (0.5, 0.65, 0.8, 0.99),
}
LOOSE: dict[str, tuple[float, ...]] = {
    "FACES_ALIKE": (0.5, 0.7, 0.8),
    "PLACES_ALIKE": (0.4, 0.5, 0.7),
    "TONES_NEAR": (3.0, 2.0, 1.0),
}
RUNS: dict[str, tuple[float, ...]] = {
    "RUN_S": (np.inf, 1.0, 0.6, 0.4, 0.25, 0.2, 0.15, 0.1),
    "CUT_SHARE": (np.inf, 0.5, 0.25, 0.2, 0.1, 0.05, 0.01),
    "ENDS_PAIRS": (9.0, 4.0, 1.0),  # of seven pictures and more, of four and more, of two
}
# Where one take ends and another begins, and where a piece is played again: of films by themselves.
SPLICES: dict[str, tuple[float, ...]] = {"SPLICE_RATIO": (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)}
AGAIN: dict[str, tuple[float, ...]] = {"AGAIN": (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3)}
TAKE_S = 1.5  # between two takes of one person, at the least
GAPS_S = (0.3, 1.2)
FADED_S = (0.5, 2.0)
SLOW = (2, 4, 6)  # of twelve pictures a second only each second, fourth or sixth
T = TypeVar("T")
Floats = NDArray[np.float64]
Kinds = Mapping[str, Sequence[T]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulated", type=Path, required=True, metavar="DIR", help="folder of portraits")
    parser.add_argument("--people", type=int, default=60, help="of whom bursts are made")
    parser.add_argument("--films", type=int, default=24, help="of as many people; an even number")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep what was simulated, or take it from there"
    )
    arguments = parser.parse_args()
    console = Console(width=120)
    console.print("SIMULATED people, rooms, light, cameras and instruments")
    simulated = simulated_people(arguments.simulated, arguments.people, arguments.films, arguments.keep)
    bursts = [of_bursts(simulated, half) for half in (0, 1)]
    watched = [({kind: part[0][kind] for kind in WATCHED}, part[1]) for part in bursts]
    halves = (0, 1)
    with ExitStack() as chosen:  # what is set later is set beside what was set before
        loose = set_limits(console, "pictures that were watched", LOOSE, ONE_WATCHED, watched, loosely_told)
        chosen.enter_context(at(loose))
        chosen.enter_context(at(set_limits(console, "bursts", STRICT, ONE, bursts, strictly_told)))
        for title, values, parts, told in (
            ("films that are cut once", SPLICES, of_takes, spliced),
            ("films that are played again", AGAIN, of_plays, played_again),
        ):
            films = [parts(simulated, half) for half in halves]
            chosen.enter_context(at(set_limits(console, title, values, ONE_WATCHED, films, told)))
        clips = [of_clips(simulated, half) for half in halves]
        chosen.enter_context(at(set_limits(console, "clips", RUNS, ONE_WATCHED, clips, clips_told)))
        replays(console, simulated)


Parts = tuple[Kinds[T], Kinds[T]]
"""What shows one person, and what shows several: kind → each of it."""


def set_limits(
    console: Console,
    title: str,
    values: Mapping[str, Sequence[float]],
    most: float,
    halves: Sequence[Parts[T]],
    told: Callable[[Mapping[str, float], T], bool],
) -> Mapping[str, float]:
    """Choose on the first half, print what ships and what was chosen, on the second, and return that."""
    ships = {name: float(getattr(_home(name), name)) for name in values}

    def rate(kinds: Kinds[T]) -> float:
        return float(np.mean([np.mean([told(limits, one) for one in kind]) for kind in kinds.values()]))

    found = []
    for chosen in itertools.product(*values.values()):
        limits = dict(zip(values, chosen, strict=True))
        with at(limits):
            with at({"SAME_POINTS": MARGIN * told_by.SAME_POINTS}):
                one = rate(halves[0][0])
            several = rate(halves[0][1])
        found.append((one, several, limits))
    allowed = [one for one in found if one[0] <= max(most, min(rates[0] for rates in found))]
    best = max(one[1] for one in allowed)
    rates_one, rates_several, limits = min((one for one in allowed if one[1] == best), key=lambda one: one[0])
    table = Table(f"{title}: told, %", "as it ships", "as it is set", title=_words(limits))
    columns = []
    for each in (ships, limits):
        with at(each):
            columns.append(
                [
                    100 * float(np.mean([told(each, one) for one in kind]))
                    for part in halves[1]
                    for kind in part.values()
                ]
            )
    names = [
        f"{who}: {name} ({len(kind)})"
        for who, part in zip(("one", "several"), halves[1], strict=True)
        for name, kind in part.items()
    ]
    for name, *rates in zip(names, *columns, strict=True):
        table.add_row(name, *(f"{rate:.1f}" for rate in rates))
    console.print(table)
    console.print(
        f"it ships {_words(ships)}; set {_words(limits)}: {100 * rates_one:.1f} % of one person and "
        f"{100 * rates_several:.1f} % of several on the half that sets; at most {100 * most:.0f} % of one"
    )
    for name in values:
        near = [
            f"{value:g}: {100 * one:.1f} / {100 * several:.1f}"
            for one, several, each in found
            if all(each[other] == limits[other] for other in values if other != name)
            for value in (each[name],)
        ]
        console.print(f"  {name} alone, one / several: {', '.join(near)}")
    return limits


def _words(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in limits.items())


def _home(name: str) -> ModuleType:
    return told_by if hasattr(told_by, name) else repetition


@contextmanager
def at(limits: Mapping[str, float]) -> Iterator[None]:
    """Judge with other limits for a while."""
    kept = {name: getattr(_home(name), name) for name in limits}
    for name, value in limits.items():
        setattr(_home(name), name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(_home(name), name, value)


@dataclass(frozen=True)
class Burst:
    """Pictures held against each other, so that each question is answered once for all limits."""

    compared: told_by._Compared
    around: Callable[[float], Callable[[int, int], bool]]


def compared(looks: Sequence[Look]) -> Burst:
    """Hold pictures against each other; points of a picture are sought once for all bursts it is in."""

    def kept(look: Look, key: Any, find: Callable[[], Any]) -> Any:
        if key not in look.found:
            look.found[key] = find()
        return look.found[key]

    def in_face(place: int) -> Any:
        look = looks[place]
        return kept(look, "face", lambda: told_by._points(crop(look.picture, look.face, told_by.CLOSE)))

    @cache
    def around(head: float) -> Callable[[int, int], bool]:
        def found(place: int) -> Any:
            look = looks[place]
            with at({"HEAD": head}):
                return kept(look, head, lambda: told_by._around(look.picture, look.face))

        return cache(told_by._SamePoints(found))

    pictures, faces = [look.picture for look in looks], [look.face for look in looks]
    held = told_by._Compared(pictures, faces, np.array([look.tone for look in looks]))
    held.in_faces = cache(told_by._SamePoints(in_face))  # type: ignore[assignment]
    return Burst(held, around)


def fall_apart(burst: Burst, in_one_run: bool) -> bool:
    burst.compared.around = burst.around(told_by.HEAD)  # type: ignore[assignment]
    return told_by._fall_apart(burst.compared, in_one_run)


def strictly_told(_: Mapping[str, float], burst: Burst) -> bool:
    return fall_apart(burst, False)


def loosely_told(_: Mapping[str, float], burst: Burst) -> bool:
    """As if no points were found: what the loose ties hold together by themselves."""
    with without_points(burst.compared):
        return told_by._fall_apart(burst.compared, True)


@contextmanager
def without_points(held: told_by._Compared) -> Iterator[None]:
    kept = held.in_faces, held.around
    held.in_faces = held.around = lambda *_: False  # type: ignore[assignment]
    try:
        yield
    finally:
        held.in_faces, held.around = kept


def of_bursts(simulated: People, half: int) -> Parts[Burst]:
    """Bursts of one person, and of several: each in a place of their own, at one place, and portraits."""
    one: dict[str, list[Burst]] = {
        kind: [compared(looks) for bursts in people[half::2] for looks in bursts if len(looks) > 2]
        for kind, people in simulated.bursts.items()
    }
    portraits = [own for own in simulated.portraits[half::2] if len(own) > 4]
    random = np.random.default_rng([SEED, 9, half])
    apart = [bursts[0] for bursts in simulated.bursts["one light"][half::2] if len(bursts[0]) > 3]
    several = {}
    for counts in MIXTURES:
        words = " + ".join(map(str, counts))
        for kind, people in (("own places", apart), ("portraits", portraits)):
            drawn = [random.choice(len(people), len(counts), replace=False) for _ in range(BURSTS)]
            several[f"{words}, {kind}"] = [
                compared([look for n, count in zip(who, counts, strict=True) for look in people[n][:count]])
                for who in drawn
            ]
        here = [
            [own[:count] for own, count in zip(place, counts, strict=False)]
            for people in simulated.places[half::2]
            for place in (people[turn:] + people[:turn] for turn in range(len(people)))
            if len(place) >= len(counts) and all(map(len, place))
        ]
        if here:
            several[f"{words}, one place"] = [
                compared([look for own in each for look in own]) for each in here
            ]
    return one, several


@dataclass(frozen=True)
class Shown:
    """A picture of a clip: when, of which film and place in it, and what was done to it."""

    time_s: float
    film: Film
    place: int
    change: Change | None = None

    @property
    def thumbnail(self) -> NDArray[np.float32]:
        """Luminance of the whole picture, (24, 24)."""
        plain = self.film.thumbnails[self.place]
        return plain if self.change is None else np.asarray(self.change(plain), np.float32)


@dataclass(frozen=True)
class Thumbnail:
    """A picture of which nothing but its luminance, (24, 24), is looked at."""

    time_s: float
    thumbnail: NDArray[np.float32]
    digest: str = ""


Course = Sequence[Shown | Thumbnail]


@dataclass(frozen=True)
class Clip:
    """What decides on a clip, for all limits.

    Attributes:
        spliced: whether it is so, whatever its pictures show.
        gap_s: the longest.
        jumps: share of its steps.
        strict: whether its pictures are of several people, as a burst.
        loose: the same, as pictures of a camera that was watched.
        ends: pairs of its beginning and its end, where nothing ties these.
    """

    spliced: bool
    gap_s: float
    jumps: float
    strict: bool
    loose: bool
    ends: int


def clips_told(limits: Mapping[str, float], clip: Clip) -> bool:
    watched = clip.gap_s <= limits["RUN_S"] and clip.jumps < limits["CUT_SHARE"]
    if clip.spliced or clip.ends >= limits["ENDS_PAIRS"]:
        return True
    return clip.loose if watched else clip.strict


JUDGE = cache(Judge)


def clip_of(shown: Sequence[Shown]) -> Clip | None:
    """Look at a clip as at a file: its course, and eight of its pictures, spread over it."""
    times = np.array([one.time_s for one in shown])
    course = course_of(times, [one.thumbnail for one in shown])
    gaps = np.diff(times)
    spliced = "spliced" in course.reasons
    facts = spliced, float(gaps.max()), course.measurements["jumps"] / len(gaps)
    if spliced:
        return Clip(*facts, True, True, 0)
    seen = [one for one in shown if one.place in one.film.looks]
    wanted = np.linspace(times[0], times[-1], min(PICKED, len(seen)))
    places = np.unique(np.abs(np.array([one.time_s for one in seen])[:, None] - wanted).argmin(axis=0))
    looks = [_look(seen[place]) for place in places]
    usable = [look for look in looks if look is not None]
    if len(usable) < 2:
        return None
    burst = compared(usable)
    strict, loose = fall_apart(burst, False), fall_apart(burst, True)
    with at({"ENDS_PAIRS": 1}):
        ends = round(told_by.ENDS * len(usable)) ** 2 if told_by._ends_apart(burst.compared) else 0
    return Clip(*facts, strict, loose, ends)


def spliced(_: Mapping[str, float], course: Course) -> bool:
    return bool(repetition.find_splices(cast("Any", course)))


def played_again(_: Mapping[str, float], course: Course) -> bool:
    return repetition.plays_again(cast("Any", course))


def of_takes(simulated: People, half: int) -> Parts[Course]:
    """Films of one person, in light that changes and with pictures dropped; and two takes, once cut."""
    films, random = films_of(simulated, half), np.random.default_rng([SEED, 11, half])
    one: dict[str, list[Course]] = {"a film": [plain(film) for film in films], **of_coded(films)}
    one["pictures dropped"] = [[s for s in plain(film) if random.random() < 0.5] for film in films]
    for lasts in FADED_S:
        one[f"light that changes for {lasts:g} s"] = [dimmed(film, lasts, random) for film in films]
    several: dict[str, list[Course]] = {}
    for place, a, b in pairs_of(simulated, half):
        for first, second in ((a, b), (b, a)):
            end = random.uniform(0.2, 0.8) * FILM_S
            joined = [s for s in plain(first) if s.time_s < end]
            joined += [s for s in plain(second) if s.time_s >= end]
            several.setdefault(f"two people, {place}", []).append(joined)
    several["another take of the person"] = [
        [Thumbnail(time, film.thumbnails[at]) for time, at in zip(film.times_s, order, strict=False)]
        for film in films
        for order in [_retaken(len(film.times_s), random)]
    ]
    return one, several


def _retaken(count: int, random: np.random.Generator) -> list[int]:
    """Numbers of pictures of a film that goes on at another moment, `TAKE_S` away."""
    away = round(TAKE_S * FILM_RATE)
    end = int(random.integers(count // 4, count - away - 4))
    return [*range(end), *range(end + away, count)]


def of_plays(simulated: People, half: int) -> Parts[Course]:
    """Films of one person, coded, of whom some shake the head; and pieces that are played again."""
    films = films_of(simulated, half)
    ways = sorted(films[0].again)
    again = {way: [_course(film.again[way]) for film in films] for way in ways}
    return {"a film": [plain(film) for film in films], **of_coded(films)}, again


def of_coded(films: Sequence[Film]) -> dict[str, list[Course]]:
    return {kind: [_course(film.coded[kind]) for film in films] for kind in films[0].coded}


def _course(thumbnails: NDArray[np.float32]) -> Course:
    return [Thumbnail(place / FILM_RATE, one) for place, one in enumerate(thumbnails)]


def _look(one: Shown) -> Look | None:
    plain = one.film.looks[one.place]
    return plain if one.change is None else JUDGE().look(one.change(plain.picture))


def pairs_of(simulated: People, half: int) -> list[tuple[str, Film, Film]]:
    """Two people each, at one place and at places of their own."""
    films = simulated.films
    couples = [films[place : place + 2] for place in range(0, len(films) - 1, 2)][half::2]
    strangers = zip([a for a, _ in couples], [b for _, b in [*couples[1:], couples[0]]], strict=True)
    return [("one place", a, b) for a, b in couples] + [("own places", a, b) for a, b in strangers]


def films_of(simulated: People, half: int) -> list[Film]:
    return [film for place, film in enumerate(simulated.films) if place // 2 % 2 == half]


def plain(film: Film, every: int = 1) -> list[Shown]:
    return [Shown(float(time_s), film, place) for place, time_s in enumerate(film.times_s)][::every]


def without(shown: Sequence[Shown], begin_s: float, lasts_s: float) -> list[Shown]:
    return [one for one in shown if not begin_s < one.time_s < begin_s + lasts_s]


def changed(shown: Sequence[Shown], changes: Sequence[tuple[float, Change | None]]) -> list[Shown]:
    """From each time on another change."""
    return [
        Shown(
            one.time_s,
            one.film,
            one.place,
            [change for from_s, change in changes if from_s <= one.time_s][-1],
        )
        for one in shown
    ]


def cut(films: Sequence[Film], every: int, step: int = 1) -> list[Shown]:
    """So many pictures of each, in turn."""
    places = range(0, len(films[0].times_s), step)
    return [
        Shown(float(films[0].times_s[place]), films[number // every % len(films)], place)
        for number, place in enumerate(places)
    ]


def dimmed(film: Film, lasts: float, random: np.random.Generator) -> list[Shown]:
    """A lamp to a side is turned up slowly."""
    lamp, begin = lit(random), random.uniform(0, FILM_S - lasts)
    shares = np.clip((film.times_s - begin) / lasts, 0, 1)
    return [
        Shown(float(time_s), film, place, lamp(float(shares[place])))
        for place, time_s in enumerate(film.times_s)
    ]


def faded(film: Film, other: Film, lasts: float, random: np.random.Generator) -> list[Shown]:
    """One film fades into another."""
    begin = random.uniform(0.1, FILM_S - lasts - 0.1)
    shown = []
    for place, time_s in enumerate(film.times_s):
        share = float(np.clip((time_s - begin) / lasts, 0, 1))
        if share == 1:
            shown.append(Shown(float(time_s), other, place))
        elif share == 0 or place % SEEN_EVERY or place in other.looks:
            shown.append(Shown(float(time_s), film, place, mixed(other, place, share) if share else None))
    return shown


def mixed(film: Film, place: int, share: float) -> Change:
    def change(picture: NDArray[Any]) -> NDArray[Any]:
        other = film.thumbnails[place] if picture.ndim == 2 else film.looks[place].picture
        fitted = cv2.resize(other, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
        return np.asarray((1 - share) * picture + share * fitted, picture.dtype)

    return change


def of_clips(simulated: People, half: int) -> Parts[Clip]:
    """Clips of one person, with gaps, jumps and light that changes, and of two or six."""
    films, pairs = films_of(simulated, half), pairs_of(simulated, half)
    one: dict[str, list[list[Shown]]] = {"a film": [plain(film) for film in films]}
    for step in SLOW:
        one[f"{FILM_RATE / step:.1f} pictures a second"] = [plain(film, step) for film in films]
    for gap in GAPS_S:
        one[f"a gap of {gap:g} s"] = [without(plain(film), FILM_S / 2 - gap / 2, gap) for film in films]
    random = np.random.default_rng([SEED, 10, half])
    one["pictures dropped"] = [[s for s in plain(film) if random.random() < 0.5] for film in films]
    for count in (1, 3):
        times = [(n + 1) * FILM_S / (count + 1) for n in range(count)]
        one[f"camera pulled, {count} times"] = [
            changed(plain(film), [(0.0, None), *((t, pulled(random)) for t in times)]) for film in films
        ]
        switched: list[list[Shown]] = []
        for film in films:
            lamp = lit(random)
            course: list[tuple[float, Change | None]] = [
                (0.0, None),
                *((t, lamp(1.0) if n % 2 == 0 else None) for n, t in enumerate(times)),
            ]
            switched.append(changed(plain(film), course))
        one[f"light switched, {count} times"] = switched
    for lasts in FADED_S:
        one[f"light that changes for {lasts:g} s"] = [dimmed(film, lasts, random) for film in films]
    several: dict[str, list[list[Shown]]] = {}
    for place, a, b in pairs:
        for every in (1, 3, 6):
            several.setdefault(f"cut every {every} of 12, {place}", []).append(cut([a, b], every))
        for step in SLOW:
            each = several.setdefault(f"cut, {FILM_RATE / step:.1f} pictures a second, {place}", [])
            each += [cut([a, b], 1, step), cut([a, b], 2, step)]
        for lasts in FADED_S:
            several.setdefault(f"fade of {lasts:g} s, {place}", []).append(faded(a, b, lasts, random))
        for gap in GAPS_S:
            for share in (0.5, 0.65):
                end = share * FILM_S
                joined = [s for s in plain(a) if s.time_s < end - gap / 2]
                joined += [s for s in plain(b) if s.time_s > end + gap / 2]
                several.setdefault(f"{share:.0%}, a gap of {gap:g} s, another, {place}", []).append(joined)
    several["cut every 1 of 12 among all"] = [cut(films[n:] + films[:n], 1) for n in range(len(films))]
    for every in (1, 2, 4):
        several[f"cut every {every} of 12, nobody twice"] = [
            cut(films[n:] + films[:n], every)[: every * len(films)] for n in range(len(films))
        ]
    with at({"SAME_POINTS": told_by.SAME_POINTS * (1 if half else MARGIN)}):  # the first half sets limits
        of_one = _clips(one)
    return of_one, _clips(several)


def _clips(kinds: Mapping[str, Iterable[Sequence[Shown]]]) -> dict[str, list[Clip]]:
    return {kind: [c for each in clips if (c := clip_of(each)) is not None] for kind, clips in kinds.items()}


def replays(console: Console, simulated: People) -> None:
    """A person, then a gap, then a replay of the same: by the rule of bursts, and by the weaker side."""
    judge = JUDGE()
    metadata = judge.detector.bundle.metadata
    pool, threshold = metadata.pooling, default_threshold(metadata)
    assert pool is not None
    table = Table(
        "of eight pictures, % judged bona fide", "all together", "and the weaker side", "told several people"
    )
    for count in (8, 7, 6, 5, 4, 0):
        together, weaker, told = [], [], []
        for film in simulated.films:
            own = [film.looks[place] for place in sorted(film.looks)]
            if len(own) < PICKED or len(film.replay) < PICKED:
                continue
            spread = [own[int(place)] for place in np.linspace(0, len(own) - 1, PICKED)]
            looks = spread[:count] + film.replay[: PICKED - count]
            ratios = [look.score for look in looks]
            split = count if 0 < count < PICKED else PICKED // 2 + 1
            together.append(pool(ratios) >= threshold)
            weaker.append(together[-1] and min(pool(ratios[:split]), pool(ratios[split:])) >= threshold)
            told.append(fall_apart(compared(looks), False))
        table.add_row(
            f"{count} of a person, {PICKED - count} of a replay ({len(told)})",
            *(f"{100 * np.mean(each):.1f}" for each in (together, weaker, told)),
        )
    console.print(table)


if __name__ == "__main__":
    main()
