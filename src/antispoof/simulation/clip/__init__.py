"""Simulated clips: a head, or an instrument that an attacker moves, before a camera that films.

`person` gives a portrait the relief of a head, `layers` films anything that has a relief, `motion` says how
heads, hands and cameras move, `camera` is the ONE camera of bona fide and attack, `codecs` the ones that
write; each file of `instruments` is one kind of attack. Everything is drawn from stated ranges by a seeded
generator, and `suites` divides it into what may teach and what is held out.
"""

from __future__ import annotations

from collections.abc import Callable

from antispoof.registry import Registry
from antispoof.simulation.clip.stage import Layers, Stage

__all__ = ["ClipInstrument", "clip_instruments"]

ClipInstrument = Callable[[Stage], Layers]
"""Puts what stands before the camera on the stage, the farthest first."""

clip_instruments: Registry[ClipInstrument] = Registry(
    "clip attack instrument", "antispoof.simulation.clip.instruments"
)
