"""Spans arrive at a collector, by the real exporter, and hold nothing of people."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from antispoof.service.core import Core
from antispoof.service.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_spans_of_requests(serve: Any) -> None:
    got: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        service = serve(telemetry=f"http://127.0.0.1:{server.server_port}/")
        headers = {**service.backend, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        session = service.client.post("/v1/sessions", headers=headers, json={"subject": "anna"}).json()
        service.get(session)
        service.core.telemetry.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    spans = [
        span
        for body in got
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["POST /v1/sessions", "GET /v1/sessions/{session_id}"]
    assert spans[0].trace_id.hex() == TRACE
    facts = {fact.key: fact.value for fact in spans[0].attributes}
    assert facts["http.response.status_code"].int_value == 201
    sent = b"".join(got)
    for secret in (session["id"], session["client_token"], "anna", service.key):
        assert secret.encode() not in sent


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from antispoof.errors import MissingExtraError

    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingExtraError, match=r"telemetry needs the 'telemetry' extra: pip install"):
        Core(Settings(state=tmp_path, telemetry="http://collector:4318"))
