"""What operators and verifiers ask for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from antispoof.challenges import challenges
from antispoof.contract import documents
from antispoof.runtime.bundle import BundleMetadata
from antispoof.service import wire
from antispoof.service.access import ServiceCore, backend
from antispoof.service.api_keys import KnownKey
from antispoof.service.problems import responses

__all__ = ["router"]

router = APIRouter(tags=["operations"])


@router.get(
    "/v1/models",
    response_model=documents.Models,
    responses=responses("bad_token", "rate_limited", "model_unavailable"),
)
def models(key: Annotated[KnownKey, backend(None)], core: ServiceCore) -> Response:
    """List what judges here."""
    return JSONResponse(
        {
            "models": [_model(bundle.metadata) for bundle in core.checks.detector().bundles],
            "policies": list(core.settings.tenant(key.tenant).policies or core.checks.policies),
            "challenges": list(challenges),
        }
    )


def _model(metadata: BundleMetadata) -> dict[str, Any]:
    return {
        "name": metadata.name,
        "version": metadata.version,
        "sha256": metadata.sha256,
        "licence": metadata.licence,
        "modalities": list(metadata.modalities),
        "operating_points": {
            name: {"threshold": point.threshold, "rule": point.rule, "data": point.data}
            for name, point in metadata.operating_points.items()
        },
        "default_operating_point": metadata.default_operating_point,
    }


@router.get("/healthz", response_model=wire.Health)
async def healthy() -> Response:
    """Tell that the process runs."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", response_model=wire.Health, responses=responses("model_unavailable"))
def ready(core: ServiceCore) -> Response:
    """Tell that the store can be written, and the model used."""
    core.store.probe(core.clock.now())
    core.checks.detector()
    return JSONResponse({"status": "ok"})


@router.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": ""}},
)
def metrics(core: ServiceCore) -> Response:
    """Return numbers for Prometheus."""
    core.show_drift()
    return Response(core.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/.well-known/jwks.json", response_model=wire.KeySetDocument)
def key_set(core: ServiceCore) -> Response:
    """Return the public keys that results can be checked with."""
    return JSONResponse(core.signing.public(), headers={"Cache-Control": "public, max-age=300"})


@router.get(
    "/schemas/result-1.json", responses={200: {"content": {"application/schema+json": {"schema": {}}}}}
)
def result_schema() -> Response:
    """Return the JSON Schema of a session's result, version 1."""
    return JSONResponse(
        documents.result_schema(),
        headers={"Cache-Control": "public, max-age=300"},
        media_type="application/schema+json",
    )
