"""The same on SQLite and on PostgreSQL: concurrent writers, restarts, a database that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import Server, postgresql
from sqlalchemy import text

from antispoof.errors import InputError
from antispoof.service.attempts import SessionRequest
from antispoof.service.audit import verify_chain
from antispoof.service.core import Core
from antispoof.service.judging import judge
from antispoof.service.problems import Problem
from antispoof.service.settings import Settings
from antispoof.service.store import database
from antispoof.service.store.database import open_store
from antispoof.service.store.tables import Base

REQUEST = SessionRequest("passive", ("face_rgb",), "balanced", None, 300, 0, None, None, None)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Server]]:
    with postgresql() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, make_bundle: Any) -> Settings:
    """Settings with an empty database of each kind."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("server")[0]
        _empty(url)
    state, bundles = tmp_path / "state", (str(make_bundle()),)
    return Settings(state=state, database=url, bundles=bundles, page_photo=True)


def _empty(url: str) -> None:
    store = open_store(url)
    with store.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    store.close()


def judged(core: Core, identifier: str) -> dict[str, Any]:
    attempt = core.judgements.begin(identifier)
    assert not isinstance(attempt, str)
    return core.judgements.finish(attempt, judge(attempt, core.checks.check, 5))


def test_migrations_make_the_tables_that_the_code_expects(settings: Settings) -> None:
    core = Core(settings)
    with core.store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    core.close()


def test_what_was_committed_is_on_the_disk(
    shipped_pragmas: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE", shipped_pragmas)
    store = open_store(f"sqlite:///{tmp_path / 'service.db'}")
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    store.close()


def test_restart_in_the_middle_loses_nothing(
    settings: Settings, frames: dict[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = Core(settings)
    session = core.sessions.open(REQUEST, None)
    for seq, content in enumerate(frames["bona_fide"][:2]):
        core.sessions.accept(session["id"], "face_rgb", seq, content)
    core.close()

    core = Core(settings)  # another process, on the same state
    assert core.sessions.view(session["id"])["captures"] == 2
    assert core.sessions.holder(session["client_token"]) == session["id"]
    attempt = core.judgements.begin(session["id"])
    assert not isinstance(attempt, str)
    assert [capture.content for capture in attempt.captures] == frames["bona_fide"][:2]
    core.close()  # killed while it judges

    core = Core(settings)
    with pytest.raises(Problem, match="being judged") as refused:
        core.judgements.begin(session["id"])
    assert refused.value.retry_after_s
    now = core.clock.now()
    monkeypatch.setattr(core.clock, "now", lambda: now + settings.judging_timeout_s + 1)
    assert judged(core, session["id"])["state"] == "succeeded"
    core.close()

    core = Core(settings)
    assert core.judgements.result(session["id"])["outcome"] == "bona_fide"
    assert verify_chain(core.store, core.signing.public()).faults == ()
    core.close()


def test_a_late_judgement_of_a_killed_worker_changes_nothing(
    settings: Settings, frames: dict[str, list[bytes]]
) -> None:
    core = Core(settings)
    session = core.sessions.open(REQUEST, None)
    core.sessions.accept(session["id"], "face_rgb", 0, frames["attack"][0])
    attempt = core.judgements.begin(session["id"])
    assert not isinstance(attempt, str)
    decision = judge(attempt, core.checks.check, 5)
    core.judgements.finish(attempt, decision)
    with pytest.raises(Problem, match="failed"):
        core.judgements.finish(attempt, decision)
    core.close()


def test_concurrent_writers(settings: Settings) -> None:
    """Eight writers of two processes: every session is there, and the audit log is one chain."""
    cores = [Core(settings), Core(settings)]

    def work(number: int) -> str:
        core = cores[number % 2]
        session = core.sessions.open(REQUEST, "key_x", f"order-{number // 2}")
        core.sessions.accept(session["id"], "face_rgb", number, bytes([number]) * 100)
        return str(session["id"])

    with ThreadPoolExecutor(8) as pool:
        identifiers = list(pool.map(work, range(24)))
    assert len(set(identifiers)) == 12, "each idempotency key has opened one session"
    for identifier in set(identifiers):
        assert cores[0].sessions.view(identifier)["captures"] == 2
    found = verify_chain(cores[1].store, cores[1].signing.public())
    assert (found.events, found.faults) == (36, ())
    for core in cores:
        core.close()


def test_one_judgement_at_a_time(settings: Settings, frames: dict[str, list[bytes]]) -> None:
    core = Core(settings)
    session = core.sessions.open(REQUEST, None)
    core.sessions.accept(session["id"], "face_rgb", 0, frames["bona_fide"][0])

    def begin(_: int) -> bool:
        try:
            core.judgements.begin(session["id"])
        except Problem as problem:
            return problem.code != "state_conflict"
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(4))) == 1
    core.close()


def test_database_gone_and_back(server: tuple[str, Server], tmp_path: Path) -> None:
    url, cluster = server
    _empty(url)
    core = Core(Settings(state=tmp_path / "state", database=url))
    session = core.sessions.open(REQUEST, None)
    cluster.stop()
    with pytest.raises(Problem) as refused:
        core.sessions.view(session["id"])
    assert (refused.value.code, refused.value.status) == ("store_unavailable", 503)
    assert refused.value.retry_after_s
    cluster.start()
    assert core.sessions.view(session["id"])["state"] == "created"
    core.close()


def test_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    core = Core(Settings(state=tmp_path / "state", page_photo=True))
    session = core.sessions.open(REQUEST, None)
    core.sessions.accept(session["id"], "face_rgb", 0, b"a" * 1000)
    with core.store.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
    from sqlalchemy import event

    core.store.engine.dispose()
    event.listen(  # a disk of this size: the answer is SQLite's own SQLITE_FULL
        core.store.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={pages + 2}")
    )
    with pytest.raises(Problem) as refused:
        core.sessions.accept(session["id"], "face_rgb", 1, b"b" * 200_000)
    assert refused.value.code == "store_unavailable"
    assert core.sessions.view(session["id"])["captures"] == 1
    assert verify_chain(core.store, core.signing.public()).faults == ()
    core.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://x/y", "sqlite or postgresql"),
        ("nonsense", "SQLAlchemy URL"),
        ("sqlite://", "has to be a file"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot use the database"),
        ("sqlite:////proc/none/service.db", "cannot"),
    ],
)
def test_databases_that_cannot_be_used(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_store(url)


def test_a_store_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'service.db'}"
    store = open_store(url)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(InputError, match=r"service\.db' was brought up to date by a newer version"):
        open_store(url)


def test_an_update_that_adds_a_field_keeps_idempotency_keys(settings: Settings) -> None:
    @dataclass(frozen=True, slots=True)
    class Newer(SessionRequest):
        added: str = "as before"

    core = Core(settings)
    key = core.keys.add("test").partition("_")[0]
    first = core.sessions.open(REQUEST, key, "order")
    newer = Newer(*astuple(REQUEST))
    assert core.sessions.open(newer, key, "order")["id"] == first["id"]
    with pytest.raises(Problem, match="another body"):
        core.sessions.open(replace(newer, added="otherwise"), key, "order")
    core.close()


def test_messages_are_taken_once_by_two_processes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six sessions expire; two processes tell of them at the same time, and nothing is told twice."""
    changes = {"webhook_hosts": ("hooks.example.com",), "tenants": {"bank": {}}}
    cores = [Core(Settings(**{**settings.model_dump(), **changes})) for _ in range(2)]
    hook = cores[0].webhooks.register("bank", "https://hooks.example.com/")
    for tenant in ("bank",) * 6 + ("default",):
        cores[0].sessions.open(REQUEST, None, tenant=tenant)
    now = cores[0].clock.now()
    for core in cores:
        monkeypatch.setattr(core.clock, "now", lambda: now + 301)
    assert cores[0].sweeper.sweep() == 7
    assert cores[1].webhooks.all("bank")[0]["waiting"] == 6
    with ThreadPoolExecutor(4) as pool:
        taken = [
            each for found in pool.map(lambda n: cores[n % 2].webhooks.due(), range(4)) for each in found
        ]
    assert len({each.id for each in taken}) == len(taken) == 6
    cores[1].webhooks.settle(taken[0], 204, "")
    assert cores[0].webhooks.all("bank")[0]["waiting"] == 5
    cores[1].webhooks.remove("bank", hook["id"])
    assert cores[0].webhooks.all("bank") == []
    assert verify_chain(cores[0].store, cores[0].signing.public()).faults == ()
    for core in cores:
        core.close()
