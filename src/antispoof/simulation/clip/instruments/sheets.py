"""Prints, held and moved: flat, bent, waved, and cut out along the person."""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.simulation.clip import clip_instruments
from antispoof.simulation.clip.layers import Layer
from antispoof.simulation.clip.stage import FACE_MM, Layers, Picture, Stage, handle, panel, with_fingers

__all__ = ["cut_out", "printed", "sheet"]

SCALES = (0.55, 1.25)  # of a printed face to a face


def printed(picture: Picture, rng: np.random.Generator) -> Picture:
    """What ink on paper keeps: less contrast and saturation, a tint, dots, and the blur of the printer."""
    kept = picture.astype(np.float32) / 255
    grey = kept.mean(axis=2, keepdims=True)
    kept = grey + rng.uniform(0.6, 1.05) * (kept - grey)
    kept = rng.uniform(0.04, 0.16) + rng.uniform(0.68, 0.85) * kept
    kept = kept * np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    rows, columns = kept.shape[:2]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    pitch = rng.uniform(2.2, 4)
    dots = np.cos(2 * np.pi * (x + 0.6 * y) / pitch) * np.cos(2 * np.pi * (y - 0.6 * x) / pitch)
    kept = cv2.GaussianBlur(kept, (0, 0), rng.uniform(0.8, 2.0)) + 0.03 * dots[..., None]
    return np.asarray(np.clip(kept, 0, 1) * 255, np.uint8)


def sheet(stage: Stage, bend_mm: float, wave_mm: float = 0.0, poster: bool = False) -> Layer:
    """The portrait, with its background, on paper."""
    rng, body = stage.rng, stage.body
    picture = printed(body.portrait, rng)
    if not poster and rng.random() < 0.5:
        white = int(rng.uniform(0.02, 0.12) * picture.shape[1])
        picture = np.asarray(
            cv2.copyMakeBorder(picture, *(white,) * 4, cv2.BORDER_CONSTANT, value=(225, 225, 220)), np.uint8
        )
    scale = rng.uniform(*SCALES) * (1.3 if poster else 1)
    mm = body.size_mm[0] * scale / body.portrait.shape[1]
    shown, cover = with_fingers(picture, rng, 60)
    held = handle(stage, stage.distance_mm(FACE_MM * scale), bend_mm=bend_mm * scale)
    return panel(
        lambda _: shown, shown.shape[1] * mm, shown.shape[0] * mm, held, cover, wave_mm=wave_mm * scale
    )


@clip_instruments.register("print_flat")
def print_flat(stage: Stage) -> Layers:
    """A photograph on stiff paper."""
    return [sheet(stage, 0.0)]


@clip_instruments.register("print_bent")
def print_bent(stage: Stage) -> Layers:
    """A photograph bent around a vertical line, more and less."""
    return [sheet(stage, float(stage.rng.uniform(25, 70)) * float(stage.rng.choice([-1, 1])))]


@clip_instruments.register("print_waved")
def print_waved(stage: Stage) -> Layers:
    """A large loose print, in which waves run."""
    return [sheet(stage, 15.0, float(stage.rng.uniform(3, 9)), poster=True)]


@clip_instruments.register("print_cut_out")
def cut_out(stage: Stage) -> Layers:
    """A print cut along the outline of the person: the room behind is the real one."""
    rng, body = stage.rng, stage.body
    picture = printed(body.portrait, rng)
    scale = rng.uniform(*SCALES)
    held = handle(stage, stage.distance_mm(FACE_MM * scale), bend_mm=float(rng.uniform(0, 20)) * scale)
    width, height = (side * scale for side in body.size_mm)
    hard = np.where(body.cover[: picture.shape[0]] > 127, 255, 0).astype(np.uint8)
    return [panel(lambda _: picture, width, height, held, hard)]
