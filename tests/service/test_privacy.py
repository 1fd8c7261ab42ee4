"""What is kept, for how long, and what the logs say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from antispoof.service import logs
from antispoof.service.store.tables import Capture, Session

Frames = dict[str, list[bytes]]


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_media_lie_sealed_and_go_with_the_verdict(service: Any, frames: Frames) -> None:
    picture = frames["bona_fide"][0]
    state = service.core.settings.state
    session = service.open(device_id="phone-17", subject="person-23")
    service.capture(session, 0, picture)
    disk = everything_on_disk(state)
    assert picture[200:260] not in disk
    with service.core.store.read() as transaction:
        sealed = transaction.scalars(select(Capture.sealed)).one()
    assert sealed[40:100] in disk, "it is there, sealed"
    service.complete(session)
    with service.core.store.read() as transaction:
        transaction.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        assert transaction.scalars(select(Capture)).first() is None
        assert transaction.get(Session, session["id"]).media_key is None
    service.core.store.engine.dispose()
    disk = everything_on_disk(state)
    assert sealed[40:100] not in disk, "overwritten, not only forgotten"
    for word in (b"phone-17", b"person-23", session["client_token"].encode(), service.key.encode()):
        assert word not in disk


def test_media_kept_on_consent_are_erased_in_time(
    service: Any, run: Any, frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = service.open(retention_s=3600, consent_basis="explicit consent, form 3")
    service.capture(session, 0, frames["bona_fide"][0])
    service.complete(session)
    assert service.get(session).json()["media_until"]
    out = tmp_path / "media"
    code, _, _ = run("sessions", "media", session["id"], "--out", out, "--state", service.core.settings.state)
    assert code == 0
    assert (out / "face_rgb-0000").read_bytes() == frames["bona_fide"][0]
    now = service.core.clock.now()
    monkeypatch.setattr(service.core.clock, "now", lambda: now + 3601)
    assert service.core.sweeper.sweep() == 1
    assert service.get(session).json()["media_until"] is None
    assert service.get(session, "/result").status_code == 200, "the verdict stays"
    events = [event["event"] for event in service.get(session, "/audit").json()["events"]]
    assert events[-2:] == ["media_read", "media_erased"]
    assert (
        run("sessions", "media", session["id"], "--out", out, "--state", service.core.settings.state)[0] == 3
    )


def test_database_alone_does_not_open_media(service: Any, frames: Frames, tmp_path: Path) -> None:
    from antispoof.errors import InputError
    from antispoof.service.secret import Secret

    session = service.open()
    service.capture(session, 0, frames["bona_fide"][0])
    with service.core.store.read() as transaction:
        wrapped = transaction.get(Session, session["id"]).media_key
    with pytest.raises(InputError, match="another secret"):
        Secret(tmp_path / "other").media_key(wrapped, session["id"])
    with pytest.raises(InputError):
        service.core.secret.media_key(wrapped, "ses_other")


def test_a_person_is_erased_everywhere(service: Any, run: Any, frames: Frames, tmp_path: Path) -> None:
    sessions = [service.open(subject=name) for name in ("ada", "ada", "grace")]
    for index, session in enumerate(sessions):
        service.capture(session, 0, frames["bona_fide"][index])
        service.complete(session)
    manifest, state = tmp_path / "m.csv", service.core.settings.state
    place = tmp_path / "tree" / "bona_fide" / "ada"
    place.mkdir(parents=True)
    (place / "1.jpg").write_bytes(frames["bona_fide"][0])
    pattern = r"bona_fide/(?P<subject>\w+)/"
    code, _, err = run("data", "import", "folder", tmp_path / "tree", "--out", manifest, "--pattern", pattern)
    assert code == 0, err
    code, out, err = run("data", "erase", manifest, "--subject", "ada", "--yes", "--service", state)
    assert code == 0, err
    assert "2 sessions erased" in out
    assert [service.get(session).json()["state"] for session in sessions] == [
        "revoked",
        "revoked",
        "succeeded",
    ]
    code, out, _ = run("sessions", "erase", "--subject", "grace", "--yes", "--state", state)
    assert (code, out.strip()) == (0, "1 sessions erased")


def test_logs_of_a_full_run_hold_nothing_about_people(
    service: Any, frames: Frames, capsys: pytest.CaptureFixture[str], blank: Any, encode: Any
) -> None:
    session = service.open(device_id="phone-17", subject="person-23", retention_s=60, consent_basis="form 3")
    service.capture(session, 0, encode(blank, "JPEG"))
    service.capture(session, 0, b"GIF89a-secret-bytes")
    service.capture(session, 1, frames["bona_fide"][0])
    service.complete(session)
    result = service.get(session, "/result").json()
    service.get(session, "/audit")
    service.client.get("/metrics")
    service.client.delete(f"/v1/sessions/{session['id']}", headers=service.backend)
    service.client.post("/v1/sessions", json={"person-23": 1, "mode": "person-23"}, headers=service.backend)
    service.client.get("/person-23?x=person-23", headers={"User-Agent": "person-23"})
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert len(lines) >= 10
    assert all(set(line) <= logs.ALLOWED for line in lines)
    evidence = result["verdict"]["evidence"][0]
    forbidden = [
        "phone-17",
        "person-23",
        "form 3",
        "GIF89a",
        "testclient",
        session["client_token"],
        session["nonce"],
        service.key,
        result["jws"],
        result["captures"][0]["sha256"],
        str(evidence["score"]),
        *(str(value) for value in evidence["measurements"].values() if value % 1),
        "bona_fide",
    ]
    for word in forbidden:
        assert word not in out + err, word


def test_only_what_is_allowed_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.log.info("event", score=1.5, face=b"x", detail="d" * 1000, session=["list"])
    line = json.loads(capsys.readouterr().err)
    assert set(line) == {"event", "level", "timestamp", "detail"}
    assert len(line["detail"]) == logs.MAX_CHARACTERS
