"""Calls and answers as the HTTP library has them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2

import antispoof
from antispoof.client.exchange import Answer, Call
from antispoof.errors import InputError

__all__ = ["as_answer", "as_failure", "as_request", "see_address", "see_timeout"]


def see_address(url: str) -> str:
    """Refuse what is no address of a service, before anything is sent there."""
    try:
        parsed = urlsplit(url)
        fit = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0
        httpx2.URL(url)
    except (ValueError, TypeError, AttributeError, httpx2.InvalidURL):
        fit = False
    if not fit or any(sign.isspace() for sign in url):
        raise InputError(f"url: has to be like https://id.example.com; got {url!r}")
    return url


def see_timeout(timeout_s: float) -> float:
    """Refuse what is no time to wait for an answer."""
    if not isinstance(timeout_s, (int, float)) or not timeout_s > 0:
        raise InputError(f"timeout_s: has to be more than 0; got {timeout_s!r}")
    return timeout_s


def as_request(call: Call) -> dict[str, Any]:
    """Return the arguments of a request."""
    headers = {"User-Agent": f"antispoof/{antispoof.__version__}", **call.headers}
    if call.token is not None:
        headers["Authorization"] = f"Bearer {call.token}"
    # A file goes without the name that it has on the caller's disk.
    files = [(name, ("sample", content)) for name, content in call.files] or None
    return {
        "method": call.method,
        "url": call.path,
        "headers": headers,
        "json": call.body,
        "data": dict(call.form) or None,
        "files": files,
    }


def as_answer(response: httpx2.Response) -> Answer:
    """Return what came."""
    return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)


def as_failure(error: httpx2.RequestError) -> Answer:
    """Return that nothing came, and why."""
    return Answer(0, failure=f"{type(error).__name__}: {error}".rstrip(": "))
