"""From what the sensors saw to a verdict, in one call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from antispoof.errors import InputError
from antispoof.runtime.batching import judge_each
from antispoof.runtime.bundle import Bundle, default_bundles, read_bundle
from antispoof.runtime.enrolment import examine_references, obvious_modality
from antispoof.runtime.examiner import Examiner, Scored
from antispoof.runtime.policy import Policy, decide, read_policy
from antispoof.runtime.pool import Pool
from antispoof.runtime.presentation import Looked, Presented, judge, look, unjudged
from antispoof.runtime.references import Reference, References, as_list
from antispoof.runtime.selection import Candidates
from antispoof.runtime.verdict import BundleScore, Evidence, OperatingPoint, ReferenceUse, Verdict
from antispoof.scores.fusion import Panel, contributions
from antispoof.sensing.capture import Sources

if TYPE_CHECKING:
    from antispoof.runtime.site import SiteCalibration

__all__ = ["Detector", "load"]

NO_POLICY = Policy.model_construct(  # without a check, which pydantic would prepare on every start
    name="none", description="whatever is there is fused, at the bundles' own thresholds"
)


def load(
    bundle: str | Path | Sequence[str | Path] | None = None,
    *,
    at: str | None = None,
    policy: str | Path | Policy | None = None,
    threads: int = 1,
) -> Detector:
    """Load a detector.

    Without ``bundle`` it judges pictures of faces with the default bundle; further sensors are judged by the
    other bundles that ship, which are loaded when they are first needed.

    Args:
        bundle: path of a bundle, or the name of one that ships; several judge together.
        at: operating point by name, or by rule such as ``"APCER<=5%"``; None takes each bundle's default.
        policy: a policy, the path of its file, or the name of one that ships; it sets the operating point.
        threads: how many threads one network may use.

    Raises:
        BundleError: the bundle is damaged.
        InputError: there is no such bundle, operating point or policy; ``at`` and ``policy`` are both given.

    Example:
        >>> import antispoof
        >>> detector = antispoof.load()
        >>> verdict = detector.check(face_rgb="selfie.jpg")
    """
    if isinstance(policy, (str, Path)):
        policy = read_policy(policy)
    if policy is not None and at is not None:
        raise InputError(f"at={at!r} and policy={policy.name!r}: the policy sets the operating point")
    names: list[str | Path]
    if bundle is not None:
        names = [bundle] if isinstance(bundle, (str, Path)) else list(bundle)
    elif policy is not None and policy.bundles:
        names = list(policy.bundles)
    else:
        names = [*default_bundles()]
    if not names:
        raise InputError("bundle: name at least one")
    first = read_bundle(names[0])
    others = [partial(read_bundle, name) for name in names[1:]]
    return Detector(first, others=others, at=at, policy=policy, threads=threads)


class Detector:
    """Judges presentations; safe to use from several threads.

    Args:
        bundle: the model that is preferred, and loaded at once.
        others: further models, each read when it is first needed.
        at: operating point by name or rule; None takes each bundle's default.
        site: what `antispoof calibrate` learned from captures of the place where this runs.
        policy: how evidence becomes a verdict; None fuses what is there at the bundles' own thresholds.
        threads: how many threads one network may use.

    Raises:
        BundleError: the graph cannot be loaded.
        InputError: ``site`` belongs to another bundle, or one that ``policy`` names cannot be read.
        UnknownNameError: there is no operating point ``at``.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        others: Sequence[Callable[[], Bundle]] = (),
        at: str | None = None,
        site: SiteCalibration | None = None,
        policy: Policy | None = None,
        threads: int = 1,
    ) -> None:
        from antispoof.runtime.site import read_site

        self.policy = policy
        self._rules = policy or NO_POLICY
        self._at = (at,) if at is not None else self._rules.at
        sites = [read_site(path) for paths in self._rules.sites.values() for path in paths]
        if site is not None:
            sites = [site, *(each for each in sites if each.bundle != site.bundle)]

        def examiner(made: Bundle) -> Examiner:
            named = [each for each in sites if each.bundle == made.metadata.name]
            fitting = [each for each in named if each.bundle_sha256 == made.metadata.sha256]
            return Examiner(made, threads, next(iter((*fitting, *named)), None))

        first = examiner(bundle)
        first.load()
        self._setup(Candidates(first, [partial(_read, examiner, read) for read in others]))
        self._candidates.check_sites(sites)

    def _setup(self, candidates: Candidates) -> None:
        first = candidates.first
        self._candidates = candidates
        self.bundle = first.bundle
        self.site = first.site
        self.operating_point = first.point(self._at, first.metadata.modalities)
        self._known: Mapping[str, References] = {}
        self._pool = Pool()

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """Every model that may judge, the preferred one first; those not needed so far are read now."""
        return tuple(examiner.bundle for examiner in self._candidates.all())

    def calibrated(self, site: SiteCalibration | str | Path) -> Detector:
        """Return this detector at the operating point of a site; the networks are shared.

        Args:
            site: a site calibration, or the path of one; it belongs to one of the bundles.

        Raises:
            InputError: the file cannot be read, or belongs to none of the bundles.
        """
        from antispoof.runtime.site import read_site

        if isinstance(site, (str, Path)):
            site = read_site(site)
        other = Detector.__new__(Detector)
        other.policy, other._rules, other._at = self.policy, self._rules, self._at
        other._setup(self._candidates.at_site(site))
        return other

    def knowing(self, reference: Reference) -> Detector:
        """Return this detector for one person and device, of whom there are earlier bona fide captures.

        They are examined once and not kept; what is kept of each is its score and a few numbers. At a site,
        `calibrated` comes first.

        Args:
            reference: captures; their modality is named where their content leaves a doubt, as in
                ``{"voice": ["enrolment.wav"]}``.

        Raises:
            MediaError: one is no usable media.
            InputError: one cannot be judged, as it shows no face for example; there is none.
            BundleError: the bundle that judges this modality has no rule for references.
        """
        other = copy(self)
        other._known = examine_references(reference, self._candidates, self._pool.map)
        return other

    @property
    def references(self) -> Mapping[str, References]:
        """What is known of the person, by modality; see `knowing`."""
        return self._known

    def judges_alone(self, name: str, among: Collection[str]) -> bool:
        """Tell whether a modality, given with others, is judged by itself: then references can be used."""
        chosen = self._candidates.for_modalities(tuple(among))
        return any(examiner.metadata.modalities == (name,) for examiner, _ in chosen)

    def check(
        self,
        sample: Sources | None = None,
        /,
        *,
        reference: Reference | None = None,
        **sources: Sources | None,
    ) -> Verdict:
        """Judge one presentation.

        Args:
            sample: a picture of a face or a recording of a voice, where its content leaves no doubt which.
            **sources: modality name → path, bytes of a file, or decoded array; for example
                ``face_rgb="selfie.jpg", voice="answer.wav"``. A `Recording`, or a `Sample`, states what the
                numbers mean besides. A list holds several frames of the presentation, taken one after the
                other; of a clip by path, or a stack of frames, eight are picked. None stands for a sensor
                that is not there.
            reference: earlier bona fide captures of the same person and device, see `knowing`; without a name
                they are of the modality of the sample.

        Returns:
            The verdict. Samples that cannot be judged have no say; where nothing can be judged, or the policy
            asks for more, it is a ``non_response`` with the reasons.

        Raises:
            MediaError: a source is no usable media, or a list is empty or too long.
            InputError: no bundle looks at a modality that was given, or the policy does not allow it; what
                ``sample`` is a sample of is not plain; a reference cannot be used.
            BundleError: a network fails.
        """
        if sample is not None:
            name = obvious_modality(sample)
            if name in sources:
                raise InputError(f"{name} is given twice: by itself and as {name}=")
            sources = {name: sample, **sources}
        if reference is not None:
            if not isinstance(reference, Mapping) and len(sources) == 1:
                reference = {next(iter(sources)): as_list(reference)}
            return self.knowing(reference).check(**sources)
        return self.check_many([sources])[0]

    def check_many(self, presentations: Iterable[Mapping[str, Sources | None]]) -> list[Verdict]:
        """Judge presentations, several in one call of a network; the next are decoded meanwhile.

        Args:
            presentations: of each, modality name → source, as `check` takes them.

        Returns:
            what `check` says of each. A network sums in another order when it has several samples before it,
            so a score may differ in the last digits of single precision, less than 1e-5.

        Raises:
            MediaError: a source is no usable media; nothing is returned of the others.
            InputError: as `check`.
            BundleError: a network fails.
        """
        verdicts = []
        for judged in judge_each(self, presentations, self.look):
            if isinstance(judged.result, InputError):
                raise judged.result
            verdicts.append(judged.result)
        return verdicts

    def look(self, sources: Mapping[str, Sources | None]) -> Presented:
        """Decode one presentation, and look whether its samples can be judged: what needs no network.

        Args:
            sources: as `check` takes them.

        Raises:
            MediaError: a source is no usable media.
            InputError: no bundle looks at a modality that was given, or the policy does not allow it.
        """
        for name in self._known:
            if sources.get(name) is None:
                raise InputError(f"reference: there are captures of {name}, and no sample of it to judge")
        for name in sources:
            self._candidates.check(name)
            if not self._rules.allows(name):
                raise InputError(f"policy {self._rules.name!r} does not look at {name}")
        given = {name: source for name, source in sources.items() if source is not None}
        names = sorted(given)
        looked = look({name: given[name] for name in names}, self._pool.map)
        beside = {name: unjudged(name, given[name], names) for name in names}
        return Presented(tuple(sources), looked, beside)

    def judge(self, presented: Sequence[Presented]) -> list[Verdict]:
        """Judge what was looked at, all in one call of each network that has a say.

        Raises:
            BundleError: a network fails.
        """
        chosen = [self._candidates.for_modalities(each.usable) for each in presented]
        asked: dict[Examiner, dict[int, Mapping[str, Looked]]] = {}
        for index, (each, choice) in enumerate(zip(presented, chosen, strict=True)):
            for examiner, names in choice:
                asked.setdefault(examiner, {})[index] = {name: each.looked[name] for name in names}
        answers = self._pool.map(lambda one: judge(one[0], list(one[1].values())), list(asked.items()))
        said = {
            (examiner, index): scored
            for (examiner, those), answer in zip(asked.items(), answers, strict=True)
            for index, scored in zip(those, answer, strict=True)
        }
        return [
            self._verdict(each, choice, [said[examiner, index] for examiner, _ in choice])
            for index, (each, choice) in enumerate(zip(presented, chosen, strict=True))
        ]

    def _verdict(
        self,
        presented: Presented,
        chosen: Sequence[tuple[Examiner, tuple[str, ...]]],
        scored: Sequence[Scored],
    ) -> Verdict:
        evidence = {name: found.rejected() for name, found in presented.looked.items() if not found.usable}
        for each in scored:
            evidence |= each.evidence
        for name, part in list(evidence.items()):
            if beside := presented.unjudged[name]:
                evidence[name] = replace(part, unjudged=beside)
        if not chosen:  # tell at least who would have judged
            chosen = self._candidates.for_modalities(presented.looked)
        preferred = self._candidates.first.metadata.modalities
        listed = {*presented.listed, *self._rules.required}
        listed |= {name for examiner, _ in chosen for name in examiner.metadata.modalities}
        order = sorted(
            listed or preferred, key=lambda name: (name not in preferred, _place(name, preferred), name)
        )
        parts = tuple(evidence.get(name) or Evidence(name, "missing") for name in order)
        score: float | None = None
        point, opinions = self.operating_point, tuple[BundleScore, ...]()
        moved: tuple[ReferenceUse, ...] = ()
        if scored:
            points = [self._point(examiner, present, evidence) for examiner, present in chosen]
            moved = self._reference_uses(chosen, evidence, points)
            score, point, opinions = self._fused(chosen, scored, points)
        elif chosen:
            point = chosen[0][0].point(self._at, chosen[0][1])
        decision = decide(parts, score, point, self._rules)
        return Verdict(
            decision.outcome,
            decision.score,
            parts,
            point,
            tuple(examiner.reference for examiner, _ in chosen) or (self._candidates.first.reference,),
            opinions,
            decision.causes,
            None if self.policy is None else self.policy.name,
            moved,
        )

    def _point(
        self, examiner: Examiner, present: tuple[str, ...], evidence: Mapping[str, Evidence]
    ) -> OperatingPoint:
        """Return where bona fide begins for this presentation, in the eyes of one bundle."""
        if len(examiner.metadata.modalities) > 1:
            for name in set(present) & set(self._known):
                raise InputError(
                    f"reference: {examiner.metadata.name!r} judges {', '.join(present)} together; captures "
                    f"of {name} move the threshold of a bundle that judges it alone"
                )
            return examiner.point(self._at, present)
        [name] = present
        return examiner.point(self._at, present, evidence[name].features, self._known.get(name))

    def _reference_uses(
        self,
        chosen: Sequence[tuple[Examiner, tuple[str, ...]]],
        evidence: Mapping[str, Evidence],
        points: Sequence[OperatingPoint],
    ) -> tuple[ReferenceUse, ...]:
        uses = []
        for (examiner, present), point in zip(chosen, points, strict=True):
            for name in set(present) & set(self._known):
                known = self._known[name]
                shift = point.threshold - examiner.point(self._at, present, evidence[name].features).threshold
                uses.append(ReferenceUse(name, known.scores.size, known.left_out, shift))
        return tuple(uses)

    def _fused(
        self,
        chosen: Sequence[tuple[Examiner, tuple[str, ...]]],
        scored: Sequence[Scored],
        points: Sequence[OperatingPoint],
    ) -> tuple[float, OperatingPoint, tuple[BundleScore, ...]]:
        scores = [each.ratio for each in scored]
        if len(chosen) > 1:
            # What a site or a camera adds to a score is taken off the score: there is one threshold for all.
            shifts = [
                point.threshold - examiner.shipped_point(self._at, present).threshold
                for (examiner, present), point in zip(chosen, points, strict=True)
            ]
            scores = [score - shift for score, shift in zip(scores, shifts, strict=True)]
            points = [
                replace(point, threshold=point.threshold - shift)
                for point, shift in zip(points, shifts, strict=True)
            ]
        names = tuple(examiner.metadata.name for examiner, _ in chosen)
        rule = self._rules.fusion.parameters
        panel = Panel.of(names, np.array([scores]), thresholds=np.array([p.threshold for p in points]))
        shares = dict(zip(panel.sources, contributions(rule, panel).tolist(), strict=True))
        opinions = tuple(
            BundleScore(name, present, score, shares[name], each.raw)
            for name, (_, present), score, each in zip(names, chosen, scores, scored, strict=True)
        )
        return float(rule.fuse(panel)[0]), self._rules.operating_point(points), opinions


def _read(examiner: Callable[[Bundle], Examiner], read: Callable[[], Bundle]) -> Examiner:
    return examiner(read())


def _place(name: str, preferred: Sequence[str]) -> int:
    return preferred.index(name) if name in preferred else len(preferred)
