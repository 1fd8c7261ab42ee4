"""The JSON bodies that only the service knows, as the OpenAPI document describes them; others: `contract`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Health", "KeySetDocument", "NewPageSession", "NewSession", "NewWebhook", "PageOptions"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Mode = Literal["passive", "active"]
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


class NewWebhook(_Body):
    """Whom to tell."""

    url: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^https?://[\x21-\x7e]+$")]


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
    photo: bool = Field(description="whether a photo may be handed in where the camera does not see well")
    version: str
