"""What the sensors saw of one presentation, in one frame or in several, looked at and then judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from antispoof.runtime.examiner import Examined, Examiner, Scored
from antispoof.runtime.verdict import Evidence, FrameEvidence
from antispoof.sensing.capture import FilmedModality, Frames, Sample, Sources
from antispoof.sensing.frames import REASONS, joined, load_member, members
from antispoof.sensing.modalities import modalities
from antispoof.sensing.people import shows_several_people

__all__ = ["Looked", "judge", "look"]

LEAST_USABLE = 0.5  # of the frames: with fewer it is no sample that can be judged

Run = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]
"""Applies a function to each of several things, beside each other where it can."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one sensor saw of one presentation.

    Attributes:
        name: of the modality.
        examined: every frame with its quality.
        frames: what is known of their course.
    """

    name: str
    examined: tuple[Examined, ...]
    frames: Frames

    @property
    def places(self) -> tuple[int, ...]:
        """Which of the frames can be judged."""
        return tuple(place for place, (_, quality) in enumerate(self.examined) if quality.usable)

    @property
    def usable(self) -> bool:
        """Whether so many frames can be judged that all of them can."""
        return bool(self.places) and len(self.places) >= LEAST_USABLE * len(self.examined)

    def rejected(self) -> Evidence:
        """Tell why not: what is wrong with most of the frames that cannot be judged."""
        modality = modalities[self.name]
        failed = [place for place, (_, quality) in enumerate(self.examined) if not quality.usable]
        usual = Counter(self.examined[place][1].reasons for place in failed).most_common(1)[0][0]
        shown = next(place for place in failed if self.examined[place][1].reasons == usual)
        quality = self.examined[shown][1]
        reasons = (*(("few_usable",) if self.places else ()), *usual)
        return Evidence(
            self.name,
            "rejected",
            reasons,
            tuple(REASONS[code] if code == "few_usable" else modality.reasons[code] for code in reasons),
            quality.measurements,
            region=quality.region,
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

    def told(self, parts: Sequence[tuple[int, Evidence]], shown: int, score: float | None) -> Evidence:
        """Make one piece of evidence of those of the frames.

        Args:
            parts: which frame, and its evidence.
            shown: which of the parts stands for the whole.
            score: of the whole.
        """
        place, evidence = parts[shown]
        if len(self.examined) == 1:
            return replace(evidence, score=score)
        scores = {place: part.score for place, part in parts}
        timeline = tuple(
            (*self.frames.spans_s[place], value)
            for place, value in sorted(scores.items())
            if value is not None and self.frames.spans_s
        )
        features = [part.features for _, part in parts if part.features is not None]
        reasons = (*self.frames.reasons, *(("several_people",) if self._several_people(parts) else ()))
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

    def _several_people(self, parts: Sequence[tuple[int, Evidence]]) -> bool:
        modality = modalities[self.name]
        if not isinstance(modality, FilmedModality) or modality.filmed != "colour":
            return False
        seen = {place: part for place, part in parts if part.region is not None}
        pictures = [self.examined[place][0].array for place in seen]
        faces = [part.region for part in seen.values() if part.region is not None]
        known = [part.features for part in seen.values() if part.features is not None]
        return shows_several_people(pictures, faces, np.stack(known) if len(known) == len(seen) else None)


def look(given: Mapping[str, Sources], run: Run) -> dict[str, Looked]:
    """Decode what was given, and look whether it can be judged.

    Raises:
        MediaError: a source is no usable media.
        InputError: a source is neither path nor bytes nor array.
    """
    single = [(name, one) for name, sources in given.items() for one in members(name, sources)]
    loaded = run(lambda one: load_member(*one), single)
    frames = {
        name: joined([part for (owner, _), part in zip(single, loaded, strict=True) if owner == name])
        for name in given
    }
    samples = [(name, sample) for name, found in frames.items() for sample in found.samples]
    qualities = iter(run(_quality, samples))
    return {
        name: Looked(name, tuple((sample, next(qualities)) for sample in found.samples), found)
        for name, found in frames.items()
    }


def _quality(one: tuple[str, Sample]) -> Any:
    return modalities[one[0]].quality(one[1])


def judge(examiner: Examiner, names: Sequence[str], looked: Mapping[str, Looked]) -> Scored:
    """Judge a presentation: its frames in one batch, then what they come to together.

    Where a sensor has fewer frames than another, its own are used again, at about the same time.

    Args:
        examiner: the bundle.
        names: modalities that it judges, all of them usable.
        looked: what was seen.

    Raises:
        BundleError: the network fails.
    """
    count = max(len(looked[name].places) for name in names)
    rows = [{name: _at(looked[name].places, row, count) for name in names} for row in range(count)]
    scored = examiner.score_many(
        [{name: looked[name].examined[place] for name, place in row.items()} for row in rows]
    )
    ratio = examiner.pool([one for one, _ in scored])
    nearest = int(np.argmin([abs(one - ratio) for one, _ in scored]))
    evidence = {}
    for name in names:
        parts = [(row[name], found[name]) for row, (_, found) in zip(rows, scored, strict=True)]
        own = [part.score for _, part in parts if part.score is not None]
        evidence[name] = looked[name].told(parts, nearest, examiner.pool(own) if own else None)
    return ratio, evidence


def _at(places: Sequence[int], row: int, rows: int) -> int:
    return places[round((len(places) - 1) * (row + 0.5) / rows)]
