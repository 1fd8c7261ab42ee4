"""The TypeScript client against the real service: the guide's own lines, and what it must refuse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_client import Frames, Running, fresh, running

__all__ = ["running"]

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "web" / "package" / "dist" / "service.js"
NODE = shutil.which("node")
if NODE is None:
    pytest.skip("no Node is installed", allow_module_level=True)
if not BUILT.is_file():
    pytest.skip("web/package is not built: make test-web", allow_module_level=True)


def ran(script: str, folder: Path, url: str, key: str) -> str:
    program = folder / "script.mjs"
    program.write_text(script.replace("antispoof-web/service", BUILT.as_uri()))
    environment = {**os.environ, "ANTISPOOF_URL": url, "ANTISPOOF_KEY": key}
    done = subprocess.run(
        [str(NODE), str(program)], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_lines_of_the_guide_give_a_verified_result(
    running: Running, frames: Frames, tmp_path: Path
) -> None:
    guide = (ROOT / "docs" / "guides" / "service.md").read_text()
    (script,) = re.findall(r"```js\n(import .*?antispoof-web/service.*?)```", guide, re.DOTALL)
    assert len(script.splitlines()) <= 15
    for kind in ("bona_fide", "attack"):
        for number, frame in enumerate(fresh(frames[kind][:3])):
            (tmp_path / f"frame{number}.jpg").write_bytes(frame)
        assert ran(script, tmp_path, running.url, running.key).startswith(kind)


REFUSALS = """
import { Client } from "antispoof-web/service";
const { ANTISPOOF_URL: url, ANTISPOOF_KEY: key } = process.env;
const said = async (work) => { try { await work(); console.log("nothing"); }
  catch (error) { console.log(error.code, error.problem?.code ?? error.message); } };
const service = new Client(url, key);
const session = await service.openSession({ ttl_s: 60 }, "once-and-only-once");
const again = await service.openSession({ ttl_s: 60 }, "once-and-only-once");
console.log(session.id === again.id);
await said(() => service.result(session, 0));
await said(() => new Client(url, "ask_wrong").openSession());
await said(() => new Client("http://127.0.0.1:9", key, 1).openSession());
const own = globalThis.fetch;
const b64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = { jti: session.id, nonce: session.nonce, outcome: "bona_fide" };
const forged = `${b64({ alg: "none" })}.${b64(claims)}.`;
globalThis.fetch = async (place, asked) => String(place).endsWith("/result")
  ? Response.json({ jws: forged }, { headers: { "Antispoof-API": "1.1" } }) : own(place, asked);
await said(() => service.result(session));
const headers = { "Antispoof-API": "1.1" };
const answers = (body) => { globalThis.fetch = async () => new Response(body, { headers }); };
for (const body of ["{}", "null", '{"jws": null}', '{"jws": ["x"]}']) {
  answers(body);
  await said(() => service.result(session));
}
answers("<html>");
await said(() => service.openSession());
for (const address of ["nope", "localhost:80", ""]) await said(() => new Client(address, key));
globalThis.fetch = async () => Response.json({}, { headers: { "Antispoof-API": "2.0" } });
await said(() => service.openSession());
"""


def test_what_is_refused_lost_forged_or_too_new_says_so(running: Running, tmp_path: Path) -> None:
    said = ran(REFUSALS, tmp_path, running.url, running.key).splitlines()
    assert said[0] == "true"
    assert said[1] == "refused state_conflict"
    assert said[2].startswith("refused ")
    assert said[3].startswith("unreachable POST /v1/sessions: ")
    assert said[3].endswith("tried 2 times")
    assert said[4] == "unverified the signature is not one of the service's keys"
    assert said[5:9] == ["unverified a result came without a signature"] * 4
    assert said[9] == "unreachable 200: what answers there sends no JSON"
    assert said[10] == 'unreachable address: has to be like https://id.example.com; got "nope"'
    assert [each.split(":")[0] for each in said[11:13]] == ["unreachable address"] * 2
    assert said[13].startswith(
        "incompatible this client speaks version 1.1 of the interface, the service 2.0"
    )


def test_it_speaks_the_version_that_the_service_has() -> None:
    from antispoof.contract import API_VERSION

    source = (ROOT / "web" / "package" / "src" / "service.ts").read_text()
    assert f'API_VERSION = "{API_VERSION}"' in source
