"""Commands around the service: `keys`, `audit`, `sessions` and `verify-result`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from antispoof.cli.app import CommandExit, app, needs, text_table
from antispoof.cli.output import JsonPath, write_json_text
from antispoof.cli.serve import needs_service
from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.service.core import Core

keys_app = typer.Typer(no_args_is_help=True, help="API keys of the service, and the key that signs.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit log of the service.")
sessions_app = typer.Typer(no_args_is_help=True, help="Sessions of the service.")
for _name, _group in (("keys", keys_app), ("audit", audit_app), ("sessions", sessions_app)):
    app.add_typer(_group, name=_name)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file of settings.", show_default=False)]
State = Annotated[
    Path | None,
    typer.Option("--state", help="Folder of keys and database.", show_default="~/.local/state/antispoof"),
]
Database = Annotated[
    str | None,
    typer.Option("--database", help="SQLAlchemy URL.", show_default="SQLite in the state folder"),
]


@contextmanager
def opened(config: Path | None, state: Path | None, database: str | None) -> Iterator[Core]:
    """Open the service's store; what it refuses is an input error here."""
    needs_service()
    from antispoof.service.core import Core
    from antispoof.service.problems import Problem
    from antispoof.service.settings import read_settings

    settings = read_settings(config, state=state, database=database)
    if not (settings.state / "secret.key").exists():
        raise InputError(f"no service has run with the state folder {str(settings.state)!r}")
    core = Core(settings)
    try:
        yield core
    except Problem as problem:
        raise InputError(problem.detail) from None
    finally:
        core.close()


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Whose it is, for people.", show_default=False)],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="sessions, check, audit or webhooks; may be repeated.", show_default="all"),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose sessions it is for, one of the settings.")] = "default",
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """Make an API key, and show it once."""
    with opened(config, state, database) as core:
        from antispoof.service.api_keys import SCOPES

        typer.echo(core.keys.add(name, scope or SCOPES, tenant))


@keys_app.command("list")
def keys_list(config: Config = None, state: State = None, database: Database = None) -> None:
    """List the API keys."""
    with opened(config, state, database) as core:
        from rich.console import Console

        from antispoof.service.clock import as_text

        rows = [
            (
                key.id,
                key.name,
                key.tenant,
                ", ".join(key.scopes),
                as_text(key.created_at)[:10],
                "" if key.revoked_at is None else as_text(key.revoked_at)[:10],
            )
            for key in core.keys.all()
        ]
    Console(highlight=False).print(
        text_table("API keys", ("id", "name", "tenant", "scopes", "made", "revoked"), rows)
    )


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="Its id, see keys list.", show_default=False)],
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """End an API key; running services follow within 5 seconds."""
    with opened(config, state, database) as core:
        core.keys.revoke(key)
    typer.echo(f"revoked {key}")


@keys_app.command("rotate")
def keys_rotate(config: Config = None, state: State = None, database: Database = None) -> None:
    """Make a new key that signs results; the earlier ones stay, for results they have signed."""
    with opened(config, state, database) as core:
        from antispoof.service import audit

        kid = core.signing.rotate()
        with core.store.write() as transaction:
            audit.append(core.store, transaction, core.clock.now(), "signing_key_added", kid=kid)
    typer.echo(f"signs from now on: {kid}")


@audit_app.command("verify")
def audit_verify(
    results: Annotated[
        list[Path] | None,
        typer.Argument(help="Signed results kept elsewhere, to hold the log against.", show_default=False),
    ] = None,
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """Check that no event of the audit log was changed, removed or inserted.

    The exit code is 1 if one was; each place is named.
    """
    with opened(config, state, database) as core:
        from antispoof.service.audit import verify_chain

        known = tuple(_token(_read(path)) for path in results or [])
        found = verify_chain(core.store, core.signing.public(), known)
    for fault in found.faults:
        typer.echo(f"event {fault.seq}: {fault.message}")
    last = ", ".join(
        f"last event {seq}, {head}{'' if tenant == 'default' else f' of tenant {tenant}'}"
        for tenant, (seq, head) in found.heads.items()
    )
    typer.echo(
        f"{found.events} events, {found.anchors} signed results: "
        f"{'intact' if not found.faults else f'{len(found.faults)} faults'}; {last}"
    )
    if found.faults:
        raise CommandExit(1)


@sessions_app.command("media")
def sessions_media(
    session: Annotated[str, typer.Argument(help="Identifier, ses_….", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.", show_default=False)],
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """Write the media that are kept of a session, decrypted; the audit log notes it."""
    with opened(config, state, database) as core:
        captures = core.sessions.media(session)
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for capture in captures:
            (out / f"{capture.modality}-{capture.seq:04}").write_bytes(capture.content)
    except OSError as error:
        raise InputError(f"cannot write into {str(out)!r}: {error.strerror}") from None
    typer.echo(f"{len(captures)} files in {out}")


@sessions_app.command("erase")
def sessions_erase(
    subject: Annotated[str, typer.Option(help="As the sessions were opened with.", show_default=False)],
    tenant: Annotated[
        str | None, typer.Option(help="Whose sessions.", show_default="those of all tenants")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: Config = None,
    state: State = None,
    database: Database = None,
) -> None:
    """Revoke all sessions of a person, and erase their media and results."""
    if not yes:
        typer.confirm("This cannot be undone. Erase?", abort=True)
    erase_sessions(subject, config, state, database, tenant)


def erase_sessions(
    subject: str,
    config: Path | None,
    state: Path | None,
    database: str | None,
    tenant: str | None = None,
) -> None:
    """Revoke all sessions of a person, and say how many."""
    with opened(config, state, database) as core:
        erased = core.sessions.revoke_subject(subject, tenant)
    typer.echo(f"{len(erased)} sessions erased")


@app.command("verify-result")
def verify_result(
    result: Annotated[
        Path, typer.Argument(help="What /result answered, or its jws alone; - is standard input.")
    ],
    keys: Annotated[Path, typer.Option(help="What /.well-known/jwks.json answered.", show_default=False)],
    nonce: Annotated[
        str | None, typer.Option(help="That the session was opened with.", show_default=False)
    ] = None,
    as_json: JsonPath = None,
) -> None:
    """Check a signed result, without asking the service.

    Exit codes: 0 signed by these keys, 1 not, 3 usage or input error.
    """
    needs("checking a signed result", "client", "joserfc")
    from antispoof.contract.signatures import verify

    token = _token(_read(result))
    try:
        key_set = json.loads(_read(keys))
    except ValueError:
        raise InputError(f"{str(keys)!r} is no JSON") from None
    if not isinstance(key_set, dict) or not isinstance(key_set.get("keys"), list):
        raise InputError(f"{str(keys)!r} is no JWK set")
    try:
        claims = verify(token, key_set)
    except InputError as error:
        typer.echo(f"INVALID: {error}", err=True)
        raise CommandExit(1) from None
    if nonce is not None and claims.get("nonce") != nonce:
        typer.echo("INVALID: signed, but with another nonce: the result of another session", err=True)
        raise CommandExit(1)
    if as_json is not None:
        write_json_text(as_json, json.dumps(claims, indent=2, ensure_ascii=False))
    else:
        typer.echo(f"signed: {claims.get('outcome')}, session {claims.get('jti')}, {claims.get('judged_at')}")


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {str(path)!r}: {getattr(error, 'strerror', 'no text')}") from None


def _token(text: str) -> str:
    """Find the JWS in a result document, or take the text for one."""
    try:
        document: Any = json.loads(text)
    except ValueError:
        return text.strip()
    if not isinstance(document, dict) or not isinstance(document.get("jws"), str):
        raise InputError("there is no jws in the result")
    return str(document["jws"])
