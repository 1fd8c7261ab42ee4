"""The JSON documents that the service answers with; later versions may add members."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from antispoof.contract import RESULT_VERSION

__all__ = [
    "Audit",
    "CaptureReceipt",
    "CheckAnswer",
    "Completed",
    "Models",
    "OpenedSession",
    "ProblemDocument",
    "ReferenceReceipt",
    "RegisteredWebhook",
    "ResultDocument",
    "SessionDocument",
    "VerdictDocument",
    "WebhookDocument",
    "Webhooks",
    "result_schema",
]

Mode = Literal["passive", "active"]
State = Literal["created", "capturing", "judging", "succeeded", "failed", "expired", "revoked"]
Outcome = Literal["bona_fide", "attack", "non_response"]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionDocument(_Document):
    """A session."""

    id: str
    state: State
    mode: Mode
    modalities: list[str]
    policy: str | None
    challenges: list[str] | None
    nonce: str
    created_at: str
    expires_at: str
    captures: int
    attempts_left: int
    frames_needed: int = Field(description="samples of each sensor that a passive session needs to be judged")
    site: str
    retention_s: int
    media_until: str | None


class OpenedSession(SessionDocument):
    """A session with what its client needs."""

    client_token: str


class CaptureReceipt(_Document):
    """A sample that is stored."""

    session: str
    modality: str
    seq: int
    sha256: str
    captures: int
    received_at: str


class ReferenceReceipt(_Document):
    """An earlier capture that is stored."""

    session: str
    modality: str
    seq: int
    sha256: str
    references: int
    counts: bool


class Completed(_Document):
    """What may be known of a judgement; a client is told `finished`, whatever the verdict."""

    session: str
    state: Literal["finished", "capturing", "succeeded", "failed"]
    attempts_left: int
    advice: list[str]


class OperatingPointDocument(_Document):
    """Where bona fide begins."""

    name: str
    threshold: float
    rule: str
    data: str


class RegionDocument(_Document):
    """A part of a picture, in its pixels."""

    x: float
    y: float
    width: float
    height: float


class WindowDocument(_Document):
    """What one window of a recording says."""

    start_s: float
    end_s: float
    score: float


class JudgedFrameDocument(_Document):
    """What became of one of several frames."""

    score: float | None
    reasons: list[str]
    start_s: float | None
    end_s: float | None


class EvidenceDocument(_Document):
    """What one modality contributed."""

    modality: str
    status: Literal["used", "missing", "rejected"]
    score: float | None
    reasons: list[str]
    advice: list[str]
    measurements: dict[str, float | None]
    region: RegionDocument | None
    timeline: list[WindowDocument]
    unjudged: list[str]
    frames: list[JudgedFrameDocument]
    shown: int


class OpinionDocument(_Document):
    """What one bundle said, and its share of the score."""

    bundle: str
    modalities: list[str]
    score: float
    contribution: float


class ReferencesDocument(_Document):
    """What earlier captures of the person did to the threshold."""

    modality: str
    used: int
    left_out: list[int]
    shift: float
    copied: list[int] = []


class MomentDocument(_Document):
    """What a cue saw at one time."""

    time_s: float
    value: float


class CueDocument(_Document):
    """What one cue found in the course of a clip."""

    name: str
    title: str
    status: Literal["used", "hint", "not_measurable"]
    score: float | None
    contribution: float
    reasons: list[str]
    measurements: dict[str, float | None]
    course: list[MomentDocument]


class BundleDocument(_Document):
    """Which model judged."""

    name: str
    version: str
    sha256: str


class VerdictDocument(_Document):
    """The figures of a judgement; in a session's result `outcome` and `reasons` are those of the session."""

    outcome: Outcome
    score: float | None = Field(description="natural-log likelihood ratio, higher speaks for bona fide")
    margin: float | None = Field(description="how far the score lies above the threshold")
    reasons: list[str]
    policy: str | None
    operating_point: OperatingPointDocument
    evidence: list[EvidenceDocument]
    opinions: list[OpinionDocument]
    references: list[ReferencesDocument]
    cues: list[CueDocument] = Field(default=[], description="what the course of a clip shows")
    bundles: list[BundleDocument]


class DetectorDocument(_Document):
    """What the detector alone says of all frames together, without challenges and replay protection."""

    detector_outcome: Outcome
    detector_reasons: list[str]


class FrameDocument(_Document):
    """What one capture says by itself."""

    seq: int
    outcome: Outcome
    score: float | None


class ChallengeDocument(_Document):
    """What became of one challenge of a live capture."""

    model_config = ConfigDict(extra="allow")

    challenge: str
    outcome: str = Field(
        description="passed, failed, inconclusive; or measured: the answer is evidence, and its ratio stands "
        "among the cues of the verdict (movement: face_turn, light: face_light)"
    )
    reasons: list[str]
    advice: list[str]


class CaptureReference(_Document):
    """What was judged."""

    modality: str
    seq: int
    sha256: str


class ResultDocument(_Document):
    """What a session came to. Its one outcome is said twice, here and in `verdict`, and is the same."""

    schema_version: str = Field(pattern=r"^1\.\d+$", description="of this document")
    session: str
    nonce: str
    outcome: Outcome
    reasons: list[str]
    judged_at: str
    verdict: VerdictDocument
    evidence: DetectorDocument
    frames: list[FrameDocument]
    challenges: list[ChallengeDocument]
    captures: list[CaptureReference]
    jws: str


class CheckAnswer(_Document):
    """A verdict without a session."""

    verdict: VerdictDocument
    replay_protection: Literal[False] = False


class EventDocument(_Document):
    """An audit event; `tenant` is there where it is not the default one."""

    tenant: str = "default"
    seq: int
    at: str
    session: str | None
    event: str
    details: dict[str, Any]
    previous: str
    hash: str


class Audit(_Document):
    """Audit events, oldest first."""

    events: list[EventDocument]


class ModelDocument(_Document):
    """A bundle that judges."""

    name: str
    version: str
    sha256: str
    licence: str
    modalities: list[str]
    operating_points: dict[str, dict[str, Any]]
    default_operating_point: str


class Models(_Document):
    """What judges here."""

    models: list[ModelDocument]
    policies: list[str]
    challenges: list[str]


class WebhookDocument(_Document):
    """Who is told when a session is over."""

    id: str
    url: str
    created_at: str
    waiting: int = Field(description="messages that still have to arrive")
    given_up: int = Field(description="messages of the last week that never did")


class RegisteredWebhook(WebhookDocument):
    """A webhook with what its messages are signed with."""

    secret: str


class Webhooks(_Document):
    """All webhooks of a tenant."""

    webhooks: list[WebhookDocument]


class ProblemDocument(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    recoverable: bool
    retry_after_s: int | None = None
    request_id: str
    advice: list[str] = []


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a session's result."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:antispoof:result:{RESULT_VERSION}",
        **ResultDocument.model_json_schema(),
    }
