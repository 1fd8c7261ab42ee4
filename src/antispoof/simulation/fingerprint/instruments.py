"""Casts and prints of fingers: what a material and its shaping do to ridges, and to what a sensor sees.

What is known of them: gelatine and silicone casts, moulds of the finger and of latent prints, pores that are
lost (T. Matsumoto et al., "Impact of artificial gummy fingers on fingerprint systems", SPIE 4677, 2002);
materials of the LivDet competitions and their flaws (G. L. Marcialis, D. Yambay et al., 2009 to 2023);
bubbles, ridges that thicken, noise of coarse materials (E. Marasco, A. Ross, "A survey on antispoofing
schemes for fingerprint recognition systems", ACM Computing Surveys 47, 2014); conductive ink (K. Cao, A.
Jain, "Hacking mobile phones using 2D printed fingerprints", MSU technical report, 2016); printed targets (J.
Engelsma et al., "Universal 3D wearable fingerprint targets", IEEE TIFS 2018). ``optical`` follows the index
of refraction (gelatine 1.34 to 1.45 with its water, silicone and Ecoflex 1.41, polyvinyl acetate 1.47, latex
1.52, skin 1.5), ``electric`` the water in it, ``thermal`` its conductivity. Nobody has published all of
these numbers: they are ranges around what those works report, and guesses where they are silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from antispoof.simulation.fingerprint.finger import HEIGHT, WIDTH, Field, Finger
from antispoof.simulation.fingerprint.press import Skin, noise

__all__ = ["INSTRUMENTS", "Material", "Process", "copied", "live"]

Process = Literal["consensual", "latent", "printed"]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """What a finger is copied in.

    Attributes:
        processes: how it may be shaped: in a mould of the finger, from a latent print, printed.
        blur: px, detail that is lost.
        pores: 0 to 1, how much of the pores is left, of a mould of the finger.
        bubbles: a square centimetre.
        gain: how much ridges thicken.
        steep: see `Skin`; skin has 3.5 to 6.
        grain: see `Skin`; skin has 0.5 to 2.
        coarse: deviation of unevenness of 4 to 10 px: lumps, fibres.
        wrinkles: how many folds a film has.
        layers: px from layer to layer, or from dot to dot; 0: none.
        even: see `Skin`.
        optical: see `Contact`.
        electric: see `Contact`.
        thermal: see `Contact`.
        haze: see `Contact`.
    """

    processes: tuple[Process, ...]
    blur: Range
    pores: Range
    bubbles: Range
    gain: Range
    steep: Range
    grain: Range
    coarse: Range
    wrinkles: Range
    layers: Range
    even: Range
    optical: Range
    electric: Range
    thermal: Range
    haze: Range


MOULDED: tuple[Process, ...] = ("consensual", "latent")
NONE = (0.0, 0.0)
INSTRUMENTS: Mapping[str, Material] = {
    "gelatine": Material(
        MOULDED, (0.5, 1.2), (0.0, 0.5), (2, 25), (0.0, 0.5), (3, 7), (0.2, 0.9), (0.0, 0.2), (0, 1), NONE,
        (0.2, 0.7), (0.7, 1.0), (0.6, 1.0), (0.7, 1.0), (0.0, 0.15),
    ),
    "silicone": Material(
        MOULDED, (0.4, 1.0), (0.1, 0.6), (3, 40), (-0.1, 0.3), (5, 10), (0.2, 0.7), (0.0, 0.15), (0, 1), NONE,
        (0.2, 0.7), (0.5, 0.9), (0.15, 0.5), (0.3, 0.6), (0.0, 0.08),
    ),
    "latex": Material(
        MOULDED, (0.5, 1.1), (0.0, 0.4), (2, 30), (0.0, 0.4), (4, 9), (0.3, 1.0), (0.05, 0.25), (1, 7), NONE,
        (0.3, 0.8), (0.6, 1.0), (0.25, 0.6), (0.4, 0.7), (0.0, 0.12),
    ),
    "wood_glue": Material(
        MOULDED, (0.4, 1.0), (0.1, 0.6), (3, 35), (-0.2, 0.3), (5, 10), (0.3, 1.0), (0.05, 0.2), (1, 6), NONE,
        (0.3, 0.8), (0.6, 1.0), (0.4, 0.8), (0.5, 0.8), (0.0, 0.12),
    ),
    "ecoflex": Material(
        MOULDED, (0.4, 0.9), (0.1, 0.7), (4, 45), (0.0, 0.5), (5, 11), (0.1, 0.5), (0.0, 0.1), (0, 1), NONE,
        (0.2, 0.6), (0.5, 0.9), (0.15, 0.45), (0.3, 0.6), (0.0, 0.1),
    ),
    "play_doh": Material(
        MOULDED, (0.9, 2.0), (0.0, 0.1), (0, 10), (0.2, 0.8), (2, 5), (1.0, 2.2), (0.2, 0.55), (0, 2), NONE,
        (0.3, 0.9), (0.6, 1.0), (0.6, 1.0), (0.6, 0.9), (0.0, 0.15),
    ),
    "conductive_ink": Material(
        ("printed",), (0.5, 1.0), NONE, (0, 4), (-0.3, 0.4), (5, 12), (0.3, 1.2), (0.1, 0.35), (0, 1),
        (1.2, 2.6), (0.7, 1.0), (0.4, 0.9), (0.6, 1.0), (0.3, 0.8), (0.0, 0.25),
    ),
    "photocopy": Material(
        ("printed",), (0.5, 1.2), NONE, (0, 3), (-0.2, 0.6), (5, 12), (0.6, 1.6), (0.15, 0.45), NONE,
        (1.5, 3.2), (0.8, 1.0), (0.4, 0.9), (0.15, 0.5), (0.3, 0.7), (0.0, 0.4),
    ),
    "three_d_print": Material(
        ("printed",), (0.3, 0.8), (0.0, 0.15), (0, 5), (-0.2, 0.3), (5, 12), (0.2, 0.7), (0.0, 0.15), NONE,
        (1.8, 4.0), (0.3, 0.8), (0.5, 0.9), (0.2, 0.6), (0.3, 0.7), (0.0, 0.1),
    ),
}  # fmt: skip


def live(finger: Finger, rng: np.random.Generator) -> Skin:
    """Return the skin of a finger that somebody presses."""
    open_pores = float(rng.uniform(0.2, 1.0))
    holes = np.clip(open_pores * finger.pores + 1.2 * finger.creases, 0, 1)
    relief = finger.ridges * np.float32(rng.uniform(0.9, 1.25))
    return Skin(
        relief,
        holes,
        np.ones_like(relief),
        finger.roughness,
        float(rng.uniform(2.5, 9)),
        float(rng.normal(0, 0.15)),
    )


def copied(
    finger: Finger, material: Material, rng: np.random.Generator
) -> tuple[Skin, Process, Mapping[str, float]]:
    """Copy a finger: the surface, how it was shaped, and ``optical`` to ``haze`` as in `Contact`."""

    def drawn(limits: Range) -> float:
        return float(rng.uniform(*limits))

    process = material.processes[int(rng.integers(len(material.processes)))]
    relief = finger.ridges * np.float32(1.1) - 1.1 * finger.creases
    pores = drawn(material.pores)
    if process != "consensual":
        relief, pores = _flattened(relief, rng, process == "latent"), 0.0 if process == "latent" else pores
    layers = drawn(material.layers)
    if layers:
        relief = _in_dots(relief, layers, rng)
    relief = cv2.GaussianBlur(relief, (0, 0), drawn(material.blur))
    relief = relief + drawn(material.coarse) * noise(rng, relief.shape, float(rng.uniform(4, 10)))
    holes = pores * finger.pores
    spots, lumps = _bubbles(drawn(material.bubbles), rng)
    folds = _folds(round(drawn(material.wrinkles)), rng)
    skin = Skin(
        np.asarray(relief + 1.5 * lumps, np.float32),
        np.clip(holes + spots + folds, 0, 1).astype(np.float32),
        _body(rng),
        drawn(material.grain),
        drawn(material.steep),
        drawn(material.gain),
        drawn(material.even),
    )
    seen = {name: drawn(getattr(material, name)) for name in ("optical", "electric", "thermal", "haze")}
    return skin, process, seen


def _flattened(relief: Field, rng: np.random.Generator, latent: bool) -> Field:
    """Make two levels of it, as an etched or printed mask has; a latent print has gaps as well."""
    steep, level = float(rng.uniform(3, 8)), float(rng.normal(0, 0.2))
    worn = relief + (0.35 if latent else 0.1) * noise(rng, relief.shape, 5.0)
    out = np.tanh(steep * (worn - level))
    if latent:
        gaps = np.clip(noise(rng, relief.shape, float(rng.uniform(20, 45))) - 1.3, 0, 1)
        out = out - 2 * np.clip(gaps * 3, 0, 1)
    return np.asarray(out, np.float32)


def _in_dots(relief: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Sample it in dots or layers of one pitch, turned by any angle."""
    small = (max(8, round(WIDTH / pitch)), max(8, round(HEIGHT / pitch)))
    dots = cv2.resize(relief, small, interpolation=cv2.INTER_AREA)
    stepped = cv2.resize(dots, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    angle = float(rng.uniform(0, np.pi))
    bands = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch)
    return np.asarray(0.6 * stepped + 0.4 * relief + float(rng.uniform(0.0, 0.25)) * bands, np.float32)


def _bubbles(density: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return holes in the cast, and lumps where the mould had holes; 0.05 to 0.5 mm across."""
    holes, lumps = (np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(2))
    for _ in range(int(rng.poisson(density * WIDTH * HEIGHT / (500 / 2.54) ** 2))):
        target = holes if rng.random() < 0.7 else lumps
        middle = (int(rng.integers(WIDTH) * 8), int(rng.integers(HEIGHT) * 8))
        cv2.circle(target, middle, int(np.clip(rng.lognormal(0.7, 0.5), 0.6, 5) * 8), 1.0, -1, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(holes, (0, 0), 0.6), np.float32), np.asarray(
        cv2.GaussianBlur(lumps, (0, 0), 0.8), np.float32
    )


def _folds(count: int, rng: np.random.Generator) -> Field:
    folds = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(count):
        ends = rng.uniform((0, 0), (WIDTH, HEIGHT), (2, 2))
        middle = ends.mean(0) + rng.normal(0, 25, 2)
        line = np.rint([ends[0], middle, ends[1]]).astype(np.int32)
        cv2.polylines(folds, [line], False, float(rng.uniform(0.4, 1)), int(rng.integers(1, 3)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(folds, (0, 0), 0.7), np.float32)


def _body(rng: np.random.Generator) -> Field:
    """Where the cast is: its edge is cut, torn or straight, and often inside the finger's."""
    body = np.ones((HEIGHT, WIDTH), np.float32)
    if rng.random() < 0.35:
        return body
    angles = np.linspace(0, 2 * np.pi, int(rng.integers(4, 12)), endpoint=False) + rng.uniform(0, 1)
    radius = rng.uniform(0.75, 1.25, len(angles))
    points = np.stack(
        [WIDTH / 2 + 125 * radius * np.cos(angles), HEIGHT * 0.46 + 165 * radius * np.sin(angles)], 1
    )
    filled = cv2.fillPoly(np.zeros_like(body), [np.rint(points).astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), float(rng.uniform(0.8, 2.5))), np.float32)
