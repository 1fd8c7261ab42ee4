"""Signed results, the audit log, and what the command line says of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from antispoof.contract.signatures import verify
from antispoof.errors import InputError
from antispoof.service.audit import verify_chain
from antispoof.service.signing import SigningKeys


@pytest.fixture
def finished(service: Any, frames: dict[str, list[bytes]]) -> Any:
    """A service with two finished sessions, and the result of the first."""
    service.results = []
    for kind in ("attack", "bona_fide"):
        session = service.open()
        service.capture(session, 0, frames[kind][0])
        service.complete(session)
        service.results.append(service.get(session, "/result").json())
    return service


@pytest.fixture
def files(finished: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Result and key set, as curl would have saved them."""
    keys = finished.client.get("/.well-known/jwks.json").json()
    assert "d" not in keys["keys"][0], "the private part stays inside"
    (tmp_path / "jwks.json").write_text(json.dumps(keys))
    (tmp_path / "result.json").write_text(json.dumps(finished.results[0]))
    return tmp_path / "result.json", tmp_path / "jwks.json"


def test_result_is_verified_offline(run: Any, finished: Any, files: tuple[Path, Path]) -> None:
    result, keys = files
    nonce = finished.results[0]["nonce"]
    code, out, _ = run("verify-result", result, "--keys", keys, "--nonce", nonce)
    assert code == 0
    assert out.startswith("signed: attack")
    code, out, _ = run("verify-result", result, "--keys", keys, "--json")
    claims = json.loads(out)
    unsigned = {name: value for name, value in finished.results[0].items() if name != "jws"}
    assert {name: claims[name] for name in unsigned} == unsigned
    assert run("verify-result", result, "--keys", keys, "--nonce", "another")[0] == 1


def test_tampered_result_is_found(run: Any, finished: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    header, payload, signature = finished.results[0]["jws"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["outcome"] = "bona_fide"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    mac = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=").decode()
    for token in (
        f"{header}.{forged}.{signature}",
        f"{none}.{forged}.",
        f"{mac}.{forged}.{signature}",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        "",
        "a.b.c",
    ):
        (tmp_path / "forged").write_text(token)
        code, out, err = run("verify-result", tmp_path / "forged", "--keys", files[1])
        assert (code, out) == (1, "")
        assert "INVALID" in err
    other = tmp_path / "other"
    (tmp_path / "other.json").write_text(json.dumps(SigningKeys(other).public()))
    assert run("verify-result", files[0], "--keys", tmp_path / "other.json")[0] == 1


@pytest.mark.parametrize("content", ["", "[]", '{"keys": 3}', "\x00"])
def test_what_is_no_key_set_is_told(run: Any, files: tuple[Path, Path], tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    assert run("verify-result", files[0], "--keys", tmp_path / "bad.json")[0] == 3
    assert run("verify-result", tmp_path / "absent", "--keys", files[1])[0] == 3


def test_keys_rotate_and_old_results_stay_valid(run: Any, finished: Any) -> None:
    before = finished.client.get("/.well-known/jwks.json").json()["keys"]
    code, out, _ = run("keys", "rotate", "--state", finished.core.settings.state)
    assert code == 0
    after = finished.client.get("/.well-known/jwks.json").json()
    assert after["keys"][1:] == before
    assert out.strip().endswith(after["keys"][0]["kid"])
    assert verify(finished.results[0]["jws"], after)["outcome"] == "attack"
    new = verify(finished.core.signing.sign({"a": 1}), after)
    assert new == {"a": 1}
    with pytest.raises(InputError):
        verify(finished.core.signing.sign({"a": 1}), {"keys": before})


def test_audit_log_is_intact(run: Any, finished: Any, files: tuple[Path, Path]) -> None:
    code, out, _ = run("audit", "verify", files[0], "--state", finished.core.settings.state)
    assert code == 0
    assert "9 events, 3 signed results: intact" in out


@pytest.mark.parametrize(
    ("statement", "places"),
    [
        ("UPDATE audit_event SET details = '{}' WHERE seq = 4", [4]),
        ("UPDATE audit_event SET details = 'x' WHERE seq = 4", [4]),
        ("UPDATE audit_event SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 2", [2]),
        ("UPDATE audit_event SET session_id = NULL WHERE seq = 3", [3]),
        ("DELETE FROM audit_event WHERE seq = 4", [4]),
        ("DELETE FROM audit_event WHERE seq IN (1, 2)", [1]),
        ("DELETE FROM audit_event WHERE seq >= 8", [9]),
        (
            "INSERT INTO audit_event SELECT tenant, 10, at, session_id, event, details, previous, hash "
            "FROM audit_event WHERE seq = 3",
            [10, 10],
        ),
        ("UPDATE result SET jws = 'forged'", [0, 0]),
    ],
)
def test_tampering_is_found_and_located(finished: Any, statement: str, places: list[int]) -> None:
    with finished.core.store.write() as transaction:
        transaction.execute(text(statement))
    found = verify_chain(finished.core.store, finished.core.signing.public())
    assert [fault.seq for fault in found.faults] == places


def test_a_log_written_anew_is_betrayed_by_the_signed_results(finished: Any) -> None:
    """Somebody who can write the whole database, but not sign, changes an event and all hashes after it."""
    from sqlalchemy import select

    from antispoof.service import audit
    from antispoof.service.store.tables import AuditEvent

    with finished.core.store.write() as transaction:
        rows = list(transaction.scalars(select(AuditEvent).order_by(AuditEvent.seq)))
        rows[1].details = "{}"
        previous = rows[0].hash
        for row in rows[1:]:
            row.previous = previous
            previous = row.hash = audit._hash(row)
    found = verify_chain(finished.core.store, finished.core.signing.public())
    assert [fault.seq for fault in found.faults] == [5, 9]
    assert "signed" in found.faults[0].message


def test_a_log_cut_short_is_found_by_a_result_kept_elsewhere(finished: Any) -> None:
    with finished.core.store.write() as transaction:
        transaction.execute(text("DELETE FROM audit_event WHERE seq >= 6"))
        transaction.execute(text("DELETE FROM result"))
    core = finished.core
    assert verify_chain(core.store, core.signing.public()).faults == (), "nothing is left to tell"
    known = (finished.results[1]["jws"],)
    assert [f.seq for f in verify_chain(core.store, core.signing.public(), known).faults] == [9]


def test_keys_from_the_command_line(run: Any, service: Any) -> None:
    state = service.core.settings.state
    code, out, _ = run("keys", "add", "reader", "--scope", "audit", "--state", state)
    assert code == 0
    headers = {"Authorization": f"Bearer {out.strip()}"}
    session = service.open()
    place = f"/v1/sessions/{session['id']}"
    assert service.client.get(f"{place}/audit", headers=headers).status_code == 200
    refused = service.client.get(place, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope")
    _, out, _ = run("keys", "list", "--state", state)
    identifier = next(line.split()[0] for line in out.splitlines() if "reader" in line)
    assert run("keys", "revoke", identifier, "--state", state)[0] == 0
    service.core.keys._remembered.clear()  # what running services do after 5 s
    assert service.client.get(f"{place}/audit", headers=headers).status_code == 401
    assert run("keys", "revoke", "key_none", "--state", state)[0] == 3
    assert run("keys", "add", "x", "--scope", "all", "--state", state)[0] == 3
    assert run("keys", "list", "--state", state / "elsewhere")[0] == 3
