"""Webhooks of a tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from antispoof.contract import documents
from antispoof.service import wire
from antispoof.service.access import ServiceCore, backend
from antispoof.service.api_keys import KnownKey
from antispoof.service.problems import responses

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Backend = Annotated[KnownKey, backend("webhooks")]
KEY = ("bad_token", "scope", "rate_limited")


@router.post("", status_code=201, response_model=documents.RegisteredWebhook, responses=responses(*KEY))
def register(body: wire.NewWebhook, key: Backend, core: ServiceCore) -> Response:
    """Have a URL told when a session is over; keep the `secret`, which its messages are signed with."""
    own = core.settings.tenant(key.tenant)
    return JSONResponse(core.webhooks.register(key.tenant, body.url, own.webhook_hosts), 201)


@router.get("", response_model=documents.Webhooks, responses=responses(*KEY))
def list_(key: Backend, core: ServiceCore) -> Response:
    """List who is told, and how much still waits."""
    return JSONResponse({"webhooks": core.webhooks.all(key.tenant)})


@router.delete("/{webhook_id}", status_code=204, responses=responses(*KEY, "not_found"))
def remove(webhook_id: str, key: Backend, core: ServiceCore) -> Response:
    """Tell no more."""
    core.webhooks.remove(key.tenant, webhook_id)
    return Response(status_code=204)
