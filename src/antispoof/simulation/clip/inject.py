"""Streams that never saw a camera at the moment they claim: stored, converted, repeated, changed, generated.

Each kind takes a bona fide clip and makes of it what a program would hand in behind the camera's driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.sensing.faces import find_faces
from antispoof.simulation.clip.layers import Layer, View, film, rotation
from antispoof.simulation.clip.motion import MOTIONS, still
from antispoof.simulation.clip.person import act, body_of, head_layer
from antispoof.simulation.clip.stage import Held, panel
from antispoof.simulation.face.manipulation import Seen, morph, seen, swap
from antispoof.simulation.face.portrait import Portrait

__all__ = ["INJECTIONS", "Injected", "Source", "inject"]

Picture = NDArray[np.uint8]
Times = Sequence[float]
FADED_S = 0.1  # of a loop that is blended over its seam


@dataclass(frozen=True, slots=True)
class Source:
    """A bona fide clip, decoded, and what else a kind may need.

    Attributes:
        pictures: uint8, (H, W, 3), RGB each.
        times: seconds from the first.
        other: somebody else, whose face is put over.
        family: methods to change it with, ``taught`` or ``held_out``.
        rng: draws every parameter.
    """

    pictures: Sequence[Picture]
    times: Times
    other: Portrait
    family: str
    rng: np.random.Generator

    def at(self, time_s: float) -> Picture:
        """Return the picture that is shown at a time."""
        index = int(np.searchsorted(self.times, time_s + 1e-6, side="right")) - 1
        return self.pictures[min(max(index, 0), len(self.pictures) - 1)]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.times[-1] + self.times[-1] / max(len(self.times) - 1, 1)


@dataclass(frozen=True, slots=True)
class Injected:
    """A stream: (seconds, picture) after (seconds, picture), and its nominal rate."""

    frames: Iterator[tuple[float, Picture]]
    fps: float


def virtual_camera(source: Source) -> Injected:
    """A stored file, scaled to the format of a virtual camera and shown by the clock of that."""
    rng = source.rng
    rows, columns = source.pictures[0].shape[:2]
    taught = source.family == "taught"
    low, high = (1.1, 1.5) if taught else (0.75, 1.9)
    scale = float(rng.uniform(low, high))
    size = tuple(int(side * scale) // 2 * 2 for side in (columns, rows))
    how = cv2.INTER_LINEAR if taught else cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    fps = float(rng.choice([25.0, 30.0]) if taught else rng.choice([20.0, 29.97]))

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(source.seconds * fps)):
            shown = cv2.resize(source.at(number / fps), size, interpolation=how)
            yield number / fps, np.asarray(shown, np.uint8)

    return Injected(frames(), fps)


def frame_rate(source: Source) -> Injected:
    """Another frame rate: pictures doubled and left out, or blended with their neighbours."""
    rng, taught = source.rng, source.family == "taught"
    own = (len(source.times) - 1) / source.times[-1]
    fps = own * float(rng.choice([0.8, 1.2, 1.25, 2.0]) if taught else rng.choice([0.7, 1.33, 1.6]))
    blended = rng.random() < 0.5

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(source.seconds * fps)):
            at = number / fps
            place = float(np.interp(at, source.times, np.arange(len(source.times))))
            first = int(place)
            second, share = min(first + 1, len(source.pictures) - 1), place - first
            if blended:
                mixed = cv2.addWeighted(source.pictures[first], 1 - share, source.pictures[second], share, 0)
                yield at, np.asarray(mixed, np.uint8)
            else:
                yield at, source.at(at)

    return Injected(frames(), fps)


def reencoded(source: Source) -> Injected:
    """A stored file, decoded and coded again."""
    fps = (len(source.times) - 1) / source.times[-1]
    return Injected(iter(list(zip(source.times, source.pictures, strict=True))), fps)


def looped(source: Source) -> Injected:
    """A short piece, over and over: forth and back, or from the start with a blended seam."""
    rng = source.rng
    fps = (len(source.times) - 1) / source.times[-1]
    whole = len(source.pictures)
    length = min(whole - 1, max(4, int(rng.uniform(0.35, 0.7) * whole)))
    begin = int(rng.integers(whole - length))
    piece = source.pictures[begin : begin + length]
    back = rng.random() < (0.7 if source.family == "taught" else 0.3)
    fade = max(1, int(FADED_S * fps))

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(max(whole, int(1.6 * length))):
            place = number % (2 * length - 2) if back else number % length
            shown = piece[2 * length - 2 - place if place >= length else place]
            left = length - place
            if not back and left <= fade:
                share = left / (fade + 1)
                shown = np.asarray(cv2.addWeighted(shown, share, piece[0], 1 - share, 0), np.uint8)
            yield number / fps, shown

    return Injected(frames(), fps)


def _changed(source: Source, change: Callable[[Seen, Seen, np.random.Generator, str], object]) -> Injected:
    other = seen(source.other.image)
    if other is None:
        raise InputError(f"no face found in the portrait of {source.other.subject!r}")
    fps = (len(source.times) - 1) / source.times[-1]
    seed = int(source.rng.integers(2**31))

    def frames() -> Iterator[tuple[float, Picture]]:
        for time_s, picture in zip(source.times, source.pictures, strict=True):
            target = seen(picture)
            if target is not None:
                # The same generator for every picture: one method, one forger.
                picture = change(target, other, np.random.default_rng(seed), source.family).image  # type: ignore[attr-defined]
            yield time_s, picture

    return Injected(frames(), fps)


def swapped(source: Source) -> Injected:
    """Another face over that of every picture."""
    return _changed(source, swap)


def morphed(source: Source) -> Injected:
    """Another face mixed into that of every picture."""
    return _changed(source, morph)


def generated(source: Source) -> Injected:
    """One picture that a program makes move: a relief is guessed, turned and made to speak."""
    rng, taught = source.rng, source.family == "taught"
    first = source.pictures[0]
    faces = find_faces(first)
    if not faces:
        raise InputError("no face found in the first picture")
    body = body_of(Portrait.of("", first, faces[0].box), rng)
    rows, columns = first.shape[:2]
    fps = float(rng.choice([24.0, 25.0, 30.0]))
    distance = 600.0
    focal = distance / (body.mm / 2)  # a pixel of the picture is one of the stream
    acting = act(rng, source.seconds, MOTIONS["wander" if taught else "gestures"], distance)
    middle = body.flat[rows // 4, columns // 4]
    centred = replace(
        acting,
        x=lambda t: 0.4 * (acting.x(t) - acting.x(0)) - float(middle[0]),
        y=lambda t: 0.4 * (acting.y(t) - acting.y(0)) - float(middle[1]),
        yaw=lambda t: acting.yaw(t) - acting.yaw(0),
        pitch=lambda t: acting.pitch(t) - acting.pitch(0),
        roll=lambda t: acting.roll(t) - acting.roll(0),
    )
    place = Held(still(0.0), still(0.0), still(distance), *(still(),) * 4)
    mm = distance / focal
    layers: list[Layer] = [
        panel(lambda _: first, columns * mm, rows * mm, place),
        head_layer(body, centred),
    ]
    view = View(columns, rows, focal)

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(source.seconds * fps)):
            canvas, light = np.zeros_like(first), np.ones(first.shape, np.float32)
            for layer in layers:
                film(layer, view, number / fps, canvas, light)
            smooth = cv2.bilateralFilter(np.clip(canvas * light, 0, 255).astype(np.uint8), 5, 12, 2)
            yield number / fps, np.asarray(smooth, np.uint8)

    return Injected(frames(), float(Fraction(fps)))


def one_picture(source: Source) -> Injected:
    """One picture of the clip: at rest, or scaled, turned and shifted; with noise that is new, or none."""
    rng, taught = source.rng, source.family == "taught"
    first = source.pictures[0]
    rows, columns = first.shape[:2]
    fps = float(rng.choice([25.0, 30.0]) if taught else rng.choice([20.0, 29.97]))
    how = cv2.INTER_LINEAR if taught else cv2.INTER_CUBIC
    seconds, noise = max(source.seconds, 2.0), float(rng.choice([0.0, 1.0, 2.5]))
    amount = 0.0 if rng.random() < 0.3 else 1.0
    across, down = amount * rng.uniform(0.03, 0.10, 2) * min(rows, columns)
    zoom, turn = amount * float(rng.uniform(0, 0.12)), amount * float(rng.uniform(0, 4))
    if taught:
        paths = [
            np.sin(rng.uniform(1.5, 4) * np.linspace(0, seconds, 256) + rng.uniform(0, 6)) for _ in "1234"
        ]
    else:  # from where one begins to where one ends, at one speed
        paths = [float(rng.choice([-1, 1])) * np.linspace(-1, 1, 256) for _ in "1234"]
    fixed = np.random.default_rng(int(rng.integers(2**31)))

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(seconds * fps)):
            at = [path[int(255 * number / (seconds * fps))] for path in paths]
            matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn * at[0], 1.15 + zoom * at[1])
            matrix[:, 2] += across * at[2], down * at[3]
            shown = cv2.warpAffine(first, matrix, (columns, rows), flags=how, borderMode=cv2.BORDER_REFLECT)
            noisy = shown + noise * fixed.standard_normal(shown.shape) if noise else shown
            yield number / fps, np.clip(noisy, 0, 255).astype(np.uint8)

    return Injected(frames(), fps)


def swung(source: Source) -> Injected:
    """One picture that a program swings in perspective, as a sheet that is turned; with noise that is new."""
    rng, taught = source.rng, source.family == "taught"
    first = source.pictures[0]
    rows, columns = first.shape[:2]
    fps = float(rng.choice([25.0, 30.0]) if taught else rng.choice([20.0, 29.97]))
    seconds, noise = max(source.seconds, 2.0), float(rng.choice([1.0, 2.5]))
    yaw, pitch, roll = rng.uniform(3, 20), rng.uniform(2, 12), rng.uniform(0, 6)
    focal, swing = float(rng.uniform(0.9, 1.6)) * columns, MOTIONS["wander" if taught else "gestures"]
    tracks = [swing(rng, seconds, float(rng.uniform(0.3, 0.8))) for _ in range(3)]
    fixed = np.random.default_rng(int(rng.integers(2**31)))
    middle = np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1.0]])

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(seconds * fps)):
            at = number / fps
            turn = rotation(
                *(most * track(at) for most, track in zip((yaw, pitch, roll), tracks, strict=True))
            )
            plane = np.column_stack([1.15 * turn[:, 0], 1.15 * turn[:, 1], focal * np.array([0, 0, 1.0])])
            lens = np.array([[focal, 0, columns / 2], [0, focal, rows / 2], [0, 0, 1.0]])
            shown = cv2.warpPerspective(
                first, lens @ plane @ middle, (columns, rows), borderMode=cv2.BORDER_REFLECT
            )
            noisy = shown + noise * fixed.standard_normal(shown.shape)
            yield at, np.clip(noisy, 0, 255).astype(np.uint8)

    return Injected(frames(), fps)


def rocked(source: Source) -> Injected:
    """One picture that turns about its middle by a few degrees, and goes nowhere, under strong noise."""
    rng, taught = source.rng, source.family == "taught"
    first = source.pictures[0]
    rows, columns = first.shape[:2]
    fps = float(rng.choice([25.0, 30.0]) if taught else rng.choice([20.0, 29.97]))
    seconds, noise = max(source.seconds, 2.0), float(rng.uniform(2, 6))
    most = float(rng.uniform(0.5, 6))
    track = MOTIONS["wander" if taught else "gestures"](rng, seconds, float(rng.uniform(0.3, 0.8)))
    fixed = np.random.default_rng(int(rng.integers(2**31)))

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(seconds * fps)):
            matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), most * track(number / fps), 1.1)
            shown = cv2.warpAffine(first, matrix, (columns, rows), borderMode=cv2.BORDER_REFLECT)
            noisy = shown + noise * fixed.standard_normal(shown.shape)
            yield number / fps, np.clip(noisy, 0, 255).astype(np.uint8)

    return Injected(frames(), fps)


def to_and_fro(source: Source) -> Injected:
    """Half a second, forwards and backwards, for three seconds."""
    rng = source.rng
    fps = (len(source.times) - 1) / source.times[-1]
    length = min(len(source.pictures), max(3, round(float(rng.uniform(0.4, 0.6)) * fps)))
    begin = int(rng.integers(len(source.pictures) - length + 1))
    piece = source.pictures[begin : begin + length]

    def frames() -> Iterator[tuple[float, Picture]]:
        for number in range(int(3 * fps)):
            place = number % (2 * length - 2)
            yield number / fps, piece[2 * length - 2 - place if place >= length else place]

    return Injected(frames(), fps)


INJECTIONS: dict[str, Callable[[Source], Injected]] = {
    "inject_frame_rate": frame_rate,
    "inject_generated": generated,
    "inject_looped": looped,
    "inject_morphed": morphed,
    "inject_one_picture": one_picture,
    "inject_reencoded": reencoded,
    "inject_rocked": rocked,
    "inject_swapped": swapped,
    "inject_swung": swung,
    "inject_to_and_fro": to_and_fro,
    "inject_virtual_camera": virtual_camera,
}
"""What a program hands in instead of what a camera sees."""


def inject(kind: str, source: Source) -> Injected:
    """Make a stream of one kind; errors as the kind raises them.

    Raises:
        InputError: there is no face to change.
    """
    return INJECTIONS[kind](source)
