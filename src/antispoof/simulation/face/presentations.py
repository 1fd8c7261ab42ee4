"""Simulated presentations of faces: a bona fide capture and, paired with it, each kind of attack.

All of one pair share the person, the framing and the kind of camera; only what stands before the camera
differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.simulation.face import face_instruments
from antispoof.simulation.face.bona_fide import relight
from antispoof.simulation.face.camera import camera
from antispoof.simulation.face.portrait import Portrait
from antispoof.simulation.face.staging import Framing, Staged, draw_framing, stage

__all__ = ["SimulatedFace", "present", "simulate_face", "simulate_pairs"]

_OTHER_PERSON_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class SimulatedFace:
    """One simulated capture.

    Attributes:
        image: uint8, (H, W, 3), RGB.
        face: where the face is in ``image``.
        pai_species: None for a bona fide capture.
        subject: whose portrait it was made from.
    """

    image: NDArray[np.uint8]
    face: Box
    pai_species: str | None
    subject: str


def simulate_face(
    portrait: Portrait,
    pai_species: str | None,
    framing: Framing,
    rng: np.random.Generator,
    others: Sequence[Portrait] = (),
) -> SimulatedFace:
    """Simulate one capture.

    Args:
        portrait: the person.
        pai_species: name of a face instrument, or None for a bona fide capture.
        framing: how the face sits in the picture.
        rng: draws every parameter.
        others: people who may be mirrored in a screen or stand behind a cut-out mask.
    """
    staged = stage(portrait, framing, rng)
    other = None
    if others and rng.random() < _OTHER_PERSON_SHARE:
        other = stage(others[int(rng.integers(len(others)))], framing, rng)
    image, face = present(staged, other, pai_species, rng)
    return SimulatedFace(image, face, pai_species, portrait.subject)


def present(
    staged: Staged, other: Staged | None, pai_species: str | None, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Box]:
    """Capture a staged person, or an instrument that shows them; return the picture and the face in it."""
    if pai_species is None:
        seen = relight(staged.picture, rng)
    else:
        seen = face_instruments[pai_species](staged, other, rng)
    return camera(seen, staged.face, rng)


def simulate_pairs(
    portraits: Sequence[Portrait],
    index: int,
    variant: int,
    seed: int,
    species: Sequence[str],
    wide_share: float = 0.5,
) -> Iterator[SimulatedFace]:
    """Yield the bona fide capture of ``portraits[index]`` and one capture of each attack paired with it.

    The same arguments give the same captures, whatever was simulated before.

    Args:
        portraits: everybody; the others may appear as reflections or behind masks.
        index: whom to simulate.
        variant: number of the pair of this person.
        seed: of the whole set.
        species: names of face instruments.
        wide_share: share of pictures that show the surroundings.
    """
    framing = draw_framing(np.random.default_rng([seed, index, variant]), wide_share=wide_share)
    for number, kind in enumerate((None, *species)):
        rng = np.random.default_rng([seed, index, variant, number])
        yield simulate_face(portraits[index], kind, framing, rng, portraits)
