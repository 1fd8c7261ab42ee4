"""What the sensors saw of one presentation, in one frame or in several, looked at and then judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from antispoof.runtime.burst import look_and_score
from antispoof.runtime.examiner import Examined, Examiner, Scored
from antispoof.runtime.pool import cores
from antispoof.runtime.verdict import Evidence, FrameEvidence
from antispoof.sensing.capture import Box, FilmedModality, Frames, Recording, Sample, Sources
from antispoof.sensing.content import content_of, has_sound
from antispoof.sensing.frames import REASONS, joined, load_member, members
from antispoof.sensing.modalities import modalities, takers
from antispoof.sensing.people import shows_several_people

if TYPE_CHECKING:
    from antispoof.sensing.cues import Measured

__all__ = ["Looked", "Presented", "judge", "look", "look_at_burst", "unjudged"]

LEAST_USABLE = 0.5  # of the frames: with fewer it is no sample that can be judged

Run = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]
"""Applies a function to each of several things, beside each other where it can."""


Tone = Callable[[NDArray[np.float64]], NDArray[np.float64] | None]
"""Features (N, F) → (N, D), where captures of one person are about 1 apart; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one sensor saw of one presentation.

    Attributes:
        name: of the modality.
        examined: every frame with its quality.
        frames: what is known of their course.
        scored: place → what a bundle said of that frame by itself already.
        scored_by: which bundle.
        copied: numbers, from 1, of the references that it is a copy of.
    """

    name: str
    examined: tuple[Examined, ...]
    frames: Frames
    scored: Mapping[int, Scored] = field(default_factory=dict)
    scored_by: Examiner | None = None
    copied: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Which of the frames can be judged."""
        return tuple(place for place, (_, quality) in enumerate(self.examined) if quality.usable)

    @property
    def usable(self) -> bool:
        """Whether so many frames can be judged that all of them can."""
        return bool(self.places) and len(self.places) >= LEAST_USABLE * len(self.examined)

    @property
    def faces(self) -> list[tuple[NDArray[np.uint8], Box]]:
        """Usable pictures in colour, each with the face in it."""
        modality = modalities[self.name]
        if not isinstance(modality, FilmedModality) or modality.filmed != "colour":
            return []
        usable = [self.examined[place] for place in self.places]
        return [(sample.array, quality.region) for sample, quality in usable if quality.region is not None]

    def with_reason(self, code: str) -> Looked:
        """Return the same with one reason more why no camera took these frames in a row."""
        reasons = tuple(dict.fromkeys((*self.frames.reasons, code)))
        return replace(self, frames=replace(self.frames, reasons=reasons))

    def rejected(self) -> Evidence:
        """Tell why not: what is wrong with most of the frames that cannot be judged."""
        modality = modalities[self.name]
        failed = [place for place, (_, quality) in enumerate(self.examined) if not quality.usable]
        usual = Counter(self.examined[place][1].reasons for place in failed).most_common(1)[0][0]
        shown = next(place for place in failed if self.examined[place][1].reasons == usual)
        sample, quality = self.examined[shown]
        reasons = (*(("few_usable",) if self.places else ()), *usual)
        return Evidence(
            self.name,
            "rejected",
            reasons,
            tuple(REASONS[code] if code == "few_usable" else modality.reasons[code] for code in reasons),
            quality.measurements,
            region=None if quality.region is None else quality.region.scaled(sample.reduced),
            frames=self._told({}),
            shown=shown,
        )

    def _told(self, scores: Mapping[int, float | None]) -> tuple[FrameEvidence, ...]:
        if len(self.examined) == 1:
            return ()
        spans = self.frames.spans_s or (None,) * len(self.examined)
        return tuple(
            FrameEvidence(scores.get(place), quality.reasons, span)
            for place, ((_, quality), span) in enumerate(zip(self.examined, spans, strict=True))
        )

    def told(
        self, parts: Sequence[tuple[int, Evidence]], shown: int, score: float | None, tone: Tone
    ) -> Evidence:
        """Make one piece of evidence of those of the frames.

        Args:
            parts: which frame, and its evidence.
            shown: which of the parts stands for the whole.
            score: of the whole.
            tone: makes of features what tells how far captures of one person lie apart.
        """
        place, evidence = parts[shown]
        if len(self.examined) == 1:
            advice = tuple(REASONS[code] for code in self.frames.reasons)
            return replace(evidence, score=score, reasons=self.frames.reasons, advice=advice)
        scores = {place: part.score for place, part in parts}
        timeline = tuple(
            (*self.frames.spans_s[place], value)
            for place, value in sorted(scores.items())
            if value is not None and self.frames.spans_s
        )
        features = [part.features for _, part in parts if part.features is not None]
        reasons = (*self.frames.reasons, *(("several_people",) if self._several_people(parts, tone) else ()))
        return replace(
            evidence,
            reasons=reasons,
            advice=tuple(dict.fromkeys(REASONS[code] for code in reasons)),
            measurements={**evidence.measurements, **self.frames.measurements},
            score=score,
            features=np.mean(features, axis=0) if features else None,
            timeline=timeline,
            frames=self._told(scores),
            shown=place,
        )

    def _several_people(self, parts: Sequence[tuple[int, Evidence]], tone: Tone) -> bool:
        modality = modalities[self.name]
        if not isinstance(modality, FilmedModality) or modality.filmed != "colour":
            return False
        seen = {place: part for place, part in parts if part.region is not None}
        pictures = [self.examined[place][0].array for place in seen]
        faces = [region for place in seen if (region := self.examined[place][1].region) is not None]
        known = [part.features for part in seen.values() if part.features is not None]
        features = np.stack(known) if known and len(known) == len(seen) else None
        tones = None if features is None else tone(features)
        frames = self.frames
        return shows_several_people(
            pictures, faces, tones, in_one_run=frames.in_one_run, filmed=frames.filmed
        )


@dataclass(frozen=True, slots=True)
class Presented:
    """What the sensors saw of one presentation.

    Attributes:
        listed: every modality that was named, one whose sensor was not there too.
        looked: modality → what was seen.
        unjudged: modality → what else is in its file that nobody judges, in words.
    """

    listed: tuple[str, ...]
    looked: Mapping[str, Looked]
    unjudged: Mapping[str, tuple[str, ...]]

    @property
    def usable(self) -> tuple[str, ...]:
        """Modalities whose sample can be judged."""
        return tuple(name for name, found in self.looked.items() if found.usable)

    def with_cues(self, name: str, cues: Sequence[Measured], *, in_one_run: bool) -> Presented:
        """Return the same with what the course of a live capture showed to one sensor.

        Args:
            name: of the sensor.
            cues: what was measured.
            in_one_run: whether it was watched without a gap, and no cut was seen.
        """
        found = self.looked[name]
        found = replace(
            found, frames=replace(found.frames, cues=tuple(cues), in_one_run=in_one_run, filmed=True)
        )
        return replace(self, looked={**self.looked, name: found})

    def with_reason(self, name: str, code: str) -> Presented:
        """Return the same with one reason more against the frames of one sensor, see `Looked.with_reason`."""
        return replace(self, looked={**self.looked, name: self.looked[name].with_reason(code)})

    @property
    def size(self) -> int:
        """Bytes that the decoded samples take."""
        return sum(sample.array.nbytes for found in self.looked.values() for sample, _ in found.examined)


def look(given: Mapping[str, Sources], run: Run) -> dict[str, Looked]:
    """Decode what was given, and look whether it can be judged.

    Raises:
        MediaError: a source is no usable media.
        InputError: a source is neither path nor bytes nor array.
    """
    single = [(name, one) for name, sources in given.items() for one in members(name, sources)]
    loaded = run(lambda one: load_member(*one, cues=True), single)
    frames = {
        name: joined([part for (owner, _), part in zip(single, loaded, strict=True) if owner == name])
        for name in given
    }
    samples = [(name, sample) for name, found in frames.items() for sample in found.samples]
    qualities = iter(run(_quality, samples))
    frames = {
        name: replace(found, cues=_with_sound(found, given[name], given, frames))
        for name, found in frames.items()
    }
    return {
        name: Looked(name, tuple((sample, next(qualities)) for sample in found.samples), found)
        for name, found in frames.items()
    }


def look_at_burst(name: str, sources: Sequence[Any], examiner: Examiner, run: Run) -> Looked:
    """Look at pictures of one presentation, and score each where a core is free; see `look`.

    Args:
        name: of the modality.
        sources: of each picture.
        examiner: the bundle that judges this modality alone.
        run: how several things are done beside each other.

    Raises:
        BundleError: the network fails.
    """

    def seen(source: Any) -> tuple[Frames, list[Examined]]:
        frames = load_member(name, source, cues=True)
        return frames, [(sample, _quality((name, sample))) for sample in frames.samples]

    def score(several: list[tuple[Frames, list[Examined]]]) -> list[list[Scored | None]]:
        usable = [one for _, examined in several for one in examined if one[1].usable]
        scored = iter(examiner.score_many([{name: one} for one in usable], here=True) if usable else ())
        return [[next(scored) if one[1].usable else None for one in examined] for _, examined in several]

    found = look_and_score(members(name, sources), seen, score, cores(), run)
    said = [each for _, scores in found for each in scores]
    return Looked(
        name,
        tuple(one for (_, examined), _ in found for one in examined),
        joined([frames for (frames, _), _ in found]),
        {place: each for place, each in enumerate(said) if each is not None},
        examiner,
    )


def _with_sound(
    found: Frames, source: Sources, given: Mapping[str, Sources], frames: Mapping[str, Frames]
) -> tuple[Measured, ...]:
    """Let the lips be compared with the voice where both are of one film."""
    alike = [name for name in given if modalities[name].windowed and _file(given[name]) == _file(source)]
    if not found.cues or not alike:
        return found.cues
    from antispoof.sensing.audio import RATE
    from antispoof.sensing.cues.lip_sound import heard

    sound = frames[alike[0]].samples[0].array
    return tuple(heard(each, sound, RATE) if each.name == "lip_sound" else each for each in found.cues)


def _file(source: Sources) -> str | None:
    """Name the file of a film that counts from its beginning to its end."""
    if isinstance(source, Recording):
        return (
            str(source.source) if source.frames is None and isinstance(source.source, (str, Path)) else None
        )
    return str(source) if isinstance(source, (str, Path)) else None


def _quality(one: tuple[str, Sample]) -> Any:
    return modalities[one[0]].quality(one[1])


def judge(examiner: Examiner, presentations: Sequence[Mapping[str, Looked]]) -> list[Scored]:
    """Judge presentations: all frames of all of them in one batch, then what each one's come to together.

    Where a sensor has fewer frames than another, its own are used again, at about the same time.

    Args:
        examiner: the bundle.
        presentations: of each, modality → what was seen, usable; all of them modalities of the bundle.

    Raises:
        BundleError: the network fails.
    """
    placed = [_rows(looked) for looked in presentations]
    every = [(looked, row) for looked, rows in zip(presentations, placed, strict=True) for row in rows]
    known = [_known(examiner, looked, row) for looked, row in every]
    asked = [
        {name: looked[name].examined[place] for name, place in row.items()}
        for (looked, row), said in zip(every, known, strict=True)
        if said is None
    ]
    answers = iter(examiner.score_many(asked) if asked else ())
    scored = iter([next(answers) if said is None else said for said in known])
    return [
        _pooled(examiner, looked, rows, list(islice(scored, len(rows))))
        for looked, rows in zip(presentations, placed, strict=True)
    ]


def _known(examiner: Examiner, looked: Mapping[str, Looked], row: Mapping[str, int]) -> Scored | None:
    """Return what the bundle said of these frames already."""
    if len(row) > 1:
        return None
    [(name, place)] = row.items()
    return looked[name].scored.get(place) if looked[name].scored_by is examiner else None


def _rows(looked: Mapping[str, Looked]) -> list[dict[str, int]]:
    """Tell which frames of its sensors are judged side by side."""
    count = max(len(found.places) for found in looked.values())
    return [{name: _at(found.places, row, count) for name, found in looked.items()} for row in range(count)]


def _pooled(
    examiner: Examiner,
    looked: Mapping[str, Looked],
    rows: Sequence[Mapping[str, int]],
    scored: Sequence[Scored],
) -> Scored:
    """Make of the frames of one presentation one ratio and one piece of evidence a sensor."""
    ratio = examiner.pool([each.ratio for each in scored])
    nearest = int(np.argmin([abs(each.ratio - ratio) for each in scored]))
    evidence = {}
    for name, found in looked.items():
        parts = [(row[name], each.evidence[name]) for row, each in zip(rows, scored, strict=True)]
        own = [part.score for _, part in parts if part.score is not None]
        evidence[name] = found.told(parts, nearest, examiner.pool(own) if own else None, examiner.tone)
    return Scored(ratio, float(np.mean([each.raw for each in scored])), evidence)


def _at(places: Sequence[int], row: int, rows: int) -> int:
    return places[round((len(places) - 1) * (row + 0.5) / rows)]


def unjudged(name: str, source: Sources, names: Sequence[str]) -> tuple[str, ...]:
    """Say what of a film is not judged, where only a side of it is."""
    if isinstance(source, Recording):
        source = source.source
    if not isinstance(source, (str, Path, bytes)) or content_of(source) != "film":
        return ()
    own = modalities[name].unnamed
    found = []
    for content in ("picture", "sound"):
        there = content == "picture" or has_sound(source)
        if there and content not in own and not set(takers(content)) & set(names):
            found.append(f"the {content} of the film")
    return tuple(found)
