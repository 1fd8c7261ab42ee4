"""Everything a request can be refused for: RFC 9457 documents with a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from antispoof.contract.documents import ProblemDocument
from antispoof.errors import MediaError

__all__ = ["CODES", "Problem", "from_media_error", "responses"]


@dataclass(frozen=True, slots=True)
class _Code:
    status: int
    recoverable: bool


CODES = {
    "invalid_request": _Code(400, False),
    "bad_token": _Code(401, False),
    "scope": _Code(403, False),
    "not_found": _Code(404, False),
    "method_not_allowed": _Code(405, False),
    "state_conflict": _Code(409, False),
    "duplicate_seq": _Code(409, False),
    "idempotency_mismatch": _Code(409, False),
    "session_expired": _Code(410, False),
    "payload_too_large": _Code(413, True),
    "pixel_limit": _Code(413, True),
    "unsupported_media": _Code(415, True),
    "no_face": _Code(422, True),
    "multiple_faces": _Code(422, True),
    "low_quality": _Code(422, True),
    "decode_failed": _Code(422, True),
    "rate_limited": _Code(429, True),
    "attempts_exhausted": _Code(429, False),
    "internal_error": _Code(500, False),
    "overloaded": _Code(503, True),
    "model_unavailable": _Code(503, True),
    "store_unavailable": _Code(503, True),
}


class Problem(Exception):  # noqa: N818, RFC 9457 has the word
    """A request is refused.

    Args:
        code: one of `CODES`.
        detail: what is wrong, for an engineer; it may be logged, so it quotes nothing the client has sent.
        recoverable: whether the client can do something about it; None takes what is usual for the code.
        retry_after_s: when to try again.
        advice: what a person can do, in neutral words.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        recoverable: bool | None = None,
        retry_after_s: int | None = None,
        advice: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        entry = CODES[code]
        self.code = code
        self.status = entry.status
        self.detail = detail
        self.recoverable = entry.recoverable if recoverable is None else recoverable
        self.retry_after_s = retry_after_s
        self.advice = tuple(advice)

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the body."""
        return ProblemDocument(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            recoverable=self.recoverable,
            retry_after_s=self.retry_after_s,
            request_id=request_id,
            advice=list(self.advice),
        ).model_dump()

    def response(self, request_id: str) -> JSONResponse:
        """Return the whole answer."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(
            self.document(request_id), self.status, headers, media_type="application/problem+json"
        )


def from_media_error(error: MediaError, what: str) -> Problem:
    """Say what is wrong with media; the decoder's own words may quote the file, so they stay here."""
    details = {
        "payload_too_large": "is larger than allowed",
        "pixel_limit": "has more pixels than allowed",
        "frame_limit": "has more frames than one presentation may have",
        "unsupported_media": "is of a kind that is not accepted",
        "colour": "is a colour picture; this sensor's have one channel: hand in what it took, no photo",
        "empty": "is empty",
    }
    code = "unsupported_media" if error.code == "colour" else error.code
    code = code if code in CODES else "decode_failed"
    return Problem(code, f"{what} {details.get(error.code, 'is damaged and cannot be decoded')}")


def responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Describe refusals for the OpenAPI document."""
    described: dict[int | str, dict[str, Any]] = {}
    for code in dict.fromkeys((*codes, "invalid_request", "store_unavailable", "overloaded")):
        status = CODES[code].status
        entry = described.setdefault(status, {"description": "", "content": {}})
        entry["description"] = ", ".join(filter(None, (entry["description"], f"`{code}`")))
        entry["content"] = {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
        }
    return described
