"""Webhooks in the form of Standard Webhooks 1.0 (symmetric, ``v1``): signed, and checked on arrival."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from antispoof.errors import InputError

__all__ = ["TOLERANCE_S", "signed_headers", "verify_webhook"]

PREFIX = "whsec_"
# Of Standard Webhooks 1.0; without a least, a secret that was not set would be one that anybody knows.
LEAST_KEY_BYTES = 24
TOLERANCE_S = 300.0
"""How old a message may be when it arrives, and how far clocks may be apart."""


def signed_headers(identifier: str, at: float, body: bytes, secret: str) -> dict[str, str]:
    """Return the headers of a message: its identifier, when it is sent, the signature over both and the body.

    Args:
        identifier: the same however often the message is sent.
        at: seconds since 1970.
        body: what is sent.
        secret: ``whsec_…``.
    """
    stamp = str(int(at))
    return {
        "webhook-id": identifier,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{_signature(identifier, stamp, body, secret)}",
    }


def verify_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> dict[str, Any]:
    """Check a message that arrived, and return what it says: ``type``, ``timestamp`` and ``data``.

    Remember its ``webhook-id`` for as long as `TOLERANCE_S`, and leave out one that comes again.

    Args:
        body: as it came, not parsed.
        headers: of the request.
        secret: ``whsec_…``, as it was shown when the webhook was registered.

    Raises:
        InputError: not signed with this secret, or too old, or no message; a secret that is none.
    """
    if not isinstance(body, bytes):
        raise InputError(f"body: has to be the bytes that came; got {type(body).__name__}")
    given = {name.lower(): value for name, value in headers.items()}
    try:
        identifier, stamp = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split()
        age_s = abs(time.time() - int(stamp))
        expected = f"v1,{_signature(identifier, stamp, body, secret)}".encode()
        signed = [each.encode() for each in signatures]
    except (KeyError, ValueError, OverflowError):
        raise InputError(
            "no webhook: webhook-id, webhook-timestamp and webhook-signature are needed"
        ) from None
    if not any(hmac.compare_digest(expected, each) for each in signed):
        raise InputError("the webhook is not signed with this secret")
    if age_s > TOLERANCE_S:
        raise InputError(f"the webhook is {age_s:.0f} s old; {TOLERANCE_S:.0f} are accepted")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the webhook holds no JSON") from None
    if not isinstance(message, dict):
        raise InputError("the webhook holds no message")
    return message


def _signature(identifier: str, stamp: str, body: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, AttributeError):  # such as None, of a variable that is not set
        key = b""
    if len(key) < LEAST_KEY_BYTES:
        raise InputError(f"secret: has to be like whsec_…, of {LEAST_KEY_BYTES} bytes at least, in base64")
    digest = hmac.digest(key, f"{identifier}.{stamp}.".encode() + body, hashlib.sha256)
    return base64.b64encode(digest).decode("ascii")
