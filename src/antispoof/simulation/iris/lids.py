"""What lies around the eyeball: the opening of the lids, their skin, and the flesh in the inner corner.

Skin is a relief under the lamps of the sensor: the bulge of the eyeball beneath the lids, folds, fine lines
and pores. Light comes back scattered, by how the relief faces the lamps, and mirrored where it is moist.
The eyeball is 24 mm across (anatomy), lid margins are some 2 mm thick, a tear meniscus 0.2 to 0.3 mm high;
skin sends back 0.4 to 0.7 of near infrared, about alike for all colours (R. Anderson, J. Parrish, "The optics
of human skin", J. Invest. Dermatol. 77, 1981). Depths of folds and pores are guesses by eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.iris.person import EyeState, Person
from antispoof.simulation.iris.view import Map, View, grain, step

__all__ = ["Opening", "opening", "skin_light", "with_flesh"]

BALL = 12.0  # millimetres, radius of the eyeball
SLOT = 0.42  # half the height of the inner corner, millimetres


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the eye is open. Millimetres, (H, W).

    Attributes:
        across: from the middle of the lids, along the line of the corners, the nose at the negative side.
        down: from the line of the corners.
        from_top: below the edge of the upper lid; negative above it.
        from_bottom: above the edge of the lower lid; negative below it.
    """

    across: Map
    down: Map
    from_top: Map
    from_bottom: Map


def lid_edges(
    person: Person, state: EyeState, across: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return how far down the edges of the upper and the lower lid are, millimetres, at places across.

    The upper one is highest towards the nose, the lower one lowest towards the temple; between the corner by
    the nose and the eyeball there is a narrow slot.
    """
    half, upper, lower = person.opening
    u = across / half
    bow = np.clip(1 - u * u, 0, None)
    top = -upper * state.lids * np.clip(1 - np.abs(np.clip(u + 0.16 * bow, -1, 1)) ** 2.1, 0, None)
    bottom = lower * min(state.lids, 1.05) * np.clip(1 - np.clip(u - 0.18 * bow, -1, 1) ** 2, 0, None)
    slot = SLOT * np.clip(1 - ((u + 0.98) / 0.17) ** 2, 0, None)
    return np.minimum(top, 0.6 * slot - 2 * slot), np.maximum(bottom, slot)


def opening(view: View, person: Person, state: EyeState) -> Opening:
    """Tell where the eye is open."""
    cos, sin = np.float32(np.cos(person.slant)), np.float32(np.sin(person.slant))
    x, down = cos * view.x + sin * view.y, cos * view.y - sin * view.x
    across = np.float32(person.side) * x
    top, bottom = lid_edges(person, state, across)
    return Opening(across, down, np.asarray(down - top, np.float32), np.asarray(bottom - down, np.float32))


def skin_light(
    view: View,
    person: Person,
    state: EyeState,
    around: Opening,
    lamp: tuple[float, float],
    rng: np.random.Generator,
    *,
    plastic: bool = False,
) -> Map:
    """Return the light that comes back from the skin, (H, W), 1 being a white sheet.

    Args:
        view: where the sensor looks.
        person: whose skin.
        state: how moist it is, and whether made up.
        around: where the eye is open.
        lamp: x and y of the direction to the lamps, against the direction to the sensor.
        rng: of all that is drawn.
        plastic: a doll's skin, without folds and pores.
    """
    half = person.opening[0]
    above, below = -around.from_top, -around.from_bottom  # positive outside
    beyond = np.clip(np.abs(around.across) - np.float32(0.95 * half), 0, None)
    edge = np.exp(-((beyond / np.float32(0.8)) ** 2))  # the edges of the lids end at the corners
    near = np.exp(-((np.clip(np.abs(around.across) - half, 0, None) / np.float32(3.0)) ** 2))
    # The eyeball under the lids, and the hollow around it.
    off = (around.across * around.across + 1.3 * around.down * around.down) / np.float32(BALL * BALL * 1.7)
    height = np.float32(4.5) * np.exp(-off)
    height += np.float32(person.hollow) * grain(rng, view, 14, 12)
    if person.crease and not plastic:
        fold = np.exp(-(((above - person.crease) / np.float32(0.5)) ** 2))
        height -= np.float32(person.fold) * near * fold
    if not plastic:
        wander = grain(rng, view, 5, 2.5)
        outside = np.maximum(above, below)
        lines = np.sin((np.float32(5.5) + np.float32(0.25) * wander) * outside + np.float32(1.5) * wander)
        fade = near * np.exp(-np.clip(outside - 1.5, 0, None) / np.float32(4)) * (outside > np.float32(1.2))
        height += np.float32(0.012 * person.pores) * lines * fade
        height += np.float32(0.010 * person.pores) * grain(rng, view, 0.6, 0.4)
        height += np.float32(0.004 * person.pores) * grain(rng, view, 0.28, 0.24)
    down, across = np.gradient(height * np.float32(view.pitch))
    facing = 1 / np.sqrt(1 + across * across + down * down)
    lx, ly = lamp
    lit = (
        (1 - across * np.float32(lx) - down * np.float32(ly))
        * facing
        / np.float32(np.hypot(1, np.hypot(lx, ly)))
    )
    skin = (
        np.float32(person.skin) * np.clip(lit, 0.15, None) * (1 + np.float32(0.04) * grain(rng, view, 9, 7))
    )
    if not plastic:
        skin *= 1 + np.float32(0.02) * grain(rng, view, 1.2, 1.0)
        # The border of the lids is smooth and pale; behind the fold and above the lashes it is dark.
        rim = np.exp(-(((below - 0.55) / np.float32(0.55)) ** 2)) * edge
        skin += (np.float32(0.95 * person.skin) - skin) * np.float32(0.5) * rim
        if person.crease:
            skin *= 1 - np.float32(0.16) * near * np.exp(-(((above - person.crease) / np.float32(0.35)) ** 2))
    skin *= 1 - np.float32(0.3) * edge * np.exp(-np.abs(above) / np.float32(0.6))
    skin *= 1 - np.float32(0.15) * edge * np.exp(-np.abs(below) / np.float32(0.3))
    if state.makeup:
        skin *= 1 - np.float32(state.makeup) * near * np.exp(-np.abs(above) / np.float32(0.9))
        skin *= 1 - np.float32(0.6 * state.makeup) * near * np.exp(-np.abs(below) / np.float32(0.5))
    # What moist or oily skin mirrors: facets that look halfway between lamp and sensor.
    hx, hy = np.float32(lx / 2), np.float32(ly / 2)
    aside = (across + hx) ** 2 + (down + hy) ** 2
    width = 0.1 if plastic else 0.02
    gloss = np.float32(rng.uniform(0.1, 0.5) if plastic else 0.75 * state.wet**2) * np.exp(
        -aside / np.float32(2 * width)
    )
    if not plastic:
        oily = np.clip(np.float32(0.35) + np.float32(0.6) * grain(rng, view, 9, 6), 0, None)
        gloss *= oily * np.clip(np.float32(0.4) + np.float32(0.45) * grain(rng, view, 0.4, 0.26), 0, None)
    return np.asarray(skin + gloss, np.float32)


def with_flesh(
    light: Map, view: View, person: Person, state: EyeState, around: Opening, rng: np.random.Generator
) -> Map:
    """Add the flesh of the inner corner, and the film of tears along the lower lid."""
    half = person.opening[0]
    u = (around.across + np.float32(half * 0.93)) / np.float32(1.9)
    v = around.down / np.float32(1.2)
    flesh = 1 - step(np.sqrt(u * u + v * v) - 1, 0.5)
    bumps = grain(rng, view, 0.6, 0.5)
    tone = np.float32(0.78 * person.skin) * (1 + np.float32(0.1) * bumps)
    light = light + (tone - light) * flesh
    glints = np.clip(bumps - np.float32(1.25), 0, None) * flesh
    film = np.exp(-(((around.from_bottom - np.float32(0.14)) / np.float32(0.11)) ** 2))
    broken = np.clip(grain(rng, view, 1.6, 3.0) - np.float32(0.6), 0, 1)
    centred = np.exp(-((around.across / np.float32(0.6 * half)) ** 2))
    light = light * (1 - np.float32(0.15) * film)  # the film bends light away where it mirrors nothing
    return np.asarray(
        light + np.float32(state.wet) * (np.float32(1.1) * glints + film * broken * centred), np.float32
    )
