"""Tenants share a service, and none can see that there are others."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from antispoof.service.audit import verify_chain
from antispoof.service.core import Core
from antispoof.service.settings import Settings, read_settings
from antispoof.service.tenants import DEFAULT

Frames = dict[str, list[bytes]]
TENANTS = {
    "bank": {
        "attempts": 1,
        "max_retention_s": 60,
        "policies": ["strict"],
        "default_policy": "strict",
        "sites": ["lobby", "gate"],
        "device_failures_per_hour": 1,
    },
    "shop": {"webhook_hosts": ["localhost"]},
}
HOOK = "https://localhost:1/hook"  # which is an inside address, and never called


class Caller:
    """A backend of one tenant, that writes down what it is told, without what is drawn by chance."""

    def __init__(self, service: Any, tenant: str) -> None:
        self.client, self.core = service.client, service.core
        self.headers = {"Authorization": f"Bearer {service.core.keys.add('k', tenant=tenant)}"}
        self.sessions: list[dict[str, Any]] = []
        self.told: list[Any] = []

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self.client.request(method, path, headers=self.headers, **more)
        self.told.append((answer.status_code, re.sub(DRAWN, "…", answer.text)))
        return answer

    def do(self, action: str, number: int, frames: Frames) -> None:
        """One step of a story; sessions are counted round."""
        if action == "open":
            body = {"device_id": f"d{number}", "subject": "anna", "site": "lobby"}
            answer = self.ask("POST", "/v1/sessions", json=body)
            if answer.status_code == 201:
                self.sessions.append(answer.json())
        elif action in ("models", "webhooks"):
            self.ask("GET", f"/v1/{action}")
        elif action == "hook":
            self.ask("POST", "/v1/webhooks", json={"url": HOOK})
        elif self.sessions:
            session = self.sessions[number % len(self.sessions)]
            if action == "capture":
                self.capture(session, number % 2, frames[("attack", "bona_fide")[number % 2]][number])
            elif action == "erase":
                self.ask("DELETE", f"/v1/sessions/{session['id']}")
            elif action == "complete":
                self.ask("POST", f"/v1/sessions/{session['id']}/complete")
            else:
                self.ask("GET", f"/v1/sessions/{session['id']}{action}")

    def capture(self, session: Any, seq: int, content: bytes) -> None:
        import hashlib

        answer = self.client.post(
            f"/v1/sessions/{session['id']}/captures",
            headers={"Authorization": f"Bearer {session['client_token']}"},
            data={"modality": "face_rgb", "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()},
            files={"file": ("x", content)},
        )
        self.told.append((answer.status_code, re.sub(DRAWN, "…", answer.text)))


DRAWN = re.compile(
    r'ses_[\w-]+|whk_[\w-]+|whsec_[^"]+|key_[\w-]+|a[st][tk]_[\w.-]+|"(nonce|jws|hash|previous|request_id)":"[^"]*"|"[\d-]{10}T[\d:.]+Z"'
)
ACTIONS = [
    "open",
    "open",
    "capture",
    "capture",
    "complete",
    "",
    "/result",
    "/audit",
    "erase",
    "models",
    "hook",
    "webhooks",
]
BEGINNING = [("hook", 0), ("open", 0), ("capture", 1)]
END = [("complete", 0), ("/result", 0), ("/audit", 0), ("webhooks", 0)]
steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 3)), max_size=12)
OLD_HASH = "09464a6432195952f813c16f85236c8f64af4577beada6aa4c12abc694f0152d"  # as version 0.1 wrote it
runs = itertools.count()


@settings(
    max_examples=6,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(mine=steps, others=steps, turns=st.lists(st.booleans(), max_size=24))
def test_what_one_tenant_is_told_does_not_depend_on_another(
    serve: Any, tmp_path: Path, frames: Frames, mine: Any, others: Any, turns: list[bool]
) -> None:
    """The same steps, alone and among those of another tenant, with the same people and the same pictures."""

    def story(among_others: bool) -> list[Any]:
        service = serve(
            state=tmp_path / f"state{next(runs)}", tenants=TENANTS, webhook_hosts=("localhost", "elsewhere")
        )
        one, other = Caller(service, "bank"), Caller(service, "shop")
        waiting = {
            True: [*BEGINNING, *mine, *END],
            False: [*BEGINNING, *others, *END] if among_others else [],
        }
        for turn in (False, False, False, *turns, *[True, False] * 20):
            if waiting[turn]:
                (one if turn else other).do(*waiting[turn].pop(0), frames)
            if not turn and among_others:  # whatever the other tries with what is not its own, there is none
                for session in one.sessions[-1:]:
                    for method, what in (("GET", ""), ("GET", "/result"), ("GET", "/audit"), ("DELETE", "")):
                        answer = other.ask(method, f"/v1/sessions/{session['id']}{what}")
                        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert verify_chain(service.core.store, service.core.signing.public()).faults == ()
        return one.told

    assert story(among_others=True) == story(among_others=False)


def test_a_tenant_has_its_own_rules(serve: Any, frames: Frames) -> None:
    rules = {**TENANTS["bank"], "requests_per_minute": 13, "webhook_hosts": []}
    service = serve(tenants={"bank": rules}, webhook_hosts=("localhost",))
    bank = Caller(service, "bank")

    def refused(**body: Any) -> str:
        answer = bank.ask("POST", "/v1/sessions", json={"site": "gate", **body})
        assert answer.status_code == 400, answer.text
        return str(answer.json()["detail"])

    assert refused(site="attic") == "site: there are lobby, gate"
    assert refused(retention_s=61, consent_basis="form") == "retention_s: may be 60 at most"
    hooks = bank.ask("POST", "/v1/webhooks", json={"url": HOOK})
    assert (hooks.status_code, "webhook_hosts" in hooks.text) == (400, True)
    assert refused(policy="balanced") == "policy: there are strict"
    session = bank.ask("POST", "/v1/sessions", json={"device_id": "d"}).json()  # of no site
    assert (session["policy"], session["attempts_left"]) == ("strict", 1)
    assert bank.ask("GET", "/v1/models").json()["policies"] == ["strict"]
    bank.capture(session, 0, frames["attack"][0])
    assert bank.ask("POST", f"/v1/sessions/{session['id']}/complete").json()["state"] == "failed"
    again = bank.ask("POST", "/v1/sessions", json={"site": "gate", "device_id": "d"})
    assert again.json()["code"] == "attempts_exhausted"
    codes = [bank.ask("GET", f"/v1/sessions/{session['id']}").status_code for _ in range(8)]
    assert codes == [200] * 5 + [429] * 3, "counted for the tenant, over all its keys"
    other_key = Caller(service, "bank")
    assert other_key.ask("GET", "/v1/models").status_code == 429
    assert service.open(site="attic")["policy"] is None, "others are as they were"


def test_erasing_a_person_with_one_tenant(serve: Any) -> None:
    service = serve(tenants=TENANTS)
    callers = [Caller(service, tenant) for tenant in ("bank", "shop")]
    for each in callers:
        each.do("open", 0, {})
    assert len(service.core.sessions.revoke_subject("anna", "shop")) == 1
    states = [each.ask("GET", f"/v1/sessions/{each.sessions[0]['id']}").json()["state"] for each in callers]
    assert states == ["created", "revoked"]
    assert len(service.core.sessions.revoke_subject("anna")) == 1, "of all tenants, what is left"


@pytest.mark.parametrize("name", ["Bank & Söhne", "../x", "a b", "", "1st", "-", "A", "x" * 41, "bank\n"])
def test_odd_names_are_refused_in_words(run: Any, tmp_path: Path, name: str) -> None:
    config = tmp_path / "service.yaml"
    config.write_text(json.dumps({"tenants": {name: {}}}))
    code, _, err = run("serve", "--config", config, "--state", tmp_path / "state")
    assert code == 3
    assert "a tenant's name has 1 to 40 of a-z, 0-9 and -" in " ".join(err.split())


def test_keys_of_tenants_on_the_command_line(run: Any, tmp_path: Path) -> None:
    config = tmp_path / "service.yaml"
    config.write_text(f"state: {tmp_path / 'state'}\ntenants: {{bank: {{}}}}\n")
    Core(read_settings(config)).close()
    code, _, err = run("keys", "add", "x", "--tenant", "Bank", "--config", config)
    assert (code, "tenant: the settings have default, bank; got 'Bank'" in err) == (3, True)
    assert run("keys", "add", "x", "--tenant", "bank", "--config", config)[0] == 0
    assert "bank" in run("keys", "list", "--config", config)[1]
    config.write_text(f"state: {tmp_path / 'state'}\n")
    core = Core(read_settings(config))
    assert [each.tenant for each in core.keys.all()] == ["bank"], "it stays, unused"
    core.close()


def test_a_store_from_before_there_were_tenants(tmp_path: Path) -> None:
    """Events keep their hashes, and go on."""
    from alembic import command
    from alembic.config import Config

    url = f"sqlite:///{tmp_path / 'service.db'}"
    config, engine = Config(), create_engine(url)
    config.set_main_option("script_location", "antispoof.service.store:migrations")
    event = "(1, '2026-01-05T10:00:00.000Z', NULL, 'key_added', '{}', :previous, :hash)"
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(text("INSERT INTO api_key VALUES ('key_x', 'old', 'd', '[]', 0, NULL)"))
        connection.execute(
            text(f"INSERT INTO audit_event VALUES {event}"), {"previous": "0" * 64, "hash": OLD_HASH}
        )
    engine.dispose()
    core = Core(Settings(state=tmp_path, database=url))
    assert [(key.name, key.tenant) for key in core.keys.all()] == [("old", DEFAULT)]
    core.keys.add("new")
    found = verify_chain(core.store, core.signing.public())
    assert (found.events, found.faults) == (2, ())
    core.close()
