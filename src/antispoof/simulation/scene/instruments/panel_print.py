"""Prints of a face, flat, bent around the head, or with holes for the eyes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.scene.head import make_head
from antispoof.simulation.scene.ink import ink_at_850, printed
from antispoof.simulation.scene.instruments import Setup, Stage, instrument
from antispoof.simulation.scene.physics import MATERIALS
from antispoof.simulation.scene.surface import Panel, Pose

Map = NDArray[np.float32]


def _print(stage: Stage, bend: float, holes: bool) -> Setup:
    rng = stage.rng
    glossy = rng.uniform() < 0.35
    paper = MATERIALS["glossy_paper" if glossy else "paper"]
    picture = printed(stage.picture(), rng)
    margin = rng.uniform(0.0, 0.05)
    if margin > 0.02:
        picture = _framed(picture, margin)
    rows, columns = picture.shape[:2]
    reflectance = np.dstack(
        [
            picture * np.array(paper.reflectance[:3], np.float32),
            ink_at_850(picture, paper.reflectance[3], rng),
        ]
    )
    height = rng.uniform(255, 300) if holes or rng.uniform() < 0.7 else rng.uniform(190, 230)
    width = height * columns / rows
    near = rng.uniform(150, 200) if not holes else rng.uniform(112, 124)
    stage = dataclasses.replace(stage, pose=stage.pose.further(near))
    shake = 0.0 if holes else 4.0
    offset = (rng.normal(0, shake), 0.08 * height + rng.normal(0, shake), -near)
    centre = np.array(stage.pose.centre) + np.array(offset)
    present = np.ones((rows, columns), np.float32)
    if holes:
        eye = 32.0 / width * columns
        y, x = np.mgrid[0:rows, 0:columns]
        for side in (-1, 1):
            r = np.hypot(
                (x - columns / 2 - side * eye) / (0.068 * columns), (y - 0.42 * rows) / (0.032 * rows)
            )
            present *= (r > 1).astype(np.float32)
    noise = cv2.resize(
        rng.standard_normal((6, 5)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC
    )
    warm = stage.ambient_c + rng.uniform(0.2, 1.2) + 0.25 * noise
    tilt = 3 if holes else 10
    pose = Pose(
        (float(centre[0]), float(centre[1]), float(centre[2])),
        float(rng.normal(0, tilt)),
        float(rng.normal(0, tilt * 0.6)),
        float(rng.normal(0, 3)),
    )
    panel = Panel(
        pose, width, height, reflectance.astype(np.float32), np.zeros((rows, columns, 3), np.float32),
        warm.astype(np.float32), present, paper.emissivity, paper.gloss, bend,
    )  # fmt: skip
    head = make_head(stage.attacker, rng, stage.ambient_c)
    return Setup(head, stage.pose, panel=panel, held=not holes or rng.uniform() < 0.7)


@instrument("print_flat")
def print_flat(stage: Stage) -> Setup:
    """A photograph on paper, held flat: flat to depth, at room temperature, ink pale at 850 nm."""
    return _print(stage, 0.0, False)


@instrument("print_bent")
def print_bent(stage: Stage) -> Setup:
    """The same, bent around the vertical, so that depth sees a curve."""
    return _print(stage, 1 / stage.rng.uniform(190, 420), False)


@instrument("print_eye_cut")
def print_eye_cut(stage: Stage) -> Setup:
    """The same with the eyes cut out: the attacker's own, warm and further back, look through."""
    pose = dataclasses.replace(stage.pose, yaw=stage.pose.yaw * 0.3, pitch=stage.pose.pitch * 0.3)
    return _print(dataclasses.replace(stage, pose=pose), 1 / stage.rng.uniform(260, 700), True)


def _framed(picture: Map, margin: float) -> Map:
    edge = max(1, int(margin * picture.shape[1]))
    return np.asarray(
        cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(1.0, 1.0, 1.0)),
        np.float32,
    )
