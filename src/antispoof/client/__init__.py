"""Talk to a running service from a backend, in Python; needs the extra ``client``.

    from antispoof.client import Client

    with Client("https://id.example.com", key) as service:
        session = service.open_session(modalities=["face_rgb"])
        ...  # the person's device captures and completes
        result = service.result(session)  # its signature and nonce were checked

`AsyncClient` is the same for asyncio. Both try again by themselves what is safe to be tried again.
"""

from __future__ import annotations

from importlib.util import find_spec

from antispoof.errors import MissingExtraError

if any(find_spec(name) is None for name in ("httpx2", "joserfc")):
    raise MissingExtraError("the client of the service", "client")

from antispoof.client.asynchronous import AsyncClient
from antispoof.client.blocking import Client
from antispoof.client.failures import (
    IncompatibleServiceError,
    RefusedError,
    UnreachableError,
    UnverifiedResultError,
)
from antispoof.client.operations import FileVerdict
from antispoof.contract.webhooks import verify_webhook

__all__ = [
    "AsyncClient",
    "Client",
    "FileVerdict",
    "IncompatibleServiceError",
    "RefusedError",
    "UnreachableError",
    "UnverifiedResultError",
    "verify_webhook",
]
