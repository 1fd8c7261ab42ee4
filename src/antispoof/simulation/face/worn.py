"""Paper that fills the picture, or is worn: posters, paper masks, printed foils.

A poster has no edge in the picture; a mask has the living head of its wearer around it, and light falls on it
as on everything else.
"""

from __future__ import annotations

import cv2
import numpy as np

from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.bona_fide import relight
from antispoof.simulation.face.optics import blur
from antispoof.simulation.face.printed import curl, cut_out, halftone, ink, paper_texture, shine
from antispoof.simulation.face.replay import stored_picture
from antispoof.simulation.face.staging import Staged
from antispoof.simulation.face.tone import Picture, display, linear, ramp, s_curve

__all__ = ["print_mask", "print_poster"]


@face_instruments.register("print_poster")
def print_poster(staged: Staged, _other: Staged | None, rng: np.random.Generator) -> Picture:
    """Hold a large print of ``staged``, lit as in a studio, so that it fills the picture; display values out.

    Args:
        staged: what the poster shows.
        _other: not used: nobody is seen beside it.
        rng: draws every parameter.
    """
    shown = staged.picture if rng.random() < 0.6 else stored_picture(staged.picture, rng)
    sheet = ink(s_curve(shown, rng.uniform(-0.3, 0.8)), rng)
    if rng.random() < 0.25:
        sheet = halftone(sheet, rng)
    sheet = paper_texture(sheet, rng)
    if rng.random() < 0.5:
        sheet = curl(sheet, rng)
    if rng.random() < 0.3:
        sheet = shine(sheet, rng)
    return relight(display(sheet), rng, low_light_share=0.15)


@face_instruments.register("print_mask")
def print_mask(staged: Staged, other: Staged | None, rng: np.random.Generator) -> Picture:
    """Wear the face of ``staged``, cut from paper or printed on a foil; display values out.

    Args:
        staged: whom the mask shows.
        other: who wears it; without anybody the person wears their own face.
        rng: draws every parameter.
    """
    wearer = staged if other is None else other
    face = staged.face
    sheet = paper_texture(ink(stored_picture(staged.picture, rng), rng), rng)
    if rng.random() < 0.2:
        sheet = halftone(sheet, rng)
    # Bent around the head: light falls off towards the sides.
    x = (np.arange(sheet.shape[1], dtype=np.float32) - (face.x + face.width / 2)) / face.width
    sheet = sheet * (1 - np.float32(rng.uniform(0, 0.6)) * np.minimum(x**2, 1))[None, :, None]
    if rng.random() < 0.4:
        sheet = curl(sheet, rng)
    shape = cut_out(staged, rng)
    holes = np.zeros(shape.shape[:2], np.float32)
    if rng.random() < 0.5:
        for centre in (0.3, 0.7):
            at = (int(face.x + centre * face.width), int(face.y + rng.normal(0.4, 0.01) * face.height))
            axes = (int(rng.uniform(0.06, 0.12) * face.width), int(rng.uniform(0.03, 0.07) * face.height))
            cv2.ellipse(holes, at, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    head = linear(wearer.picture)
    if rng.random() < 0.25:  # a foil lets the wearer's skin through
        through = rng.uniform(0.25, 0.6)
        sheet = np.asarray(sheet * (1 - through) + sheet * head * 2 * through, np.float32)
        sheet = shine(sheet, rng)
    cover = shape * (1 - blur(holes, 0.6)[..., None])
    gap = np.float32(rng.uniform(0, 0.6)) * np.clip(
        blur(shape[..., 0], rng.uniform(2, 6)) - shape[..., 0], 0, 1
    )
    scene = cover * sheet + (1 - cover) * head * (1 - gap[..., None])
    if rng.random() < 0.5:  # outdoors: plenty of light, from one side
        side = ramp(scene.shape[:2], rng.uniform(0, 2 * np.pi))
        scene = scene * np.float32(rng.uniform(1, 2)) * (1 + rng.uniform(0, 0.8) * side)
    return relight(display(np.asarray(scene, np.float32)), rng, low_light_share=0.15)
