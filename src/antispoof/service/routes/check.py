"""A verdict without a session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from antispoof.contract import documents
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Recording
from antispoof.service.access import ServiceCore, backend
from antispoof.service.api_keys import KnownKey
from antispoof.service.checks import Checks
from antispoof.service.problems import Problem, responses
from antispoof.service.routes.sessions import allowed_policy
from antispoof.service.shadow import Answer
from antispoof.service.uploads import MAX_PARTS, Upload, read_upload

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["check"])

CHECK_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["face_rgb"],
                    "additionalProperties": False,
                    "properties": {
                        "face_rgb": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "maxItems": MAX_PARTS,
                        },
                        "policy": {"type": "string"},
                        "unit.face_depth": {"type": "string", "examples": ["0.1 mm"]},
                    },
                }
            }
        },
    }
}


@router.post(
    "/check",
    response_model=documents.CheckAnswer,
    openapi_extra=CHECK_FORM,
    responses=responses(
        "bad_token",
        "scope",
        "payload_too_large",
        "pixel_limit",
        "unsupported_media",
        "decode_failed",
        "rate_limited",
        "model_unavailable",
    ),
)
async def check(request: Request, key: Annotated[KnownKey, backend("check")], core: ServiceCore) -> Response:
    """Judge files of one presentation, one or several frames of each modality; nothing is stored.

    That gives no protection against replay.
    """
    core.judges.check_room()  # who is refused anyhow need not be read
    upload = await read_upload(request, core.settings)
    if not upload.files or set(upload.fields) - {"policy", *(f"unit.{name}" for name in upload.files)}:
        raise Problem(
            "invalid_request",
            "the parts are files named like modalities, their unit.<modality>, and policy",
        )
    policy = allowed_policy(core.settings.tenant(key.tenant), upload.fields.get("policy"))
    with core.judges.reserve() as reservation:
        verdict = await reservation.run(_judge, core.checks, upload, policy)
    core.metrics.verdicts.labels("check", verdict.outcome).inc()
    if core.shadow is not None:
        size = sum(map(len, upload.files.values()))
        core.shadow.offer("check", _said(verdict), size, lambda checks: _said(_judge(checks, upload, policy)))
    return JSONResponse({"verdict": verdict.as_dict(), "replay_protection": False})


def _judge(checks: Checks, upload: Upload, policy: str | None) -> Verdict:
    if set(upload.files) - set(checks.modalities):
        raise Problem("invalid_request", f"files: the models judge {', '.join(checks.modalities)}")
    units = {name: upload.fields.get(f"unit.{name}", "") for name in upload.files}
    sources = {
        name: [Recording(content, units[name]) for content in several]
        for name, several in upload.files.items()
    }
    return checks.check(policy, sources)


def _said(verdict: Verdict) -> Answer:
    return Answer(verdict.outcome, verdict.margin)
