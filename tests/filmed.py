"""Clips made of one portrait: a head that turns before a room, and a print of it that is moved. Simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Pictures = Iterator[tuple[float, NDArray[np.uint8]]]

WIDTH, HEIGHT = 480, 400
FACE = (222.0, 120.0)  # middle of the face of the portrait, and half of its width and height
HALF = (58.0, 78.0)


def room(seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 190, (HEIGHT // 10, WIDTH // 10, 3)).astype(np.float32)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def path_of(time_s: float) -> tuple[float, float, float]:
    """Turn to the side, to the front, and shift: smooth and never the same."""
    return (
        float(np.sin(2.1 * time_s) + 0.4 * np.sin(5.3 * time_s)),
        float(np.sin(1.3 * time_s + 1) + 0.3 * np.sin(4.1 * time_s)),
        float(np.sin(1.7 * time_s + 2)),
    )


def noisy(picture: NDArray[Any], rng: np.random.Generator, level: float) -> NDArray[np.uint8]:
    grain = rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture + np.float32(level) * grain, 0, 255).astype(np.uint8)


_MADE: dict[tuple[object, ...], list[tuple[float, NDArray[np.uint8]]]] = {}


def kept(make: Callable[..., Pictures]) -> Callable[..., Pictures]:
    """Make the clip that every test wants once; others are made as they are asked for."""

    def made(portrait: NDArray[np.uint8], *arguments: object, **named: object) -> Pictures:
        if arguments or named:
            return make(portrait, *arguments, **named)
        key = (make.__name__, portrait.shape)
        if key not in _MADE:
            _MADE[key] = list(make(portrait))
        return iter(_MADE[key])

    return made


@kept
def head(
    portrait: NDArray[np.uint8], seconds: float = 2.0, rate: float = 15.0, noise: float = 1.5, seed: int = 0
) -> Pictures:
    """A head that turns before a room at rest: what is nearer moves more."""
    rng = np.random.default_rng(seed)
    behind = room(seed)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    u, v = (xs - WIDTH / 2) / HALF[0], (ys - HEIGHT / 2) / HALF[1]
    far = u**2 + v**2
    bump = np.sqrt(np.clip(1.3 - far, 0, None)) + 0.5 * np.exp(-(u**2 + (v - 0.15) ** 2) / 0.03)
    for number in range(round(seconds * rate)):
        turn, nod, shift = path_of(number / rate)
        x = xs - WIDTH / 2 + FACE[0] - 8 * shift - 9 * turn * bump
        y = ys - HEIGHT / 2 + FACE[1] - 5 * nod * bump
        face = cv2.remap(portrait, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
        apart = ((xs - WIDTH / 2 - 8 * shift) / HALF[0]) ** 2 + v**2
        there = np.clip((1.7 - apart) * 4, 0, 1)[..., None]
        yield number / rate, noisy(there * face + (1 - there) * behind, rng, noise)


@kept
def print_of(
    portrait: NDArray[np.uint8], seconds: float = 2.0, rate: float = 15.0, noise: float = 1.5, seed: int = 0
) -> Pictures:
    """The portrait on paper, turned and shifted before the same room."""
    rng = np.random.default_rng(seed)
    behind = room(seed)
    sheet = np.ascontiguousarray(portrait[:300, 60:400])
    rows, columns = sheet.shape[:2]
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float32)
    for number in range(round(seconds * rate)):
        turn, nod, shift = path_of(number / rate)
        across, up = 0.25 * turn, 0.2 * nod
        placed = []
        for x, y in (corners - (columns / 2, rows / 2)).tolist():
            deep = 1 + (x * np.sin(across) + y * np.sin(up)) / 700
            placed.append((WIDTH / 2 + 8 * shift + x * np.cos(across) / deep, 200 + y * np.cos(up) / deep))
        plane = cv2.getPerspectiveTransform(corners, np.array(placed, np.float32))
        shown = cv2.warpPerspective(sheet.astype(np.float32), plane, (WIDTH, HEIGHT))
        there = cv2.warpPerspective(np.ones((rows, columns), np.float32), plane, (WIDTH, HEIGHT))[..., None]
        yield number / rate, noisy(shown + (1 - there) * behind, rng, noise)


def write(path: Path, pictures: Pictures, rate: int = 15, codec: str = "mpeg4", **settings: Any) -> Path:
    """Write a film, its times as they are, its last picture for ``lasts`` seconds; other settings belong to
    the codec's context."""
    lasts = settings.pop("lasts", 0.0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.bit_rate = WIDTH, HEIGHT, 6_000_000
        stream.pix_fmt = settings.pop("pixels", "yuv420p")
        base = Fraction(1, rate * 100)
        stream.codec_context.time_base = base
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for time_s, picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = round(time_s / base), base
            for packet in stream.encode(frame):
                packet.duration = round(lasts / base) or packet.duration
                out.mux(packet)
        out.mux(stream.encode(None))
    return path
