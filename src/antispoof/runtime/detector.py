"""From what the sensors saw to a verdict, in one call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from antispoof.errors import InputError, UnknownNameError
from antispoof.runtime.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from antispoof.runtime.calibration import calibrate
from antispoof.runtime.policy import decide
from antispoof.runtime.scorer import Scorer
from antispoof.runtime.verdict import BundleReference, Evidence, OperatingPoint, Verdict
from antispoof.sensing.capture import Quality, Sample, Source
from antispoof.sensing.modalities import modalities

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Detector", "load"]


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
        modalities[metadata.modality]  # found now, so that no two threads look for it at once
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
        judged = self.bundle.metadata.modality
        for name in sources:
            if name != judged:
                modalities[name]  # an unknown name is told apart from one that this bundle does not use
                raise InputError(f"bundle {self._reference.name!r} judges {judged}; it cannot use {name}")
        evidence = (self._examine(judged, sources.get(judged)),)
        outcome, score = decide(evidence, self.operating_point)
        return Verdict(outcome, score, evidence, self.operating_point, (self._reference,))

    def _examine(self, name: str, source: Source | None) -> Evidence:
        if source is None:
            return Evidence(name, "missing")
        modality = modalities[name]
        sample = modality.load(source)
        quality = modality.quality(sample)
        if not quality.usable:
            return Evidence(
                name,
                "rejected",
                quality.reasons,
                tuple(modality.reasons[code] for code in quality.reasons),
                quality.measurements,
                region=quality.region,
            )
        return self._score(name, sample, quality)

    def _score(self, name: str, sample: Sample, quality: Quality) -> Evidence:
        modality = modalities[name]
        views = self.bundle.metadata.inputs
        scores = self._scorer(
            {view.name: modality.prepare(sample, quality, **view.prepare)[np.newaxis] for view in views}
        )
        raw = scores.score[0]
        if self.site is not None and self.site.head is not None and scores.features is not None:
            raw = scores.features[0] @ np.array(self.site.head.weight) + self.site.head.bias
        return Evidence(
            name,
            "used",
            measurements=quality.measurements,
            score=float(calibrate(raw, self.bundle.metadata.calibration)),
            region=quality.region,
            frame=modality.frame(sample, quality, **views[0].prepare),
            heat_map=None if scores.heat_map is None else scores.heat_map[0],
            features=None if scores.features is None else scores.features[0],
        )
