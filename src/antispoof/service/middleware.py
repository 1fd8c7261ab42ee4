"""What stands before every route: request identifiers, limits, security headers, a log line, numbers."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antispoof.contract import API_HEADER, API_VERSION
from antispoof.service.logs import log, where
from antispoof.service.metrics import Metrics
from antispoof.service.problems import Problem
from antispoof.service.settings import MAX_HEADER_BYTES, Settings
from antispoof.service.telemetry import Telemetry

__all__ = ["BODY_LIMIT", "ServiceMiddleware"]

BODY_LIMIT = 64 * 2**10
"""Bytes of a body, whatever its content type, that goes to no route that takes uploads."""

UPLOADS = re.compile(r"/v1/(check|sessions/[^/]+/(captures|references))")
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; font-src 'self'; worker-src 'self' blob:; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ServiceMiddleware:
    """ASGI middleware around the application."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, telemetry: Telemetry | None = None
    ) -> None:
        self._telemetry = telemetry
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or stream."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        stated = headers.get("x-request-id", "")
        request_id = stated if REQUEST_ID.fullmatch(stated) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send, headers)
        elif self._telemetry is None:
            await self._request(scope, receive, send, headers, request_id)
        else:
            with self._telemetry.request(scope["method"], headers, request_id) as span:
                status = await self._request(scope, receive, send, headers, request_id)
                route = getattr(scope.get("route"), "path", "other")
                self._telemetry.end(span, scope["method"], route, status)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        if not self._known_host(headers) or not self._own_origin(headers):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.error("defect", error=type(error).__name__, where=where(error), route="stream")
            await send({"type": "websocket.close", "code": 1011})

    async def _request(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, request_id: str
    ) -> int:
        started, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                answer["X-Request-ID"] = request_id
                answer[API_HEADER] = API_VERSION
                for name, value in SECURITY_HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            # The parser's own limit holds for what comes in pieces; what comes at once is counted here.
            if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER_BYTES:
                raise Problem("invalid_request", f"headers may have {MAX_HEADER_BYTES} bytes")
            if not self._known_host(headers):
                raise Problem("invalid_request", "the Host header is not one that is answered here")
            if scope["path"].startswith("/page/") and not self._own_origin(headers, listed=False):
                raise Problem("scope", "the page's calls are answered on its own origin only")
            if scope["path"].startswith("/v1/") and _has_body(headers):
                _see_credentials(headers)
            if not UPLOADS.fullmatch(
                scope["path"]
            ):  # those read their bodies themselves, when the key is known
                receive = await _small_body(receive, headers, self._settings.upload_timeout_s)
            await self._app(scope, receive, send_with_headers)
        except Problem as problem:
            await problem.response(request_id)(scope, receive, send_with_headers)
        except Exception as error:
            log.error("defect", request_id=request_id, error=type(error).__name__, where=where(error))
            defect = Problem("internal_error", "a defect of the service; nobody was let through")
            await defect.response(request_id)(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - started
            self._metrics.requests.labels(scope["method"], route, status).inc()
            self._metrics.request_seconds.labels(scope["method"], route).observe(seconds)
            log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                route=route,
                status=status,
                duration_ms=round(1000 * seconds, 1),
            )
        return status

    def _known_host(self, headers: Headers) -> bool:
        host = re.sub(r":\d+$", "", headers.get("host", ""))
        return "*" in self._settings.hosts or host in self._settings.hosts

    def _own_origin(self, headers: Mapping[str, str], *, listed: bool = True) -> bool:
        """Tell whether a page of ours, or of an origin on the list, sends this; other clients state none."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        own = origin.partition("://")[2] == headers.get("host", "")
        return own or (listed and origin in self._settings.origins)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _see_credentials(headers: Headers) -> None:
    """Refuse a call without credentials before its body is read."""
    if not headers.get("authorization", "").lower().startswith("bearer "):
        raise Problem("bad_token", "an API key or a client token is needed: Authorization: Bearer …")


async def _small_body(receive: Receive, headers: Headers, timeout_s: float) -> Receive:
    """Read a body that is no upload, whole and under a limit, and hand it on."""
    stated = headers.get("content-length", "0")
    if not stated.isdecimal() or int(stated) > BODY_LIMIT:
        raise Problem("payload_too_large", f"this body may have {BODY_LIMIT} bytes")
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(timeout_s):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return receive
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > BODY_LIMIT:
                    raise Problem("payload_too_large", f"this body may have {BODY_LIMIT} bytes")
    except TimeoutError:
        raise Problem("invalid_request", "the body took too long", recoverable=True) from None
    waiting: list[Any] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
