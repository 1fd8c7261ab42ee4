"""The JSON bodies, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Audit",
    "CaptureReceipt",
    "CheckAnswer",
    "Completed",
    "Health",
    "KeySetDocument",
    "Models",
    "NewPageSession",
    "NewSession",
    "OpenedSession",
    "PageOptions",
    "ReferenceReceipt",
    "ResultDocument",
    "SessionDocument",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Mode = Literal["passive", "active"]
State = Literal["created", "capturing", "judging", "succeeded", "failed", "expired", "revoked"]
Outcome = Literal["bona_fide", "attack", "non_response"]
MONTH_S = 30 * 86_400


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPageSession(_Body):
    """What the page may choose."""

    mode: Mode = "passive"
    modalities: Annotated[list[Name], Field(min_length=1, max_length=8)] = ["face_rgb"]
    challenges: Annotated[list[Name] | None, Field(min_length=1, max_length=8)] = None


class NewSession(NewPageSession):
    """What a backend opens a session with."""

    policy: Text | None = None
    ttl_s: Annotated[int, Field(ge=30, le=3600, strict=True)] = 300
    retention_s: Annotated[int, Field(ge=0, le=MONTH_S, strict=True)] = 0
    consent_basis: Text | None = None
    device_id: Text | None = None
    subject: Text | None = None
    site: Name = "default"

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"mode": "passive", "modalities": ["face_rgb"]},
                {
                    "mode": "active",
                    "modalities": ["face_rgb"],
                    "ttl_s": 120,
                    "retention_s": 86400,
                    "consent_basis": "explicit consent, form 3",
                    "device_id": "5f0c",
                },
            ],
            "if": {"properties": {"retention_s": {"exclusiveMinimum": 0}}, "required": ["retention_s"]},
            "then": {"properties": {"consent_basis": {"type": "string"}}, "required": ["consent_basis"]},
        }
    )

    @model_validator(mode="after")
    def _consented(self) -> NewSession:
        if self.retention_s and self.consent_basis is None:
            raise ValueError("media are kept only on a consent_basis")
        return self


class SessionDocument(BaseModel):
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
    frames_needed: int
    site: str
    retention_s: int
    media_until: str | None


class OpenedSession(SessionDocument):
    """A session with what its client needs."""

    client_token: str


class CaptureReceipt(BaseModel):
    """A sample that is stored."""

    session: str
    modality: str
    seq: int
    sha256: str
    captures: int
    received_at: str


class ReferenceReceipt(BaseModel):
    """An earlier capture that is stored."""

    session: str
    modality: str
    seq: int
    sha256: str
    references: int
    counts: bool


class Completed(BaseModel):
    """What may be known of a judgement; a client is told `finished`, whatever the verdict."""

    session: str
    state: Literal["finished", "capturing", "succeeded", "failed"]
    attempts_left: int
    advice: list[str]


class VerdictDocument(BaseModel):
    """What the detector says."""

    model_config = ConfigDict(extra="allow")

    outcome: Outcome
    score: float | None
    operating_point: dict[str, Any]
    evidence: list[dict[str, Any]]
    bundles: list[dict[str, Any]]


class DetectorDocument(BaseModel):
    """What the detector alone says of all frames together, without challenges and replay protection."""

    detector_outcome: Outcome
    detector_reasons: list[str]


class FrameDocument(BaseModel):
    """What one capture says by itself."""

    seq: int
    outcome: Outcome
    score: float | None


class CaptureReference(BaseModel):
    """What was judged."""

    modality: str
    seq: int
    sha256: str


class ResultDocument(BaseModel):
    """What a session came to."""

    session: str
    nonce: str
    outcome: Outcome
    reasons: list[str]
    judged_at: str
    verdict: VerdictDocument
    evidence: DetectorDocument
    frames: list[FrameDocument]
    challenges: list[dict[str, Any]]
    captures: list[CaptureReference]
    jws: str


class CheckAnswer(BaseModel):
    """A verdict without a session."""

    verdict: VerdictDocument
    replay_protection: Literal[False] = False


class EventDocument(BaseModel):
    """An audit event."""

    seq: int
    at: str
    session: str | None
    event: str
    details: dict[str, Any]
    previous: str
    hash: str


class Audit(BaseModel):
    """Audit events, oldest first."""

    events: list[EventDocument]


class ModelDocument(BaseModel):
    """A bundle that judges."""

    name: str
    version: str
    sha256: str
    licence: str
    modalities: list[str]
    operating_points: dict[str, dict[str, Any]]
    default_operating_point: str


class Models(BaseModel):
    """What judges here."""

    models: list[ModelDocument]
    policies: list[str]
    challenges: list[str]


class Health(BaseModel):
    """It runs."""

    status: Literal["ok"] = "ok"


class KeySetDocument(BaseModel):
    """A JWK set (RFC 7517)."""

    keys: list[dict[str, Any]]


class PageOptions(BaseModel):
    """What the page can offer."""

    modes: list[Mode]
    modalities: list[str]
    challenges: list[str]
    version: str
