"""A session knows earlier captures of its person; a site's scores are counted, and a move is proposed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

import antispoof
from antispoof.runtime.bundle import read_bundle
from antispoof.scores.reference import ReferenceRule
from antispoof.scores.traffic import TrafficRule
from antispoof.service.store.tables import ReferenceCapture, ScoreCount
from antispoof.service.traffic import WIDTH, count_scores, read_traffic

Frames = dict[str, list[bytes]]
# By score and by how red the face is: features of the miniature network are its mean colour.
RULE = ReferenceRule(follow=0.5, per_distance=2, offset=2, directions=[[20.0], [0.0], [-20.0]], lowest=0.75)
TRAFFIC = TrafficRule(follow=0.8, margin=2.0)


@pytest.fixture
def fitted(serve: Any, make_bundle: Any) -> Any:
    path = make_bundle("fitted.onnx", reference=RULE.model_dump(), traffic=TRAFFIC.model_dump())
    return serve(bundles=(str(path),))


def refer(service: Any, session: Any, seq: int, content: bytes, **headers: str) -> Any:
    return service.client.post(
        f"/v1/sessions/{session['id']}/references",
        headers=headers or service.backend,
        data={"modality": "face_rgb", "seq": str(seq), "sha256": hashlib.sha256(content).hexdigest()},
        files={"file": ("enrolment.jpg", content)},
    )


def test_a_session_with_references(fitted: Any, frames: Frames) -> None:
    """The threshold of the result is that of the library; references lie sealed and go with the verdict."""
    person, known = frames["bona_fide"][0], frames["bona_fide"][1:3]
    known[0] += bytes(200_000)  # a photo is larger than other bodies may be
    session = fitted.open()
    for seq, content in enumerate(known):
        answer = refer(fitted, session, seq, content)
        assert (answer.status_code, answer.json()["counts"]) == (201, True), answer.text
    assert refer(fitted, session, 0, known[0]).status_code == 200, "the same again"
    assert refer(fitted, session, 0, known[1]).json()["code"] == "duplicate_seq"
    with fitted.core.store.read() as transaction:
        sealed = list(transaction.scalars(select(ReferenceCapture.sealed)))
    assert len(sealed) == 2
    assert known[0][200:260] not in b"".join(sealed)
    fitted.capture(session, 0, person)
    fitted.complete(session)
    verdict = fitted.get(session, "/result").json()["verdict"]
    detector = antispoof.load(fitted.core.settings.bundles[0])
    expected = detector.check(face_rgb=person, reference=known)
    assert verdict["operating_point"]["threshold"] == pytest.approx(expected.operating_point.threshold)
    assert verdict["references"][0]["used"] == 2
    with fitted.core.store.read() as transaction:
        assert transaction.scalars(select(ReferenceCapture)).first() is None


def test_who_may_refer_and_what_is_no_reference(fitted: Any, frames: Frames, encode: Any, blank: Any) -> None:
    session = fitted.open()
    token = {"Authorization": f"Bearer {session['client_token']}"}
    assert refer(fitted, session, 0, frames["bona_fide"][0], **token).status_code in (401, 403)
    assert refer(fitted, session, 0, encode(blank, "JPEG")).json()["code"] == "no_face"
    spoofed = refer(fitted, session, 0, frames["attack"][0])
    assert (spoofed.status_code, spoofed.json()["counts"]) == (201, False)
    fitted.capture(session, 0, frames["attack"][1])
    fitted.complete(session)
    result = fitted.get(session, "/result").json()
    assert result["outcome"] == "attack"
    assert result["verdict"]["references"][0]["left_out"] == [1]


def test_scores_are_counted_and_a_move_is_proposed(
    fitted: Any, frames: Frames, run: Any, tmp_path: Any
) -> None:
    session = fitted.open(site="lobby")
    fitted.capture(session, 0, frames["bona_fide"][0])
    fitted.complete(session)
    score = fitted.get(session, "/result").json()["verdict"]["score"]
    store, now = fitted.core.store, fitted.core.clock.now()
    with store.read() as transaction:
        row = transaction.scalars(select(ScoreCount)).one()
    assert (row.site, row.count) == ("lobby", 1)
    assert row.bin * WIDTH <= score < (row.bin + 1) * WIDTH
    assert "session" not in ScoreCount.__table__.columns, "nothing tells whose it was"
    metadata = read_bundle(fitted.core.settings.bundles[0]).metadata
    scores = np.random.default_rng(0).normal(4, 1, 300)
    with store.write() as transaction:
        for one in scores.tolist():
            said = {
                "evidence": [{"modality": "face_rgb", "score": one}],
                "opinions": [{"bundle": metadata.name, "modalities": ["face_rgb"]}],
                "bundles": [{"name": metadata.name, "sha256": metadata.sha256}],
            }
            count_scores(store, transaction, now, "lobby", said)
    (traffic,) = read_traffic(store, now)
    assert traffic.scores.size == 301
    assert read_traffic(store, now + 30 * 86_400) == [], "forgotten"
    drift = fitted.client.get("/metrics").text
    assert 'antispoof_site_scores{bundle="miniature",site="lobby",tenant="default"} 301.0' in drift
    line = next(line for line in drift.splitlines() if line.startswith("antispoof_site_drift{"))
    assert float(line.split()[-1]) == pytest.approx(TRAFFIC.shift(scores, 0.5), abs=0.1)
    config, out = tmp_path / "service.yaml", tmp_path / "lobby.json"
    config.write_text(f"bundles: ['{fitted.core.settings.bundles[0]}']\n")
    where = ("--config", config, "--state", fitted.core.settings.state)
    code, listed, err = run("sites", *where)
    assert (code, "lobby" in listed and "301" in listed) == (0, True), err
    code, said, err = run("sites", "--propose", "lobby", "-o", out, *where)
    assert code == 0, err
    assert antispoof.read_site(out).unlabelled == 301
    assert fitted.core.checks.detector().site is None, "proposed, not made"
    assert run("sites", "--propose", "attic", "-o", out, *where)[0] == 3
    code, _, err = run("sites", "--state", fitted.core.settings.state)
    assert (code, "there are scores by miniature (" in err) == (0, True), (
        "by another model than those that ship"
    )
