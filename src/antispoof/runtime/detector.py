"""From what the sensors saw to a verdict, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, UnknownNameError
from antispoof.runtime.bundle import DEFAULT_BUNDLE, Bundle, Calibration, read_bundle, subset_key
from antispoof.runtime.calibration import calibrate
from antispoof.runtime.policy import decide
from antispoof.runtime.scorer import Scorer, Scores
from antispoof.runtime.verdict import BundleReference, Evidence, OperatingPoint, Verdict
from antispoof.sensing.capture import Quality, Sample, Source, WindowedModality
from antispoof.sensing.modalities import modalities

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Detector", "load"]

WINDOWS = 8  # of a sample that lasts, scored at a time


def load(bundle: str | Path = DEFAULT_BUNDLE, *, at: str | None = None, threads: int = 1) -> Detector:
    """Load a detector.

    Args:
        bundle: path of a bundle, or the name of one that ships.
        at: name of an operating point; None takes the bundle's default.
        threads: how many threads one check may use.

    Raises:
        BundleError: the bundle is damaged.
        InputError: there is no such bundle or operating point.

    Example:
        >>> import antispoof
        >>> detector = antispoof.load()
        >>> verdict = detector.check(face_rgb="selfie.jpg")
    """
    return Detector(read_bundle(bundle), at=at, threads=threads)


class Detector:
    """Judges presentations; safe to use from several threads.

    Args:
        bundle: the model.
        at: name of an operating point; None takes the bundle's default.
        site: what `antispoof calibrate` learned from captures of the place where this runs.
        threads: how many threads one check may use.

    Raises:
        BundleError: the graph cannot be loaded.
        InputError: ``site`` belongs to another bundle.
        UnknownNameError: there is no operating point ``at``.
    """

    def __init__(
        self, bundle: Bundle, *, at: str | None = None, site: SiteCalibration | None = None, threads: int = 1
    ) -> None:
        self._setup(bundle, Scorer(bundle, threads), at, site)

    def _setup(self, bundle: Bundle, scorer: Scorer, at: str | None, site: SiteCalibration | None) -> None:
        metadata = bundle.metadata
        name = metadata.default_operating_point if at is None else at
        if name not in metadata.operating_points:
            raise UnknownNameError("operating point", name, metadata.operating_points)
        entry = metadata.operating_points[name]
        point = OperatingPoint(name, entry.threshold, entry.rule, entry.data)
        for judged in metadata.modalities:
            modalities[judged]  # found now, so that no two threads look for it at once
        self.bundle = bundle
        self.site = site
        self.operating_point = point if site is None else site.moved(point, metadata)
        self._scorer = scorer
        self._reference = BundleReference(metadata.name, metadata.version, metadata.sha256)

    def calibrated(self, site: SiteCalibration | str | Path) -> Detector:
        """Return this detector at the operating point of a site; the network is shared.

        Args:
            site: a site calibration, or the path of one.

        Raises:
            InputError: the file cannot be read, or belongs to another bundle.
        """
        from antispoof.runtime.site import read_site

        other = Detector.__new__(Detector)
        other._setup(
            self.bundle,
            self._scorer,
            self.operating_point.name,
            read_site(site) if isinstance(site, (str, Path)) else site,
        )
        return other

    def check(self, **sources: Source | None) -> Verdict:
        """Judge one presentation.

        Args:
            **sources: modality name → path, bytes of a file, or decoded array; for example
                ``face_rgb="selfie.jpg"``. None stands for a sensor that is not there.

        Returns:
            The verdict. A sample that cannot be judged gives a ``non_response`` with the reasons.

        Raises:
            MediaError: a source is no usable media.
            InputError: the bundle does not look at a modality that was given.
            BundleError: the network fails.
        """
        judged = self.bundle.metadata.modalities
        for name in sources:
            if name not in judged:
                modalities[name]  # an unknown name is told apart from one that this bundle does not use
                raise InputError(
                    f"bundle {self._reference.name!r} judges {', '.join(judged)}; it cannot use {name}"
                )
        evidence: dict[str, Evidence] = {}
        usable: dict[str, tuple[Sample, Quality]] = {}
        for name in judged:
            sample, quality = _examine(name, sources.get(name))
            if sample is None or quality is None:
                evidence[name] = Evidence(name, "missing")
            elif quality.usable:
                usable[name] = sample, quality
            else:
                evidence[name] = _rejected(name, quality)
        point = self._point(usable)
        fused: tuple[Evidence, ...] = ()
        if usable:
            score, used = self._score(usable)
            evidence |= used
            fused = (Evidence(subset_key(usable), "used", score=score),)  # the network weighs them jointly
        outcome, total = decide(fused, point)
        parts = tuple(evidence[name] for name in judged)
        return Verdict(outcome, total, parts, point, (self._reference,))

    def _point(self, present: Iterable[str]) -> OperatingPoint:
        point = self.operating_point
        if len(self.bundle.metadata.modalities) == 1:
            return point
        entry = self.bundle.metadata.operating_point_for(point.name, present)
        return OperatingPoint(point.name, entry.threshold, entry.rule, entry.data)

    def _score(self, samples: Mapping[str, tuple[Sample, Quality]]) -> tuple[float, dict[str, Evidence]]:
        metadata = self.bundle.metadata
        views = [view for view in metadata.inputs if view.modality in samples]
        arrays = {}
        for view in views:
            modality = modalities[view.modality]
            sample, quality = samples[view.modality]
            prepared = modality.prepare(sample, quality, **view.prepare)
            arrays[view.name] = prepared if modality.windowed else prepared[np.newaxis]
        scores = self._scores(arrays)
        raw = scores.score
        if self.site is not None and self.site.head is not None and scores.features is not None:
            raw = scores.features @ np.array(self.site.head.weight) + self.site.head.bias
        calibration = metadata.calibration_for(samples)
        joint = float(calibrate(raw.mean(), calibration))
        first = {view.modality: view.prepare for view in reversed(views)}
        alone = len(metadata.modalities) == 1
        evidence = {}
        for name, (sample, quality) in samples.items():
            modality = modalities[name]
            own = (raw, calibration) if alone else self._own_score(name, scores)
            timeline: tuple[tuple[float, float, float], ...] = ()
            if own is not None and isinstance(modality, WindowedModality):
                spans = modality.timeline(sample, quality, **first[name])
                ratios = calibrate(*own).tolist()
                timeline = tuple((*span, ratio) for span, ratio in zip(spans, ratios, strict=True))
            evidence[name] = Evidence(
                name,
                "used",
                measurements=quality.measurements,
                score=None if own is None else float(calibrate(own[0].mean(), own[1])),
                region=quality.region,
                frame=modality.frame(sample, quality, **first[name]),
                heat_map=scores.heat_map[0]
                if scores.heat_map is not None and alone and not modality.windowed
                else None,
                features=None if scores.features is None else scores.features.mean(axis=0),
                timeline=timeline,
            )
        return joint, evidence

    def _scores(self, arrays: Mapping[str, NDArray[np.float32]]) -> Scores:
        """Score the windows of what lasts, some at a time, each beside the same picture of what does not."""
        rows = max(len(array) for array in arrays.values())
        whole = {
            view: array if len(array) == rows else np.repeat(array, rows, axis=0)
            for view, array in arrays.items()
        }
        parts = [
            self._scorer({view: array[start : start + WINDOWS] for view, array in whole.items()})
            for start in range(0, rows, WINDOWS)
        ]
        if len(parts) == 1:
            return parts[0]

        def joined(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            return None if values[0] is None else np.concatenate(values)

        return Scores(*(joined(field.name) for field in fields(Scores)))

    def _own_score(self, name: str, scores: Scores) -> tuple[NDArray[np.float64], Calibration] | None:
        """Return what one modality says by itself, (W,), and how to calibrate it, where the bundle tells."""
        calibration = self.bundle.metadata.modality_calibrations.get(name)
        if calibration is None or scores.modality_scores is None:
            return None
        return scores.modality_scores[:, self.bundle.metadata.modalities.index(name)], calibration


def _examine(name: str, source: Source | None) -> tuple[Sample | None, Quality | None]:
    if source is None:
        return None, None
    sample = modalities[name].load(source)
    return sample, modalities[name].quality(sample)


def _rejected(name: str, quality: Quality) -> Evidence:
    return Evidence(
        name,
        "rejected",
        quality.reasons,
        tuple(modalities[name].reasons[code] for code in quality.reasons),
        quality.measurements,
        region=quality.region,
    )
