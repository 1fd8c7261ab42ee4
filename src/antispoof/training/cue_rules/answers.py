"""Simulated answers to challenges, measured: what `face_turn` and `face_light` learn from.

A turn is filmed: a simulated person or an instrument (`antispoof.simulation.clip`) rests, is asked to turn to
a side, and turns by 14 degrees or more, as the prompt stays until it is seen. People answer after a moment;
whoever holds a print or wears a mask answers as quickly, and turns a print as far as 45 degrees. A film does
not know what is asked: it turns to any side at any time, or not. Light is a colour: a face before a screen of
any strength, against films that are lit by nothing or by other colours, and prints, which reflect as a face
does.

Everything is simulated.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from antispoof.challenges import ShownStep, Step, challenges
from antispoof.challenges.frame import Frame, observe
from antispoof.data.presentation import CaptureFile
from antispoof.errors import InputError
from antispoof.sensing.cues import Measured
from antispoof.sensing.cues.face_light import reflected
from antispoof.sensing.cues.face_turn import turned
from antispoof.sensing.media import load_image
from antispoof.simulation.clip.layers import Layer, Map, rotation
from antispoof.simulation.clip.motion import Track
from antispoof.simulation.clip.render import ClipSpec, simulate_clip
from antispoof.simulation.clip.suites import SUITES
from antispoof.simulation.face.collection import portrait_files, read_portrait
from antispoof.simulation.face.portrait import Portrait
from antispoof.training.cue_rules.measuring import MeasuredClip, numbers_of
from antispoof.training.cue_rules.parts import of_suite, partition_of

__all__ = ["lit", "planned_light", "write_answers"]

RATE = 8.0
REST_S, WHOLE_S = 1.2, 4.2
TURNED = {
    "taught": ("print_flat", "print_bent", "mask_paper"),
    "held_out": ("print_waved", "print_cut_out", "mask_eyes_cut"),
}
NECK_MM = 80.0  # behind a face, what it turns about
LAG_S = 0.3
CALM = 0.25  # whoever looks ahead and answers moves so much slower, else, than in a clip
TURN_SIGN = -1.0  # of the yaw of a layer with which a head looks to its own left


def write_answers(
    portraits: Path,
    out: Path,
    *,
    suite: str,
    people: int,
    licence: str,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _, __: None,
) -> int:
    """Simulate answers to turns and to light, measure them, and write a line of JSON for each.

    Args:
        portraits: one picture a person.
        out: file to write, as `antispoof cues measure` does.
        suite: ``taught`` or ``held_out``: other people, another way to move, other instruments.
        people: how many.
        licence: of the portraits.
        seed: the same seed makes the same answers.
        progress: told how many people are done, and of how many.

    Returns:
        how many lines were written.

    Raises:
        InputError: there are too few portraits, or no such suite.
    """
    if suite not in TURNED:
        raise InputError(f"suite must be one of {', '.join(TURNED)}, got {suite!r}")
    mine = of_suite(portrait_files(portraits) if portraits.is_dir() else [], suite)
    if people < 2 or len(mine) < people:
        raise InputError(f"people must be 2 to {len(mine)}, the portraits of that suite, got {people}")
    chosen = [mine[len(mine) * number // people] for number in range(people)]
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for number, path in enumerate(chosen):
            progress(number, people)
            person, other = (
                read_portrait(CaptureFile(p), p.stem, lambda _: None) for p in (path, chosen[number - 1])
            )
            if person is None:
                continue
            for take, (kind, found) in enumerate(_answers(person, other or person, suite, seed, number)):
                answer = MeasuredClip(
                    f"answer-{suite}-{seed}-{number:04}-{take:02}-{kind or 'bona_fide'}",
                    person.subject,
                    kind,
                    partition_of(suite, number),
                    licence,
                    simulated=True,
                    cues=numbers_of([found]),
                )
                file.write(answer.as_line())
                count += 1
            file.flush()
    progress(people, people)
    return count


def _answers(
    person: Portrait, other: Portrait, suite: str, seed: int, number: int
) -> Iterator[tuple[str | None, Measured]]:
    """Simulate what one person and those who imitate them answer: kind of attack, and what was measured."""
    for take, kind in enumerate((None, None, *TURNED[suite], "film_turning")):
        rng = np.random.default_rng([seed, list(SUITES).index(suite), number, take])
        instrument = None if kind == "film_turning" else kind
        spec = ClipSpec(seed, number, take, instrument, suite, WHOLE_S)
        try:
            yield kind, turned(_turn(spec, kind, person, other, rng))
        except InputError:
            return
    for take, kind in enumerate((None, None, None, "film_unlit", "film_lit", "print_lit")):
        rng = np.random.default_rng([seed, list(SUITES).index(suite), number, 100 + take])
        shown = planned_light(int(rng.integers(2**31)))
        light = planned_light(int(rng.integers(2**31))) if kind == "film_lit" else shown
        share, noise = (float(np.exp(rng.uniform(*np.log(of)))) for of in ((0.003, 0.15), (1e-3, 0.02)))
        frames = lit(light, 0.0 if kind == "film_unlit" else share, noise, rng)
        yield kind, reflected(challenges["light"].verify(frames, None, shown).measurements)


def _turn(
    spec: ClipSpec, kind: str | None, person: Portrait, other: Portrait, rng: np.random.Generator
) -> Any:
    """Film a turn that was asked for, until it is answered or its time is up; return what was measured."""
    clip = simulate_clip(spec, person, other)
    asked = str(rng.choice(["turn_left", "turn_right"]))
    side = 1.0 if asked == "turn_left" else -1.0
    reacts = REST_S + float(rng.uniform(0.2, 1.2))
    takes = float(rng.uniform(0.4, 1.0))
    least, most = (14.0, 35.0) if kind is None or kind.startswith(("mask", "film")) else (15.0, 45.0)
    degrees = float(rng.uniform(least, most))
    if kind == "film_turning":
        reacts = float(rng.uniform(-1.0, WHOLE_S))
        side *= float(rng.choice([1.0, -1.0, 0.0], p=[0.4, 0.4, 0.2]))

    def yaw(time_s: float) -> float:
        share = min(max((time_s - reacts) / takes, 0.0), 1.0)
        return TURN_SIGN * side * degrees * (3 * share**2 - 2 * share**3)

    held = kind is not None and kind.startswith("print")
    count = 2 if kind is not None and kind.startswith("mask") else 1
    layers = list(clip.layers)
    layers[-count:] = [_yawed(layer, yaw, 0.0 if held else NECK_MM) for layer in layers[-count:]]
    settings = replace(clip.settings, fps=RATE, dropped=0.0)
    frames: list[Frame] = []
    shown = [ShownStep(Step("look_ahead", REST_S), 0.0, REST_S)]
    ask = Step(asked, WHOLE_S - REST_S)
    for time_s, picture in replace(clip, settings=settings, layers=tuple(layers)).frames():
        coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        frames.append(observe(load_image(coded.tobytes()), time_s))
        if time_s > REST_S:
            step = ShownStep(ask, REST_S, time_s)
            if time_s > REST_S + 0.5 and challenges["movement"].answered(frames, [*shown, step]):
                break
    return challenges["movement"].verify(frames, None, [*shown, ShownStep(ask, REST_S, WHOLE_S)]).measurements


def _yawed(layer: Layer, yaw: Track, behind: float) -> Layer:
    """Calm a layer, and turn it about a vertical axis so many millimetres behind its middle."""

    def points(time_s: float) -> Map:
        at = layer.points(CALM * time_s)
        pivot = at.reshape(-1, 3).mean(axis=0) + np.array([0, 0, behind], np.float32)
        return np.asarray((at - pivot) @ rotation(yaw(time_s), 0.0, 0.0).T + pivot, np.float32)

    return replace(layer, points=points)


def planned_light(seed: int) -> list[ShownStep]:
    """Plan the colours of a challenge of light, and when each is shown."""
    steps = challenges["light"].plan(random.Random(seed))
    return [ShownStep(step, 0.7 * i, 0.7 * (i + 1)) for i, step in enumerate(steps)]


def lit(shown: list[ShownStep], share: float, noise: float, rng: np.random.Generator) -> list[Frame]:
    """Return frames of a face whose light comes from the screen to a ``share`` where the screen is white.

    Args:
        shown: the colours.
        share: of the light of the face, 0 to 1.
        noise: deviation of the logarithm of its colour from frame to frame.
        rng: draws the noise.
    """
    skin = np.array([0.35, 0.22, 0.16])
    blank = Frame(0.0, "", np.zeros((24, 24), np.float32), 1, None, None, None, None, None, 128.0, 64, 64)
    frames = []
    for i in range(int(shown[-1].end_s * RATE)):
        now = i / RATE
        colours = [s.step.arguments["colour"] for s in shown if s.start_s <= now - LAG_S]
        light = [(int(colours[-1][k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)] if colours else [0.0] * 3
        red, green, blue = skin * (1 + share * np.array(light)) * np.exp(rng.normal(0, noise, 3))
        frames.append(replace(blank, time_s=now, skin=(red, green, blue), background=(0.2, 0.2, 0.2)))
    return frames
