"""Films for a browser's fake camera: a rendered person, in person and on a rendered screen. All simulated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from rendered import Look, picture

from antispoof.sensing.faces import find_faces
from antispoof.simulation.face.replay import replay
from antispoof.simulation.face.staging import Staged

RATE = 30  # frames a second, which is what the browser takes a film without timing for
HOLD = 3  # the person moves ten times a second
WIDTH, HEIGHT, SIZE = 640, 480, 480

Picture = NDArray[np.uint8]


def write_film(path: Path, pictures: Iterable[Picture]) -> None:
    """Write pictures, 480×480 RGB, one after another as JPEG, between grey bars, ten a second."""
    with path.open("wb") as film:
        for shown in pictures:
            wide = cv2.copyMakeBorder(shown, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
            film.write(simplejpeg.encode_jpeg(np.ascontiguousarray(wide), quality=90) * HOLD)


def person(looks: Iterable[Look], seed: int) -> Iterator[Picture]:
    """Film a person, with the noise of a camera: no two films share a picture unless they share the seed."""
    return _noisy((picture(look, size=SIZE, noise=0) for look in looks), seed)


def person_on_a_screen(looks: Iterable[Look], seed: int = 7) -> Iterator[Picture]:
    """Show a person on a simulated screen, the same all the time, and film that."""
    seen: dict[Look, Picture] = {}
    for look in looks:
        if look not in seen:
            shown = picture(look, size=SIZE, noise=0)
            staged = Staged(
                np.asarray(shown / 255, np.float32),
                find_faces(shown)[0].box,
                np.ones((SIZE, SIZE, 1), np.float32),
            )
            filmed = replay(staged, None, np.random.default_rng(seed))
            seen[look] = np.asarray(np.rint(255 * filmed), np.uint8)
    return _noisy((seen[look] for look in looks), seed)


def _noisy(pictures: Iterable[Picture], seed: int) -> Iterator[Picture]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 2, (SIZE, SIZE, 3)).astype(np.float32)
    for clean in pictures:
        fresh = np.roll(noise, rng.integers(0, SIZE, 2), axis=(0, 1))
        yield np.asarray(np.clip(np.rint(clean + fresh), 0, 255), np.uint8)


def sway(seconds: float) -> list[Look]:
    """Small movements of somebody who holds still."""
    places = [0.0, 1.5, 3.0, 4.0, 4.5, 4.0, 3.0, 1.5]
    return [Look(x=places[i // 2 % 8], distance=470) for i in range(round(10 * seconds))]


def acting(seconds: float) -> list[Look]:
    """Turn both ways, nod, blink and come closer, again and again, never twice in the same rhythm."""
    rng = np.random.default_rng(0)
    front = Look(distance=470)
    ease = (0.0, 0.35, 0.7, 1.0, 1.0, 0.7, 0.35, 0.0)
    movements = [
        [Look(yaw=-20 * share, distance=470) for share in ease],
        [Look(yaw=20 * share, distance=470) for share in ease],
        [Look(pitch=14 * share, y=15 + 28 * share, distance=470) for share in ease],
        [front] * 3 + [Look(closed=1, distance=470)] * 4 + [front] * 3,
        [Look(distance=470 - 110 * share) for share in ease],
    ]
    looks = [front] * 45  # until the prompts begin
    while len(looks) < 10 * seconds:
        for number in rng.permutation(len(movements)):
            looks += movements[number] + [front] * int(rng.integers(0, 4))
    return looks
