"""Whatever an attempt was, its result has one outcome."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antispoof.contract.documents import DetectorDocument, VerdictDocument
from antispoof.runtime.verdict import BundleReference, BundleScore, Evidence, OperatingPoint, Verdict
from antispoof.service.attempts import Judgeable, JudgeableCapture
from antispoof.service.judging import judge

POINT = OperatingPoint("secure", 1.0, "rule", "data")
BUNDLE = BundleReference("miniature", "1", "0" * 64)


def said(score: float | None) -> Verdict:
    """What a detector says of one picture."""
    if score is None:
        rejected = Evidence("face_rgb", "rejected", ("no_face",), ("come closer",))
        return Verdict("non_response", None, (rejected,), POINT, (BUNDLE,))
    outcome = "bona_fide" if score >= POINT.threshold else "attack"
    opinion = BundleScore("miniature", ("face_rgb",), score, score)
    return Verdict(outcome, score, (Evidence("face_rgb", "used", score=score),), POINT, (BUNDLE,), (opinion,))


challenges = st.lists(st.sampled_from(["passed", "measured", "failed", "inconclusive"]), max_size=2)


@given(
    score=st.none() | st.floats(-9, 9),
    replayed=st.booleans(),
    mode=st.sampled_from(["passive", "active"]),
    outcomes=challenges,
    missing=st.booleans(),
)
def test_a_result_has_one_outcome(
    score: float | None, replayed: bool, mode: str, outcomes: list[str], missing: bool
) -> None:
    verdict = said(score)
    steps: tuple[dict[str, Any], ...] = tuple(
        {"challenge": "light", "outcome": each, "reasons": [], "advice": [], "measurements": {}}
        for each in outcomes
    )
    attempt = Judgeable(
        id="ses_x",
        attempt=1,
        mode=mode,
        modalities=("face_rgb", "voice") if missing else ("face_rgb",),
        policy=None,
        replayed=replayed,
        challenges=steps,
        captures=(JudgeableCapture("face_rgb", 0, "0" * 64, b""),),
    )
    decision = judge(attempt, lambda *_: verdict, 5)
    inner = VerdictDocument.model_validate(decision.evidence["verdict"])
    assert inner.outcome == decision.outcome
    assert tuple(inner.reasons) == decision.reasons
    own = DetectorDocument.model_validate(decision.evidence["evidence"])
    assert own.detector_outcome == verdict.outcome
    if decision.outcome == "bona_fide":
        assert own.detector_outcome == "bona_fide"
        assert not replayed
        assert not missing
        assert set(outcomes) <= {"passed"}
        assert decision.reasons == ()
    else:
        assert decision.reasons or decision.outcome == verdict.outcome == "attack"
