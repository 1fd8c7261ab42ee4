"""One bundle at work: samples of its sensors → one log likelihood ratio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import UnknownNameError
from antispoof.runtime.bundle import Bundle, BundleMetadata, Input
from antispoof.runtime.pool import Pool, cores
from antispoof.runtime.references import References, default_threshold, reference_rule
from antispoof.runtime.scorer import Scorer, Scores
from antispoof.runtime.verdict import BundleReference, Evidence, OperatingPoint
from antispoof.scores.calibration import Calibration, calibrate
from antispoof.scores.pooling import UNFITTED
from antispoof.sensing.capture import Box, Quality, Sample, WindowedModality
from antispoof.sensing.modalities import modalities

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Examined", "Examiner", "Scored", "find_operating_point"]

T = TypeVar("T")
R = TypeVar("R")

SHORTEST_JUDGED_S = 1.5  # of voice, at operating points that were set for nothing shorter
BATCH = 8  # frames, or windows of a sample that lasts, scored at a time

Examined = tuple[Sample, Quality]


class Scored(NamedTuple):
    """What a bundle says of one presentation, or of one frame.

    Attributes:
        ratio: natural-log likelihood ratio of all modalities together.
        raw: what the network gave, before it was calibrated; the mean where there are windows or frames.
        evidence: of each modality.
    """

    ratio: float
    raw: float
    evidence: dict[str, Evidence]


class Examiner:
    """A bundle, and the network in it once it is needed; safe to use from several threads.

    Args:
        bundle: the model.
        threads: how many threads the network may use for one batch; of many frames, or windows, there are
            as many batches at once as there are cores.
        site: what was learned from captures of the place where this runs.

    Raises:
        InputError: ``site`` belongs to another bundle.
        UnknownNameError: the bundle looks at a modality that is not registered.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, site: SiteCalibration | None = None) -> None:
        for judged in bundle.metadata.modalities:
            modalities[judged]  # found now, so that no two threads look for it at once
        if site is not None:
            site.check(bundle.metadata)
        self.bundle = bundle
        self.site = site
        self._network = _Network(bundle, threads)

    def at_site(self, site: SiteCalibration) -> Examiner:
        """Return the same at a site; the network is shared."""
        other = Examiner(self.bundle, site=site)
        other._network = self._network
        return other

    @property
    def metadata(self) -> BundleMetadata:
        """What the bundle tells of itself."""
        return self.bundle.metadata

    @property
    def reference(self) -> BundleReference:
        """Which model this is."""
        return BundleReference(self.metadata.name, self.metadata.version, self.metadata.sha256)

    @property
    def shift(self) -> float:
        """By how much scores are higher at this site than where the operating points were set."""
        return 0.0 if self.site is None else self.site.shift

    def load(self) -> None:
        """Load the network now; raise `BundleError` when that cannot be done."""
        self._network.scorer()

    def shipped_point(self, names: Iterable[str], present: Collection[str]) -> OperatingPoint:
        """Return the first operating point that the bundle knows, with these of its modalities present.

        Args:
            names: operating points by name or by rule, in order of preference; none for the default.
            present: modalities.

        Raises:
            UnknownNameError: the bundle knows none of them.
        """
        name = find_operating_point(self.metadata, names)
        entry = self.metadata.operating_point_for(name, present)
        return OperatingPoint(name, entry.threshold, entry.rule, entry.data)

    def point(
        self,
        names: Iterable[str],
        present: Collection[str],
        features: NDArray[np.float64] | None = None,
        references: References | None = None,
    ) -> OperatingPoint:
        """Return that operating point at this site, and for this person.

        Args:
            names: see `shipped_point`.
            present: modalities.
            features: (F,), of the presentation; without them a site is met at its typical presentation.
            references: of the person.

        Raises:
            UnknownNameError: the bundle knows none of the operating points.
        """
        point = self.shipped_point(names, present)
        if self.site is not None:
            point = self.site.moved(point, self.metadata, features)
        if references is None or not (counted := references.counted):
            return point
        rule, default = reference_rule(self.metadata), default_threshold(self.metadata)
        beside = point.threshold - self.shipped_point(names, present).threshold  # by the site
        moved = rule.threshold(
            references.scores[counted], references.tones[counted], rule.tone(features), default + beside
        )
        shift = moved - default - beside
        told = "1 reference" if len(counted) == 1 else f"{len(counted)} references"
        return replace(
            point, threshold=point.threshold + shift, rule=f"{point.rule}; moved by {shift:+.2f} by {told}"
        )

    def too_short(self, names: Iterable[str], evidence: Mapping[str, Evidence]) -> bool:
        """Tell whether somebody speaks for less time than an operating point was set for.

        Args:
            names: operating points, see `shipped_point`.
            evidence: of the presentation, by modality; of several together nobody asks.
        """
        if len(evidence) > 1:
            return False
        shortest = self.metadata.operating_points[find_operating_point(self.metadata, names)].shortest_s
        (part,) = evidence.values()
        spoken = part.measurements.get("voice_s")
        return spoken is not None and spoken < (SHORTEST_JUDGED_S if shortest is None else shortest)

    def tone(self, features: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return features (N, F) along the directions of the rule for references, where it has some."""
        rule = self.metadata.reference
        return rule.tone(features) if rule is not None and rule.directions else None

    def references(self, scored: Sequence[Scored], digests: Iterable[str]) -> References:
        """Keep of references what the next decision takes from them.

        Raises:
            BundleError: the bundle has no rule for them.
        """
        rule = reference_rule(self.metadata)
        tones = np.array([rule.tone(next(iter(each.evidence.values())).features) for each in scored])
        ratios = np.array([each.ratio for each in scored])
        return self.recounted(References(ratios, tones, digests=frozenset(digests)))

    def recounted(self, references: References) -> References:
        """Return references at this site: those judged attacks even at the lowest threshold do not count."""
        least = self.point((), self.metadata.modalities).threshold - reference_rule(self.metadata).lowest
        left_out = tuple((np.flatnonzero(references.scores < least) + 1).tolist())
        return replace(references, left_out=left_out)

    def score_many(
        self, presentations: Sequence[Mapping[str, Examined]], *, here: bool = False
    ) -> list[Scored]:
        """Score usable samples of several presentations, or frames, in as few calls of the network as may be.

        Args:
            presentations: of each, modality → sample with its quality; at least one, all of the bundle's
                modalities.
            here: in this thread alone, and all at once; else on as many cores as there are.

        Returns:
            of each, the natural-log likelihood ratio of all of its samples together, and the evidence of each
            modality.

        Raises:
            BundleError: the network fails.
        """
        alike: dict[frozenset[str], list[int]] = {}
        for index, samples in enumerate(presentations):
            alike.setdefault(frozenset(samples), []).append(index)
        found: dict[int, Scored] = {}
        for indices in alike.values():
            chosen = [presentations[index] for index in indices]
            found |= zip(indices, self._score_alike(chosen, here), strict=True)
        return [found[index] for index in range(len(presentations))]

    def pool(self, ratios: Sequence[float]) -> float:
        """Make one ratio of those of several frames of one presentation; see `Pooling`.

        What the site adds to every ratio does not count as evidence.
        """
        if len(ratios) == 1:
            return ratios[0]
        rule = self.metadata.pooling or UNFITTED
        return self.shift + rule(np.array(ratios) - self.shift)

    def _score_alike(self, presentations: Sequence[Mapping[str, Examined]], here: bool) -> list[Scored]:
        """Score presentations of the same sensors."""
        views = [view for view in self.metadata.inputs if view.modality in presentations[0]]
        prepare = partial(self._prepared, views=views)
        prepared = [*map(prepare, presentations)] if here else self._network.beside(prepare, presentations)
        counts = [len(next(iter(arrays.values()))) for arrays in prepared]
        joined = {view.name: np.concatenate([arrays[view.name] for arrays in prepared]) for view in views}
        scores = self._network.scorer()(joined) if here else self._scores(joined)
        ends = np.cumsum(counts).tolist()
        parts = [_rows(scores, end - count, end) for count, end in zip(counts, ends, strict=True)]
        return [self._told(samples, part) for samples, part in zip(presentations, parts, strict=True)]

    def _prepared(
        self, samples: Mapping[str, Examined], views: Sequence[Input]
    ) -> dict[str, NDArray[np.float32]]:
        """Prepare the windows of what lasts, and as often the same picture of what does not."""
        arrays = {}
        for view in views:
            modality = modalities[view.modality]
            sample, quality = samples[view.modality]
            prepared = modality.prepare(sample, quality, **view.prepare)
            arrays[view.name] = prepared if modality.windowed else prepared[np.newaxis]
        rows = max(len(array) for array in arrays.values())
        return {
            name: array if len(array) == rows else np.repeat(array, rows, axis=0)
            for name, array in arrays.items()
        }

    def _told(self, samples: Mapping[str, Examined], scores: Scores) -> Scored:
        """Tell what the scores of the windows of one presentation come to."""
        raw = scores.score
        calibration = self.metadata.calibration_for(samples)
        first = {view.modality: view.prepare for view in reversed(self.metadata.inputs)}
        alone = len(self.metadata.modalities) == 1
        evidence = {}
        for name, (sample, quality) in samples.items():
            modality = modalities[name]
            own = (raw, calibration) if alone else self._own_score(name, scores)
            timeline: tuple[tuple[float, float, float], ...] = ()
            if own is not None and modality.windowed and isinstance(modality, WindowedModality):
                spans = modality.timeline(sample, quality, **first[name])
                ratios = calibrate(*own).tolist()
                timeline = tuple((*span, ratio) for span, ratio in zip(spans, ratios, strict=True))
            heat_map = scores.heat_map if alone else None
            if heat_map is not None:
                turned = np.rot90(heat_map[0], -quality.quarter_turns)
                heat_map = heat_map[:, :, 0].T if modality.windowed else turned
            evidence[name] = Evidence(
                name,
                "used",
                measurements=quality.measurements,
                score=None if own is None else float(calibrate(own[0].mean(), own[1])),
                region=_in_file(quality.region, sample),
                frame=_in_file(modality.frame(sample, quality, **first[name]), sample),
                heat_map=heat_map,
                features=None if scores.features is None else scores.features.mean(axis=0),
                timeline=timeline,
            )
        return Scored(float(calibrate(raw.mean(), calibration)), float(raw.mean()), evidence)

    def _scores(self, arrays: Mapping[str, NDArray[np.float32]]) -> Scores:
        """Score rows of all views, some at a time, on as many cores as there are."""
        rows = len(next(iter(arrays.values())))
        size = min(BATCH, -(-rows // cores()))
        parts = self._network.score(
            [
                {view: array[start : start + size] for view, array in arrays.items()}
                for start in range(0, rows, size)
            ]
        )
        if len(parts) == 1:
            return parts[0]

        def joined(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            return None if values[0] is None else np.concatenate(values)

        return Scores(*(joined(field.name) for field in fields(Scores)))

    def _own_score(self, name: str, scores: Scores) -> tuple[NDArray[np.float64], Calibration] | None:
        """Return what one modality says by itself, (W,), and how to calibrate it, where the bundle tells."""
        calibration = self.metadata.modality_calibrations.get(name)
        if calibration is None or scores.modality_scores is None:
            return None
        return scores.modality_scores[:, self.metadata.modalities.index(name)], calibration


def _rows(scores: Scores, start: int, end: int) -> Scores:
    """Return the scores of some of the rows."""
    whole = [getattr(scores, field.name) for field in fields(Scores)]
    values: list[Any] = [None if value is None else value[start:end] for value in whole]
    return Scores(*values)


def _in_file(box: Box | None, sample: Sample) -> Box | None:
    return None if box is None else box.scaled(sample.reduced)


class _Network:
    """Loads a bundle's network once, whichever thread asks first."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._bundle, self._threads = bundle, threads
        self._lock = threading.Lock()
        self._scorer: Scorer | None = None
        self._pool = Pool()

    def score(self, batches: Sequence[Mapping[str, NDArray[np.float32]]]) -> list[Scores]:
        """Score batches beside each other."""
        return self.beside(self.scorer(), batches)

    def beside(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Apply a function to each, beside each other where there are cores for it."""
        return self._pool.map(function, items) if cores() > 1 else list(map(function, items))

    def scorer(self) -> Scorer:
        with self._lock:
            if self._scorer is None:
                self._scorer = Scorer(self._bundle, self._threads)
            return self._scorer


def find_operating_point(metadata: BundleMetadata, names: Iterable[str]) -> str:
    """Return the name of the first operating point that a bundle knows, by its name or its rule.

    ``"APCER<=5%"`` finds the point whose rule is ``"max APCER ≤ 5 %"``, ``"EER"`` one of rule ``"D-EER"``.

    Args:
        metadata: of the bundle.
        names: in order of preference; none for the default.

    Raises:
        UnknownNameError: it knows none of them.
    """
    wanted = tuple(names)
    if not wanted:
        return metadata.default_operating_point
    for name in wanted:
        if name in metadata.operating_points:
            return name
        for known, entry in metadata.operating_points.items():
            if _plain(entry.rule) == _plain(name):
                return known
    raise UnknownNameError("operating point", " or ".join(wanted), metadata.operating_points)


def _plain(rule: str) -> str:
    """Spell alike what is meant alike."""
    text = "".join(rule.lower().split()).replace("≤", "<=").removeprefix("max")
    return {"d-eer": "eer", "equalerrorrate": "eer"}.get(text, text)
