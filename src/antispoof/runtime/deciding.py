"""From what each bundle says of a presentation to a verdict: thresholds as they are here, fused, decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from antispoof.errors import InputError
from antispoof.runtime.examiner import Examiner, Scored
from antispoof.runtime.policy import Policy, decide
from antispoof.runtime.presentation import Presented
from antispoof.runtime.references import References
from antispoof.runtime.selection import Candidates
from antispoof.runtime.verdict import (
    BundleScore,
    CueEvidence,
    Evidence,
    OperatingPoint,
    ReferenceUse,
    Verdict,
)
from antispoof.scores.fusion import Panel, contributions
from antispoof.sensing.modalities import modalities

__all__ = ["Decider"]


@dataclass(frozen=True, slots=True)
class Decider:
    """What a detector decides by.

    Attributes:
        candidates: bundles, at their sites.
        policy: that the verdict names.
        rules: that policy, or what stands in for it.
        at: operating points by name or rule, in order of preference.
        known: references of the person, by modality.
    """

    candidates: Candidates
    policy: Policy | None
    rules: Policy
    at: tuple[str, ...]
    known: Mapping[str, References]

    def verdict(
        self,
        presented: Presented,
        chosen: Sequence[tuple[Examiner, tuple[str, ...]]],
        scored: Sequence[Scored],
    ) -> Verdict:
        """Decide on one presentation.

        Args:
            presented: what the sensors saw.
            chosen: which bundle has a say, and on what.
            scored: what each of them says.
        """
        evidence = {name: found.rejected() for name, found in presented.looked.items() if not found.usable}
        for each in scored:
            evidence |= each.evidence
        heard = [
            (choice, each)
            for choice, each in zip(chosen, scored, strict=bool(scored))
            if not choice[0].too_short(self.at, each.evidence)
        ]
        for each in scored:
            if all(each is not kept for _, kept in heard):
                evidence |= {name: _too_short(part) for name, part in each.evidence.items()}
        if scored:
            chosen, scored = [choice for choice, _ in heard], [each for _, each in heard]
        for name, part in list(evidence.items()):
            if beside := presented.unjudged[name]:
                evidence[name] = replace(part, unjudged=beside)
        if not chosen:  # tell at least who would have judged
            chosen = self.candidates.for_modalities(presented.looked)
        preferred = self.candidates.first.metadata.modalities
        listed = {*presented.listed, *self.rules.required}
        listed |= {name for examiner, _ in chosen for name in examiner.metadata.modalities}
        order = sorted(
            listed or preferred, key=lambda name: (name not in preferred, _place(name, preferred), name)
        )
        parts = tuple(evidence.get(name) or Evidence(name, "missing") for name in order)
        score: float | None = None
        opinions = tuple[BundleScore, ...]()
        point = self.candidates.first.point(self.at, self.candidates.first.metadata.modalities)
        moved: tuple[ReferenceUse, ...] = ()
        if scored:
            # nobody vouches for a copy of what vouches
            copied = {name: presented.looked[name].copied for name in self.known}
            one = replace(self, known={name: own.without(copied[name]) for name, own in self.known.items()})
            points = [one._point(examiner, present, evidence) for examiner, present in chosen]
            moved = one._reference_uses(chosen, evidence, points, copied)
            score, point, opinions = self._fused(chosen, scored, points)
        measured = [each for found in presented.looked.values() for each in found.frames.cues]
        cues: tuple[CueEvidence, ...] = ()
        if measured:
            from antispoof.runtime.cues import judge_cues  # a picture needs none

            cues = judge_cues(measured, self.rules.fusion.parameters.level == "score")
        if score is not None:
            score += sum(each.contribution for each in cues)
        elif chosen:
            point = chosen[0][0].point(self.at, chosen[0][1])
        decision = decide(parts, score, point, self.rules)
        return Verdict(
            decision.outcome,
            decision.score,
            parts,
            point,
            tuple(examiner.reference for examiner, _ in chosen) or (self.candidates.first.reference,),
            opinions,
            decision.causes,
            None if self.policy is None else self.policy.name,
            moved,
            cues,
        )

    def _point(
        self, examiner: Examiner, present: tuple[str, ...], evidence: Mapping[str, Evidence]
    ) -> OperatingPoint:
        """Return where bona fide begins for this presentation, in the eyes of one bundle."""
        if len(examiner.metadata.modalities) > 1:
            for name in set(present) & set(self.known):
                raise InputError(
                    f"reference: {examiner.metadata.name!r} judges {', '.join(present)} together; captures "
                    f"of {name} move the threshold of a bundle that judges it alone"
                )
            return examiner.point(self.at, present)
        [name] = present
        return examiner.point(self.at, present, evidence[name].features, self.known.get(name))

    def _reference_uses(
        self,
        chosen: Sequence[tuple[Examiner, tuple[str, ...]]],
        evidence: Mapping[str, Evidence],
        points: Sequence[OperatingPoint],
        copied: Mapping[str, tuple[int, ...]],
    ) -> tuple[ReferenceUse, ...]:
        uses = []
        for (examiner, present), point in zip(chosen, points, strict=True):
            for name in set(present) & set(self.known):
                known = self.known[name]
                shift = point.threshold - examiner.point(self.at, present, evidence[name].features).threshold
                uses.append(ReferenceUse(name, len(known.counted), known.left_out, shift, copied[name]))
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
                point.threshold - examiner.shipped_point(self.at, present).threshold
                for (examiner, present), point in zip(chosen, points, strict=True)
            ]
            scores = [score - shift for score, shift in zip(scores, shifts, strict=True)]
            points = [
                replace(point, threshold=point.threshold - shift)
                for point, shift in zip(points, shifts, strict=True)
            ]
        names = tuple(examiner.metadata.name for examiner, _ in chosen)
        rule = self.rules.fusion.parameters
        panel = Panel.of(names, np.array([scores]), thresholds=np.array([p.threshold for p in points]))
        worth = contributions(rule, panel).tolist()
        fused = float(rule.fuse(panel)[0]) if len(worth) > 1 else worth[0]
        shares = dict(zip(panel.sources, worth, strict=True))
        opinions = tuple(
            BundleScore(name, present, score, shares[name], each.raw)
            for name, (_, present), score, each in zip(names, chosen, scores, scored, strict=True)
        )
        return fused, self.rules.operating_point(points), opinions


def _too_short(evidence: Evidence) -> Evidence:
    """Return evidence as of a sample that is too short to be judged."""
    advice = (modalities[evidence.modality].reasons["too_short"],)
    return Evidence(
        evidence.modality,
        "rejected",
        ("too_short",),
        advice,
        evidence.measurements,
        frames=evidence.frames,
        shown=evidence.shown,
    )


def _place(name: str, preferred: Sequence[str]) -> int:
    return preferred.index(name) if name in preferred else len(preferred)
