"""A finger: ridges that grow along a field of directions, with pores, creases and scars.

Directions are those of singular points (B. Sherlock, D. Monro, "A model for interpreting fingerprint
topology", Pattern Recognition 26, 1993); ridges grow under filters that follow them, minutiae arise by
themselves (R. Cappelli, D. Maio, D. Maltoni, "Synthetic fingerprint-database generation", ICPR 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHT", "PATTERNS", "WIDTH", "Finger", "grow"]

Field = NDArray[np.float32]
Pattern = Literal["whorl", "left_loop", "right_loop", "tented_arch", "arch"]

WIDTH, HEIGHT = 400, 496  # px: 20 × 25 mm of skin
PATTERNS: dict[Pattern, float] = {
    # shares over fingers (C. Wilson, G. Candela, C. Watson, "Neural network fingerprint classification",
    # J. Artificial Neural Networks 1, 1994)
    "whorl": 0.279,
    "left_loop": 0.338,
    "right_loop": 0.317,
    "tented_arch": 0.029,
    "arch": 0.037,
}
PERIOD = (9.1, 0.75)  # px, mean and deviation over people (D. Maltoni et al., Handbook, 2022, section 3.4)
PORES_MM = 0.6  # from pore to pore along a ridge: 9 to 18 a cm (D. Ashbaugh, 1999, chapter 4)
DIRECTIONS = 32
ROUNDS = 7
COARSE = 2  # ridges grow at 250 ppi


@dataclass(frozen=True, slots=True)
class Finger:
    """The skin of one finger: float32 maps, (HEIGHT, WIDTH).

    Attributes:
        pattern: of its ridges.
        ridges: -1 (valley) to 1 (crest).
        pores: 0 to 1 (the middle of a pore).
        creases: 0 to 1: white lines and scars.
        roughness: 0.5 to 2, of worn skin most.
    """

    pattern: Pattern
    ridges: Field
    pores: Field
    creases: Field
    roughness: float


def grow(rng: np.random.Generator) -> Finger:
    """Grow a finger; the same generator state grows the same one."""
    names: list[Any] = list(PATTERNS)
    pattern: Pattern = names[
        int(rng.choice(len(names), p=np.array([*PATTERNS.values()]) / sum(PATTERNS.values())))
    ]
    angle = _directions(pattern, rng)
    period = float(np.clip(rng.normal(*PERIOD), 7.0, 11.5)) / COARSE
    coarse = _ridges(angle, period, rng)
    ridges = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)
    roughness = float(np.clip(rng.lognormal(0, 0.35), 0.5, 2.0))
    return Finger(pattern, np.clip(ridges, -1, 1), _pores(ridges, rng), _creases(rng), roughness)


def _directions(pattern: Pattern, rng: np.random.Generator) -> Field:
    """Angle along the ridges, radians, at the coarse resolution."""
    rows, columns = HEIGHT // COARSE, WIDTH // COARSE
    y, x = np.mgrid[:rows, :columns].astype(np.float32) / columns  # 0..1 across, 0..1.24 down
    jitter = rng.normal(0, 0.03, 8)
    middle, core = 0.5 + jitter[0], 0.5 + jitter[1]
    if pattern == "arch":
        bend = np.clip(2.2 + rng.normal(0, 0.3) - 1.6 * y, 0.05, None) * (
            0.35 + 0.65 * np.clip(y / 0.6, 0, 1)
        )
        return np.asarray(np.arctan(bend * np.cos(np.pi * x) * 0.9), np.float32)
    low = core + rng.uniform(0.35, 0.5)
    if pattern == "whorl":
        gap = rng.uniform(0.04, 0.16)
        loops = [(middle + jitter[2], core - gap / 2), (middle + jitter[3], core + gap / 2)]
        deltas = [(middle - 0.38 + jitter[4], low), (middle + 0.38 + jitter[5], low + jitter[6])]
    else:
        aside = {"left_loop": 0.33, "right_loop": -0.33, "tented_arch": 0.0}[pattern]
        loops = [(middle, core)]
        deltas = [(middle + aside + jitter[4] / 2, low)]
    turn = np.zeros_like(x)
    for sign, points in ((0.5, loops), (-0.5, deltas)):
        for at_x, at_y in points:
            turn += sign * np.arctan2(y - at_y, x - at_x)
    # Far above the core ridges arch over it; the constant makes them level there.
    whole = len(loops) - len(deltas)
    turn += np.pi / 2 * (1 if whole == 0 and pattern != "whorl" else 0)
    level = {"whorl": 0.0, "left_loop": -np.pi / 2, "right_loop": -np.pi / 2, "tented_arch": -np.pi / 2}[
        pattern
    ]
    return np.asarray(turn + level, np.float32)


def _bank(period: float) -> list[Field]:
    """Filters that pass ridges of one distance, in `DIRECTIONS` directions; each sums to nothing."""
    half = 7
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    bank = []
    for index in range(DIRECTIONS):
        angle = np.pi * index / DIRECTIONS
        along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        shape = np.exp(-(along**2) / (2 * 3.3**2) - across**2 / (2 * 1.9**2))
        wave = shape * np.cos(2 * np.pi * across / period)
        wave -= shape * (wave.sum() / shape.sum())
        bank.append((wave / np.abs(wave).sum()).astype(np.float32))
    return bank


def _ridges(angle: Field, period: float, rng: np.random.Generator) -> Field:
    bank = _bank(period)
    nearest = np.rint(angle / np.pi * DIRECTIONS).astype(int) % DIRECTIONS
    masks = [(index, nearest == index) for index in range(DIRECTIONS)]
    skin = rng.standard_normal(angle.shape, np.float32)
    for _ in range(ROUNDS):
        grown = np.zeros_like(skin)
        for index, mask in masks:
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if not len(rows):
                continue
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            answer = cv2.filter2D(skin, -1, bank[index], borderType=cv2.BORDER_REFLECT)[part]
            np.copyto(grown[part], answer, where=mask[part])
        skin = np.tanh(grown * np.float32(2.2 / max(float(grown.std()), 1e-6)))
    return np.asarray(cv2.GaussianBlur(skin, (0, 0), 0.6), np.float32)


def _pores(ridges: Field, rng: np.random.Generator) -> Field:
    """Put a pore on the crest in most cells of a grid."""
    cell = round(PORES_MM * 500 / 25.4)
    rows, columns = HEIGHT // cell, WIDTH // cell
    noisy = ridges + 0.5 * rng.random(ridges.shape, np.float32)
    cells = noisy[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).swapaxes(1, 2)
    place = cells.reshape(rows, columns, -1).argmax(2)
    y = np.arange(rows)[:, None] * cell + place // cell
    x = np.arange(columns)[None, :] * cell + place % cell
    there = rng.random(y.shape) < 0.85
    pores = np.zeros_like(ridges)
    size = rng.uniform(0.4, 1.0, y.shape)  # 0.06 to 0.25 mm across, once blurred
    pores[y[there], x[there]] = size[there]
    return np.asarray(np.clip(cv2.GaussianBlur(pores, (0, 0), 0.9) * 5.0, 0, 1), np.float32)


def _creases(rng: np.random.Generator) -> Field:
    creases = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(int(rng.poisson(2.5))):
        start, angle = rng.uniform((0, 0), (WIDTH, HEIGHT)), rng.normal(0, 0.5)
        if rng.random() < 0.25:  # a scar runs anywhere
            angle = rng.uniform(0, np.pi)
        points, here = [start], start
        for _ in range(int(rng.integers(3, 9))):
            angle += rng.normal(0, 0.15)
            here = here + rng.uniform(15, 35) * np.array([np.cos(angle), np.sin(angle)])
            points.append(here)
        line = np.rint(np.array(points)).astype(np.int32)
        cv2.polylines(
            creases, [line], False, float(rng.uniform(0.5, 1)), round(rng.uniform(1, 2.6) ** 2), cv2.LINE_AA
        )
    return np.asarray(cv2.GaussianBlur(creases, (0, 0), 0.8), np.float32)
