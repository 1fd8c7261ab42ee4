"""The TypeScript client against the real service: the guide's own lines, and what it must refuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
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
        [str(NODE), str(program)], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
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
import { createServer } from "node:http";
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
  ? Response.json({ jws: forged }, { headers: { "Antispoof-API": "1.2" } }) : own(place, asked);
await said(() => service.result(session));
const headers = { "Antispoof-API": "1.2" };
const answers = (body) => { globalThis.fetch = async () => new Response(body, { headers }); };
for (const body of ["{}", "null", '{"jws": null}', '{"jws": ["x"]}']) {
  answers(body);
  await said(() => service.result(session));
}
answers("<html>");
await said(() => service.openSession());
for (const address of ["nope", "localhost:80", ""]) await said(() => new Client(address, key));
const old = { info: { title: "antispoof", version: "0.1.0" } };
for (const [version, body] of [["2.0", {}], ["1.0", {}], ["", old], ["", {}]]) {
  const headers = version ? { "Antispoof-API": version } : {};
  globalThis.fetch = async () => Response.json(body, { headers });
  await said(() => service.openSession());
}
globalThis.fetch = own;
await said(() => new Client(url, "ask_ü"));
await said(() => service.checkFiles([], { atOnce: 0 }).next());
for (const samples of [{ face_rgb: null }, { face_rgb: ["a.jpg"] }, {}, null])
  await said(() => service.check(samples));
for (const none of [null, {}]) await said(() => service.session(none));
await said(() => new Client(url, key, "many"));
const silent = createServer(() => {}).listen(0, "127.0.0.1");
await new Promise((done) => silent.once("listening", done));
await said(() => new Client(`http://127.0.0.1:${silent.address().port}`, key, 1, 0.1).models());
silent.closeAllConnections();
globalThis.fetch = async (place) => { throw new Error(place); };
await said(() => new Client("https://x.example/under/", key, 0).models());
silent.close();
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
    versions = (("2.0", "client"), ("1.0", "service"), ("1.0 (antispoof 0.1.0)", "service"))
    for line, (version, older) in zip(said[13:16], versions, strict=True):
        told = f"this client speaks version 1.2 of the interface, the service {version}: update the {older}"
        assert line == f"incompatible {told}"
    assert said[16] == "unreachable what answers there is no antispoof service"
    assert said[17].startswith("refused key: an API key has to be given")
    assert said[18] == "refused atOnce: has to be 1 or more; got 0"
    assert [each.split(":")[0] for each in said[19:23]] == ["refused face_rgb"] * 2 + ["refused samples"] * 2
    assert [each.split(":")[0] for each in said[23:25]] == ["refused session"] * 2
    assert said[25] == "refused retries: has to be a whole number, 0 or more; got many"
    assert said[26].startswith("unreachable GET /v1/models: TimeoutError")
    assert said[26].endswith("tried 2 times")
    assert "https://x.example/under/v1/models;" in said[27]


WHOLE = """
import { readFile } from "node:fs/promises";
import { Client } from "antispoof-web/service";
const service = new Client(process.env.ANTISPOOF_URL, process.env.ANTISPOOF_KEY);
const load = async (n) => new Uint8Array(await readFile(`${n}.jpg`));
const [enrolled, ...frames] = await Promise.all([0, 1, 2, 3].map(load));
const said = [];
const session = await service.openSession();
said.push((await service.refer(session, enrolled)).references);
const own = globalThis.fetch;
const lose = () => {
  globalThis.fetch = async (...asked) => {
    globalThis.fetch = own;
    await own(...asked);
    throw new Error("reset");
  };
};
for (const [seq, frame] of frames.entries()) { lose(); await service.capture(session, frame, seq); }
lose();
said.push((await service.complete(session)).state, (await service.session(session)).captures);
said.push((await service.result(session)).verdict.references.length);
said.push((await service.audit(session)).events.at(-1).event);
await service.erase(session);
said.push((await service.session(session)).state);
const repeated = await service.openSession();
for (const seq of [0, 1]) await service.capture(repeated, enrolled, seq);
lose();
const again = await service.complete(repeated);
said.push(again.state, again.attempts_left);
said.push((await service.models()).models[0].name, (await service.check({ face_rgb: frames })).outcome);
const batch = [];
for await (const one of service.checkFiles([frames[0], new Uint8Array([1, 2]), frames[1]], { atOnce: 2 })) {
  batch.push(one.verdict?.outcome ?? one.problem.problem.code);
}
said.push(batch);
const hook = await service.addWebhook("https://hooks.example.com/node");
said.push((await service.webhooks()).map((one) => one.id === hook.id), hook.secret.slice(0, 6));
lose();
await service.removeWebhook(hook);
said.push((await service.webhooks()).length);
said.push(await service.removeWebhook({ id: "../keys" }).catch((error) => error.message));
console.log(JSON.stringify(said));
"""


def test_every_call_against_the_real_service_some_of_them_lost(
    running: Running, frames: Frames, tmp_path: Path
) -> None:
    for number, frame in enumerate(fresh(frames["bona_fide"][:4])):
        (tmp_path / f"{number}.jpg").write_bytes(frame)
    said = json.loads(ran(WHOLE, tmp_path, running.url, running.key))
    assert said[:6] == [1, "succeeded", 3, 1, "judged", "revoked"]
    assert said[6:8] == ["capturing", 1], "the same picture twice: a non-response, and another attempt"
    assert said[8:10] == ["miniature", "bona_fide"]
    assert said[10] == ["bona_fide", "unsupported_media", "bona_fide"]
    assert said[11:14] == [[True], "whsec_", 0]
    assert said[14] == '"../keys" is no identifier of a webhook'


HOOKS = """
import { verifyWebhook } from "antispoof-web/service";
const { messages, secret } = JSON.parse(process.env.ANTISPOOF_KEY);
for (const { body, headers } of messages) {
  console.log(await verifyWebhook(body, headers, secret).then((it) => it.type, (error) => error.message));
}
console.log(await verifyWebhook("{}", new Headers(messages[0].headers), "").catch((error) => error.message));
"""


def test_webhooks_are_checked_as_in_python(tmp_path: Path) -> None:
    from antispoof.contract.webhooks import signed_headers

    secret, now, body = "whsec_" + "A" * 40, time.time(), '{"type": "session.finished", "data": {}}'
    good = signed_headers("msg_1", now, body.encode(), secret)
    stale = signed_headers("msg_1", now - 400, body.encode(), secret)
    signature = good["webhook-signature"]
    several = {**good, "webhook-signature": f"v1a,x v1,@ {signature}"}
    messages = [(body, good), (body, several), (body + " ", good), (body, stale), (body, {})]
    shown = [{"body": each, "headers": headers} for each, headers in messages]
    said = ran(HOOKS, tmp_path, "", json.dumps({"messages": shown, "secret": secret})).splitlines()
    assert said[:3] == ["session.finished", "session.finished", "the webhook is not signed with this secret"]
    assert "s old; 300 are accepted" in said[3]
    assert said[4].startswith("no webhook: ")
    assert said[5].startswith("secret: has to be like whsec_")


def test_its_types_are_those_of_the_contract() -> None:
    from build_client_types import types

    source = ROOT / "web" / "package" / "src" / "documents.ts"
    advice = f"the contract changed: run python tools/build_client_types.py {source.relative_to(ROOT)}"
    assert source.read_text() == types(), advice
