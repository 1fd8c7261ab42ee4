"""The application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import antispoof
from antispoof.contract import API_HEADER
from antispoof.contract.documents import ProblemDocument
from antispoof.service.core import Core
from antispoof.service.logs import log, where
from antispoof.service.middleware import ServiceMiddleware
from antispoof.service.problems import Problem
from antispoof.service.routes import check, docs, operations, page, sessions, stream, webhooks
from antispoof.service.settings import Settings
from antispoof.service.webhooks import AT_ONCE, Message

__all__ = ["create_app"]

STATIC = Path(__file__).parent / "static"
SWEEP_EVERY_S = 5.0
TELL_EVERY_S = 1.0
ROUTERS = (
    check.router,  # first, as it is asked most, and routes are tried in turn
    sessions.router,
    stream.router,
    operations.router,
    webhooks.router,
    page.router,
    docs.router,
)
HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: None reads them from the environment, as workers do.

    Raises:
        InputError: the state folder or the database cannot be used.
    """
    core = Core(Settings.from_environment() if settings is None else settings)
    app = FastAPI(
        title="antispoof",
        version=antispoof.__version__,
        summary="One-time liveness sessions with signed verdicts.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=_running,
        redoc_url=None,
        docs_url=None,
    )
    app.state.core = core
    for router in ROUTERS:
        app.include_router(router)
    if core.settings.page and STATIC.is_dir():
        app.mount("/", StaticFiles(directory=STATIC, html=True), name="page")
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_body)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_middleware(
        ServiceMiddleware, settings=core.settings, metrics=core.metrics, telemetry=core.telemetry
    )
    if core.settings.origins:  # outermost, so that refusals can be read there as well
        app.add_middleware(
            CORSMiddleware,
            allow_origins=core.settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["X-Request-ID", "Retry-After", API_HEADER],
            max_age=600,
        )
    _describe(app)
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    core: Core = app.state.core
    await run_in_threadpool(_warm, core)
    if core.shadow is not None:
        core.shadow.start()
    tasks = [asyncio.create_task(_sweep(core)), asyncio.create_task(_tell(core))]
    log.info("started", version=antispoof.__version__, page=core.settings.page)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    core.close()
    log.info("stopped")


def _warm(core: Core) -> None:
    """Load the models before the first request; where that fails, `/readyz` tells."""
    with suppress(Problem):
        look = core.checks.modalities
        log.info("models_loaded", count=len(look))


async def _sweep(core: Core) -> None:
    """Expire and erase what is due, now and then; what fails is tried again."""
    while True:
        try:
            count = await run_in_threadpool(core.sweeper.sweep)
            if core.settings.webhook_hosts:
                await run_in_threadpool(core.webhooks.forget_old)
            if count:
                log.info("swept", count=count)
        except Problem as problem:
            log.warning("sweep_failed", code=problem.code)
        await asyncio.sleep(SWEEP_EVERY_S)


async def _tell(core: Core) -> None:
    """Send what webhooks wait for; what fails is tried again later, and who is silent holds up nobody."""
    async with asyncio.TaskGroup() as group:
        sending: set[asyncio.Task[None]] = set()
        while core.settings.webhook_hosts:
            with _noted():
                for message in await run_in_threadpool(core.webhooks.due, AT_ONCE - len(sending)):
                    task = group.create_task(_send(core, message))
                    sending.add(task)
                    task.add_done_callback(sending.discard)
            await asyncio.sleep(TELL_EVERY_S)


async def _send(core: Core, message: Message) -> None:
    with _noted():
        status, failure = await core.webhooks.outbound.post(message.url, message.headers, message.body)
        await run_in_threadpool(core.webhooks.settle, message, status, failure)
        log.info(
            "webhook", webhook=message.webhook, attempt=message.attempt, status=status, error=failure or None
        )


@contextmanager
def _noted() -> Iterator[None]:
    """Whatever one message does, the others are told."""
    try:
        yield
    except Problem as problem:
        log.warning("webhooks_failed", code=problem.code)
    except Exception as error:
        log.error("defect", error=type(error).__name__, where=where(error), route="webhooks")


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    request_id = request.state.request_id
    cause = error.__cause__
    log.info(
        "refused",
        request_id=request_id,
        code=error.code,
        detail=error.detail,
        error=None if cause is None else type(cause).__name__,
    )
    return error.response(request_id)


async def _refuse_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    # Names of members come from the client: only ours are repeated.
    known = place if first["type"] != "extra_forbidden" else "an unknown member"
    return await _refuse(request, Problem("invalid_request", f"{known}: {first['msg']}"))


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # The page's folder answers for every path; what the API knows of this one comes first.
    known = [
        route.methods
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods and route.path_regex.match(request.url.path)
    ]
    allowed = set[str]().union(*known)
    if allowed and request.method not in allowed:
        answer = Problem("method_not_allowed", "no such method").response(request.state.request_id)
        answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer
    code = HTTP_CODES.get(error.status_code, "invalid_request")
    return Problem(code, str(error.detail)).response(request.state.request_id)


def _describe(app: FastAPI) -> None:
    """Take the framework's own errors out of the OpenAPI document, and put the problem document in."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        schemas["ProblemDocument"] = ProblemDocument.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in document["paths"].values():
            for operation in path.values():
                answer = operation["responses"].get("422", {}).get("content", {})
                if "application/json" in answer:
                    del operation["responses"]["422"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
