"""The service in the part of the page's backend, for trying it out."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, JSONResponse

import antispoof
from antispoof.challenges import challenges
from antispoof.contract import documents
from antispoof.runtime.bundle import shipped_bundles
from antispoof.service import wire
from antispoof.service.access import ServiceCore, Viewer
from antispoof.service.problems import Problem, responses
from antispoof.service.routes.sessions import open_session
from antispoof.service.tenants import DEFAULT

__all__ = ["router"]


def _switched_on(core: ServiceCore) -> None:
    if not core.settings.page:
        raise Problem("not_found", "the page is switched off")


router = APIRouter(prefix="/page", tags=["page"], dependencies=[Depends(_switched_on)])


DEVICE = Path(__file__).parents[1] / "device"
BROWSER_POLICY = "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
"""Of the worker alone; the page itself compiles nothing."""


@router.get("/options", response_model=wire.PageOptions, responses=responses("scope", "not_found"))
def options(core: ServiceCore) -> Response:
    """Tell the page what it can offer."""
    return JSONResponse(
        {
            "modes": ["passive", "active"],
            "modalities": list(core.checks.modalities),
            "challenges": list(challenges),
            "photo": core.settings.page_photo and core.settings.passive_frames == 1,
            "version": antispoof.__version__,
        }
    )


@router.post(
    "/sessions",
    status_code=201,
    response_model=documents.OpenedSession,
    responses=responses("scope", "not_found", "rate_limited", "model_unavailable"),
)
def open_(body: wire.NewPageSession, request: Request, core: ServiceCore) -> Response:
    """Open a session for whoever looks at the page."""
    core.limits.page_session(request.client.host if request.client else "")
    return JSONResponse(open_session(core, wire.NewSession(**body.model_dump()), None), 201)


@router.get(
    "/sessions/{session_id}/result",
    response_model=documents.ResultDocument,
    responses=responses("bad_token", "scope", "not_found", "state_conflict", "session_expired"),
)
def result(session_id: Viewer, core: ServiceCore) -> Response:
    """Return the result of a session that the page has opened; others are their backend's to read."""
    core.sessions.see_owner(session_id, DEFAULT, by_page=True)
    return JSONResponse(core.judgements.result(session_id))


@router.get("/device/{name}", response_class=FileResponse, responses=responses("scope", "not_found"))
def device(name: str) -> Response:
    """Return what the page needs for hints on the device: its worker, the networks, and their runtime."""
    if name == "worker.js":
        headers = {"Content-Security-Policy": BROWSER_POLICY}
        return FileResponse(DEVICE / name, media_type="text/javascript", headers=headers)
    if name == "ort-wasm-simd-threaded.wasm":
        headers = {"Content-Encoding": "gzip"}  # packed once: 3.7 MB in place of 14.2
        return FileResponse(DEVICE / f"{name}.gz", media_type="application/wasm", headers=headers)
    if name == "face-rgb-edge.onnx":
        return FileResponse(shipped_bundles()["face-rgb-edge"], media_type="application/octet-stream")
    if name == "yunet_n_dynamic.onnx":
        weights = Path(str(files("antispoof.sensing"))) / "weights"
        return FileResponse(weights / name, media_type="application/octet-stream")
    raise Problem("not_found", "there is no such file")
