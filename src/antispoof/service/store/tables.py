"""The tables. Times are seconds since 1970-01-01, UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Double, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["ApiKey", "AuditEvent", "Base", "Capture", "Idempotency", "Result", "SeenCapture", "Session"]


class Base(DeclarativeBase):
    """What the migrations are compared with."""

    type_annotation_map = {  # noqa: RUF012, SQLAlchemy reads it from the class
        float: Double,
        bytes: LargeBinary,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        str: Text,
    }


class ApiKey(Base):
    """A key of a backend; only its SHA-256 is kept, which is enough for 256 random bits."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[float]
    revoked_at: Mapped[float | None]
    tenant: Mapped[str] = mapped_column(String(40), server_default="default")


class Session(Base):
    """A one-time session."""

    __tablename__ = "session"
    __table_args__ = (
        Index("session_device", "device_hash", "created_at"),
        Index("session_subject", "subject_hash"),
        Index("session_open", "state", "expires_at"),
        Index("session_media", "media_until"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key_id: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    mode: Mapped[str] = mapped_column(String(16))
    modalities: Mapped[list[Any]]
    policy: Mapped[str | None]
    challenges: Mapped[list[Any] | None]
    nonce: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[float]
    expires_at: Mapped[float]
    attempt: Mapped[int]
    attempts_left: Mapped[int]
    captures: Mapped[int]
    capture_bytes: Mapped[int]
    live: Mapped[dict[str, Any] | None]
    replayed: Mapped[bool]
    judging_since: Mapped[float | None]
    finished_at: Mapped[float | None]
    retention_s: Mapped[int]
    consent_basis: Mapped[str | None]
    media_key: Mapped[bytes | None]
    media_until: Mapped[float | None]
    device_hash: Mapped[str | None] = mapped_column(String(64))
    subject_hash: Mapped[str | None] = mapped_column(String(64))
    site: Mapped[str] = mapped_column(String(40), server_default="default")
    tenant: Mapped[str] = mapped_column(String(40), server_default="default")


class Capture(Base):
    """One sample, sealed with the key of its session."""

    __tablename__ = "capture"

    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"), primary_key=True)
    modality: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[float]
    sealed: Mapped[bytes]
    unit: Mapped[str] = mapped_column(server_default="")


class ReferenceCapture(Base):
    """An earlier capture of the person, handed in by the backend, sealed with the key of the session."""

    __tablename__ = "reference_capture"

    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"), primary_key=True)
    modality: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[float]
    sealed: Mapped[bytes]
    unit: Mapped[str]


class Result(Base):
    """What a session came to: the document, and the same signed."""

    __tablename__ = "result"

    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))
    document: Mapped[str]
    jws: Mapped[str]
    judged_at: Mapped[float]


class Idempotency(Base):
    """Which session an ``Idempotency-Key`` has opened, and with what request."""

    __tablename__ = "idempotency"

    key_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    session_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[float]


class SeenCapture(Base):
    """Keyed hash of a capture, to recognise the very same bytes in another session."""

    __tablename__ = "seen_capture"

    capture_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(40))
    seen_at: Mapped[float] = mapped_column(index=True)


class AuditEvent(Base):
    """One event of a tenant; its hash covers it and the hash of the one before."""

    __tablename__ = "audit_event"

    tenant: Mapped[str] = mapped_column(String(40), primary_key=True, server_default="default")
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(30))
    session_id: Mapped[str | None] = mapped_column(String(40), index=True)
    event: Mapped[str] = mapped_column(String(40))
    details: Mapped[str]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ScoreCount(Base):
    """How many scores of a day fell into a bin, at one site and by one model: of nobody in particular."""

    __tablename__ = "score_count"

    tenant: Mapped[str] = mapped_column(String(40), primary_key=True, server_default="default")
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(String(40), primary_key=True)
    bundle: Mapped[str] = mapped_column(String(200), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    bin: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]


class Webhook(Base):
    """Where a tenant wants to be told that a session is over."""

    __tablename__ = "webhook"
    __table_args__ = (Index("webhook_tenant", "tenant"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(40))
    url: Mapped[str]
    created_at: Mapped[float]


class Delivery(Base):
    """A message to a webhook: waiting while it has not ended, told where it then has no failure."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_due", "ended_at", "next_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id"))
    body: Mapped[str]
    created_at: Mapped[float]
    attempts: Mapped[int]
    next_at: Mapped[float]
    ended_at: Mapped[float | None]
    status: Mapped[int | None]
    failure: Mapped[str]


class Readiness(Base):
    """One row, written to see that the store can be."""

    __tablename__ = "readiness"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    checked_at: Mapped[float]
