"""Who asks: a backend with an API key, or a device with the token of its session."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from antispoof.service.api_keys import KnownKey
from antispoof.service.core import Core
from antispoof.service.problems import Problem

__all__ = ["Client", "Either", "ServiceCore", "Viewer", "backend", "core_of"]

api_key = HTTPBearer(scheme_name="ApiKey", description="`ask_…`", auto_error=False)
client_token = HTTPBearer(scheme_name="ClientToken", description="`ast_…`", auto_error=False)
Credentials = HTTPAuthorizationCredentials | None


async def core_of(request: Request) -> Core:
    """Return the parts of the service; async, as the framework would give anything else a thread."""
    core: Core = request.app.state.core
    return core


ServiceCore = Annotated[Core, Depends(core_of)]


def backend(scope: str | None) -> Any:
    """Demand an API key, with a scope if one is named; count the request.

    A session in the path has to be one of the key's tenant; there is no other for it.
    """

    async def check(
        request: Request, core: ServiceCore, sent: Annotated[Credentials, Depends(api_key)]
    ) -> KnownKey:
        known = await _key(core, sent, scope)
        if "session_id" in request.path_params:
            identifier = request.path_params["session_id"]
            await run_in_threadpool(core.sessions.see_owner, identifier, known.tenant)
        return known

    return Depends(check)


async def _client(
    session_id: str, core: ServiceCore, sent: Annotated[Credentials, Depends(client_token)]
) -> str:
    """Demand the client token of the session in the path."""
    if sent is None or await run_in_threadpool(core.sessions.holder, sent.credentials) != session_id:
        raise Problem("bad_token", "the client token of this session is needed")
    return session_id


async def _viewer(
    session_id: str, core: ServiceCore, sent: Annotated[Credentials, Depends(client_token)]
) -> str:
    """Demand the client token of the session in the path, be it spent: it only looks."""
    holder = partial(core.sessions.holder, spent=True)
    if sent is None or await run_in_threadpool(holder, sent.credentials) != session_id:
        raise Problem("bad_token", "the client token of this session is needed")
    return session_id


async def _either(
    session_id: str,
    core: ServiceCore,
    sent: Annotated[Credentials, Depends(client_token)],
    also: Annotated[Credentials, Depends(api_key)],
) -> bool:
    """Demand one or the other; tell whether it is the backend."""
    if also is not None and also.credentials.startswith("ask_"):
        known = await _key(core, also, "sessions")
        await run_in_threadpool(core.sessions.see_owner, session_id, known.tenant)
        return True
    await _client(session_id, core, sent)
    return False


async def _key(core: Core, sent: Credentials, scope: str | None) -> KnownKey:
    if sent is None:
        raise Problem("bad_token", "an API key is needed: Authorization: Bearer ask_…")
    if core.keys.remembered(sent.credentials) is None:
        known = await run_in_threadpool(core.keys.check, sent.credentials, scope)
    else:
        known = core.keys.check(sent.credentials, scope)  # which needs no thread then
    core.limits.request(known.id, known.tenant)
    return known


Client = Annotated[str, Depends(_client)]
Viewer = Annotated[str, Depends(_viewer)]
Either = Annotated[bool, Depends(_either)]
