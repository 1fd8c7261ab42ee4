"""Sessions: open, capture, complete, read, erase."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from antispoof.challenges.live import challenges_for
from antispoof.contract import documents
from antispoof.sensing.capture import Recording
from antispoof.sensing.modalities import takers
from antispoof.service import wire
from antispoof.service.access import Client, Either, ServiceCore, backend
from antispoof.service.api_keys import KnownKey
from antispoof.service.attempts import Decision, Judgeable, JudgeableCapture, SessionRequest
from antispoof.service.clock import as_text
from antispoof.service.core import Core
from antispoof.service.intake import check_sample
from antispoof.service.judging import judge
from antispoof.service.problems import Problem, responses
from antispoof.service.shadow import Answer
from antispoof.service.tenants import DEFAULT, Tenant
from antispoof.service.uploads import read_upload

__all__ = ["allowed_policy", "open_session", "router"]

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])
Backend = Annotated[KnownKey, backend("sessions")]
Auditor = Annotated[KnownKey, backend("audit")]
KEY = ("bad_token", "scope", "rate_limited")
MAX_SEQ = 9999

CAPTURE_PROBLEMS = (
    "not_found",
    "state_conflict",
    "duplicate_seq",
    "session_expired",
    "payload_too_large",
    "pixel_limit",
    "unsupported_media",
    "no_face",
    "multiple_faces",
    "low_quality",
    "decode_failed",
)

LINKS = {
    name: {"operationId": name, "parameters": {"session_id": "$response.body#/id"}}
    for name in ("view", "complete", "result", "audit", "revoke")
}

CAPTURE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["modality", "seq", "sha256", "file"],
                    "additionalProperties": False,
                    "properties": {
                        "modality": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"},
                        "seq": {"type": "integer", "minimum": 0, "maximum": MAX_SEQ},
                        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                        "file": {"type": "string", "format": "binary"},
                        "unit": {"type": "string", "examples": ["0.1 mm", "12 bit"]},
                    },
                }
            }
        },
    }
}


def open_session(
    core: Core, body: wire.NewSession, key: KnownKey | None, idempotency_key: str | None = None
) -> dict[str, Any]:
    """Check what is asked for against what there is, and what the tenant may; open a session."""
    tenant = DEFAULT if key is None else key.tenant
    own = core.settings.tenant(tenant)
    policy = allowed_policy(own, body.policy)
    core.checks.detector(policy)
    if own.sites and "site" in body.model_fields_set and body.site not in own.sites:
        raise Problem("invalid_request", f"site: there are {', '.join(own.sites)}")
    if body.retention_s > own.max_retention_s:
        raise Problem("invalid_request", f"retention_s: may be {own.max_retention_s} at most")
    judged = core.checks.modalities
    if set(body.modalities) - set(judged):
        raise Problem("invalid_request", f"modalities: the model judges {', '.join(judged)}")
    if len(set(body.modalities)) != len(body.modalities):
        raise Problem("invalid_request", "modalities: one is named twice")
    _check_challenges(body)
    return core.sessions.open(
        SessionRequest(
            mode=body.mode,
            modalities=tuple(body.modalities),
            policy=policy,
            challenges=None if body.challenges is None else tuple(body.challenges),
            ttl_s=body.ttl_s,
            retention_s=body.retention_s,
            consent_basis=body.consent_basis,
            device_id=body.device_id,
            subject=body.subject,
            site=body.site,
        ),
        None if key is None else key.id,
        idempotency_key,
        tenant,
    )


def allowed_policy(own: Tenant, policy: str | None) -> str | None:
    """Return the policy of a request, where the tenant may name it."""
    if policy is None:
        return own.default_policy
    if own.policies and policy not in own.policies:
        raise Problem("invalid_request", f"policy: there are {', '.join(own.policies)}")
    return policy


def _check_challenges(body: wire.NewSession) -> None:
    """See that a stream can carry what is asked for."""
    if body.mode == "passive":
        if body.challenges is not None:
            raise Problem("invalid_request", "challenges: only an active session has them")
        return
    seen, heard = set(takers("picture")), set(takers("sound"))
    if not seen & set(body.modalities) or set(body.modalities) - seen - heard:
        raise Problem(
            "invalid_request",
            f"modalities: an active session takes {', '.join(seen)}, and {', '.join(heard)} with it",
        )
    possible = challenges_for("active", voice=bool(heard & set(body.modalities)))
    if set(body.challenges or ()) - set(possible):
        raise Problem("invalid_request", f"challenges: with these modalities there are {', '.join(possible)}")


@router.post(
    "",
    status_code=201,
    response_model=documents.OpenedSession,
    responses={
        201: {"links": LINKS},
        **responses(*KEY, "idempotency_mismatch", "attempts_exhausted", "model_unavailable"),
    },
)
def open_(
    body: wire.NewSession,
    key: Backend,
    core: ServiceCore,
    idempotency_key: Annotated[str | None, Header(pattern=r"^[\x21-\x7e]{1,128}$")] = None,
) -> Response:
    """Open a one-time session; hand its `client_token` to the person's device."""
    return JSONResponse(open_session(core, body, key, idempotency_key), 201)


@router.get(
    "/{session_id}",
    operation_id="view",
    response_model=documents.SessionDocument,
    responses=responses(*KEY, "not_found"),
)
def view(session_id: str, _: Backend, core: ServiceCore) -> Response:
    """Tell how a session stands."""
    return JSONResponse(core.sessions.view(session_id))


@router.delete(
    "/{session_id}", operation_id="revoke", status_code=204, responses=responses(*KEY, "not_found")
)
def revoke(session_id: str, _: Backend, core: ServiceCore) -> Response:
    """Revoke a session, and erase its media and its result."""
    core.sessions.revoke(session_id)
    return Response(status_code=204)


@router.post(
    "/{session_id}/captures",
    status_code=201,
    response_model=documents.CaptureReceipt,
    openapi_extra=CAPTURE_FORM,
    responses={
        200: {"model": documents.CaptureReceipt, "description": "it was stored before"},
        **responses("bad_token", "rate_limited", *CAPTURE_PROBLEMS),
    },
)
async def capture(session_id: Client, request: Request, core: ServiceCore) -> Response:
    """Hand in one sample; once this is answered, the sample survives a restart."""
    core.limits.capture(session_id)
    core.judges.check_room()  # who is refused anyhow need not be read
    expected = await run_in_threadpool(core.sessions.expected_modalities, session_id)
    sample = await _read_sample(request, core, expected)
    accepted = await run_in_threadpool(
        core.sessions.accept, session_id, sample.modality, sample.seq, sample.content, sample.unit
    )
    return JSONResponse(
        {
            "session": session_id,
            "modality": sample.modality,
            "seq": sample.seq,
            "sha256": sample.sha256,
            "captures": accepted.captures,
            "received_at": as_text(accepted.received_at),
        },
        201 if accepted.created else 200,
    )


@router.post(
    "/{session_id}/references",
    operation_id="refer",
    status_code=201,
    response_model=documents.ReferenceReceipt,
    openapi_extra=CAPTURE_FORM,
    responses={
        200: {"model": documents.ReferenceReceipt, "description": "it was stored before"},
        **responses(*KEY, *CAPTURE_PROBLEMS, "model_unavailable"),
    },
)
async def refer(session_id: str, request: Request, _: Backend, core: ServiceCore) -> Response:
    """Hand in an earlier bona fide capture of the same person and device; it may move the threshold."""
    core.judges.check_room()
    session = await run_in_threadpool(core.sessions.view, session_id)
    expected = await run_in_threadpool(core.sessions.expected_modalities, session_id)
    sample = await _read_sample(request, core, expected)
    source = Recording(sample.content, sample.unit)
    with core.judges.reserve() as reservation:
        counts = await reservation.run(
            core.checks.counts_as_reference, session["policy"], sample.modality, expected, source
        )
    created, references = await run_in_threadpool(
        core.sessions.accept_reference,
        session_id,
        sample.modality,
        sample.seq,
        sample.content,
        sample.unit,
    )
    return JSONResponse(
        {
            "session": session_id,
            "modality": sample.modality,
            "seq": sample.seq,
            "sha256": sample.sha256,
            "references": references,
            "counts": counts,
        },
        201 if created else 200,
    )


async def _read_sample(request: Request, core: Core, expected: Sequence[str]) -> JudgeableCapture:
    """Read one sample, and see that it can be judged."""
    upload = await read_upload(request, core.settings)
    files = [name for name, several in upload.files.items() for _ in several]
    if set(upload.fields) - {"unit"} != {"modality", "seq", "sha256"} or files != ["file"]:
        raise Problem("invalid_request", "the parts are modality, seq, sha256, one file and perhaps unit")
    unit = upload.fields.get("unit", "").strip()
    modality, seq, content = upload.fields["modality"], upload.fields["seq"], upload.files["file"][0]
    if modality not in expected:
        raise Problem("invalid_request", "modality: not one of the session's")
    if not (seq.isascii() and seq.isdecimal() and int(seq[:9]) <= MAX_SEQ and len(seq) < 9):
        raise Problem("invalid_request", f"seq: has to be 0 to {MAX_SEQ}")
    sha256 = hashlib.sha256(content).hexdigest()
    if upload.fields["sha256"].lower() != sha256:
        raise Problem("invalid_request", "sha256: not that of the file", recoverable=True)
    with core.judges.reserve() as reservation:
        await reservation.run(check_sample, modality, content, unit)
    return JudgeableCapture(modality, int(seq), sha256, content, unit)


@router.post(
    "/{session_id}/complete",
    operation_id="complete",
    response_model=documents.Completed,
    responses=responses(
        "bad_token",
        "scope",
        "rate_limited",
        "not_found",
        "state_conflict",
        "session_expired",
        "attempts_exhausted",
        "model_unavailable",
    ),
)
async def complete(session_id: str, from_backend: Either, core: ServiceCore) -> Response:
    """Judge what was captured. A client is told that it is finished, and never the verdict."""
    with core.judges.reserve() as reservation:
        found = await run_in_threadpool(core.judgements.begin, session_id)
        if isinstance(found, str):
            if not from_backend:
                raise Problem("bad_token", "the session is over, and its token with it")
            return _completed(session_id, found, 0, ())
        try:
            async with _alive(core, found):
                decision = await reservation.run(judge, found, core.checks.check, core.settings.judged_frames)
        except BaseException:
            await run_in_threadpool(core.judgements.abandon, found)
            raise
    session = await run_in_threadpool(core.judgements.finish, found, decision)
    core.metrics.verdicts.labels("session", decision.outcome).inc()
    if core.shadow is not None:
        frames = core.settings.judged_frames
        core.shadow.offer(
            "session",
            _said(decision),
            sum(len(capture.content) for capture in found.captures),
            lambda checks: _said(judge(found, checks.check, frames)),
            session_id,
        )
    state = session["state"]
    if state == "capturing":
        return _completed(session_id, state, session["attempts_left"], decision.advice)
    return _completed(session_id, state if from_backend else "finished", 0, ())


@asynccontextmanager
async def _alive(core: Core, judged: Judgeable) -> AsyncIterator[None]:
    """Say now and then that a judgement goes on, while the block lasts."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(core.settings.judging_timeout_s / 4)
            with suppress(Problem):  # of the store; the next time may do
                await run_in_threadpool(core.judgements.renew, judged)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()


@router.get(
    "/{session_id}/result",
    operation_id="result",
    response_model=documents.ResultDocument,
    responses=responses(*KEY, "not_found", "state_conflict", "session_expired"),
)
def result(session_id: str, _: Backend, core: ServiceCore) -> Response:
    """Return verdict and evidence, also signed."""
    return JSONResponse(core.judgements.result(session_id))


@router.get(
    "/{session_id}/audit",
    operation_id="audit",
    response_model=documents.Audit,
    responses=responses(*KEY, "not_found"),
)
def events(session_id: str, _: Auditor, core: ServiceCore) -> Response:
    """Return what happened to a session."""
    return JSONResponse({"events": core.sessions.events(session_id)})


def _said(decision: Decision) -> Answer:
    return Answer(decision.outcome, decision.evidence["verdict"]["margin"])


def _completed(session_id: str, state: str, attempts_left: int, advice: tuple[str, ...]) -> JSONResponse:
    return JSONResponse(
        {"session": session_id, "state": state, "attempts_left": attempts_left, "advice": list(advice)}
    )
