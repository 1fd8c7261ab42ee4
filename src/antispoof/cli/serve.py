"""`antispoof serve`."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antispoof.cli.app import app, needs
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.runtime.detector import Detector
    from antispoof.service.checks import Checks

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def needs_service() -> None:
    """Name the extra before anything else can fail for want of it."""
    needs("the service", "service", "fastapi", "uvicorn", "sqlalchemy", "alembic", "joserfc", "cryptography")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of settings; switches the page off, unless it says page: true.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of keys and database.", show_default="~/.local/state/antispoof"),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL.", show_default="SQLite in the state folder")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1, max=64)] = 1,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page", help="The page at /, to try it out.", show_default="without --config"
        ),
    ] = None,
) -> None:
    """Run the HTTP service: one-time sessions, signed verdicts, and a page to try it out."""
    needs_service()
    import uvicorn

    from antispoof.service.connections import server_options
    from antispoof.service.core import Core
    from antispoof.service.settings import ENVIRONMENT, read_settings

    shown = True if page is None and config is None else page  # a file says so itself
    settings = read_settings(config, state=state, database=database, page=shown)
    if settings.hosts == ("*",) and host in LOOPBACK:
        settings = settings.model_copy(update={"hosts": (*LOOPBACK[:1], "[::1]", "localhost")})
    with _bound(host, port) as listener:
        core = Core(settings)  # what cannot work is told before anything listens
        detector = _loaded(core.checks, "bundles")
        shadow = None if core.shadow is None else _loaded(core.shadow.checks, "shadow_bundles")
        new_key = None if core.keys.all() else core.keys.add("development")
        core.close()
        if workers == 1:
            listener.listen()  # who calls from now on waits for the models, and is not turned away
        else:
            listener.close()  # the processes share one of their own
        name = f"[{host}]" if ":" in host else host
        typer.echo(f"listening  http://{name}:{port}/docs")
        if settings.page:
            typer.echo(f"page       http://{name}:{port}/")
        typer.echo(f"model      {detector.bundle.metadata.name} {detector.bundle.metadata.version}")
        if shadow is not None:
            typer.echo(f"shadow     {shadow.bundle.metadata.name} {shadow.bundle.metadata.version}")
        typer.echo(f"state      {settings.state}")
        if new_key is None:
            typer.echo("API key    shown when it was made; another: antispoof keys add NAME")
        else:
            typer.echo(f"API key    {new_key}  (shown this once; another: antispoof keys add NAME)")
        os.environ[ENVIRONMENT] = settings.model_dump_json()
        with tempfile.TemporaryDirectory(prefix="antispoof-metrics-") as metrics:
            if workers > 1:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
            application, options = "antispoof.service.app:create_app", server_options(settings)
            if workers > 1:
                uvicorn.run(application, factory=True, host=host, port=port, workers=workers, **options)
                return
            server = uvicorn.Server(uvicorn.Config(application, factory=True, **options))
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
            if not server.started:
                raise typer.Exit(1)


def _loaded(checks: Checks, setting: str) -> Detector:
    from antispoof.service.problems import Problem

    try:
        return checks.detector()
    except Problem as problem:
        raise InputError(f"{setting}, default_policy: {problem.__cause__ or problem}") from None


def _bound(host: str, port: int) -> socket.socket:
    """Take the port before anything is made."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}; see --host, --port"
        ) from None
    return listener
