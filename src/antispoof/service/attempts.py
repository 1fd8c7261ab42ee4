"""What sessions, judgements and routes hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antispoof.sensing.cues import Measured

__all__ = ["Accepted", "Decision", "Judgeable", "JudgeableCapture", "SessionRequest"]


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a session is opened with; the fields are those of the wire."""

    mode: str
    modalities: tuple[str, ...]
    policy: str | None
    challenges: tuple[str, ...] | None
    ttl_s: int
    retention_s: int
    consent_basis: str | None
    device_id: str | None
    subject: str | None
    site: str = "default"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A capture that is on the disk; ``created`` is False when it was there already."""

    created: bool
    captures: int
    received_at: float


@dataclass(frozen=True, slots=True)
class JudgeableCapture:
    """A capture, opened."""

    modality: str
    seq: int
    sha256: str
    content: bytes
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Judgeable:
    """What a judgement needs to know of a session."""

    id: str
    attempt: int
    mode: str
    modalities: tuple[str, ...]
    policy: str | None
    replayed: bool
    challenges: tuple[Mapping[str, Any], ...]
    captures: tuple[JudgeableCapture, ...]
    references: tuple[JudgeableCapture, ...] = ()
    site: str = "default"
    cues: tuple[Measured, ...] = ()
    in_one_run: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What an attempt came to.

    Attributes:
        outcome: ``bona_fide``, ``attack`` or ``non_response``.
        reasons: codes.
        advice: neutral words for the person.
        evidence: members of the result document: ``verdict``, ``frames``, ``challenges``.
    """

    outcome: str
    reasons: tuple[str, ...]
    advice: tuple[str, ...]
    evidence: Mapping[str, Any]
