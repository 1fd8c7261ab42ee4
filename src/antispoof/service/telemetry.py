"""Spans of requests for an OpenTelemetry collector, where a setting names one; needs the extra ``telemetry``.

A span holds the method, the route, the status and the request's identifier: no path, no session, nothing that
was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import antispoof
from antispoof.errors import MissingExtraError

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["Telemetry"]

TIMEOUT_S = 5.0


class Telemetry:
    """Sends spans, in batches, from a thread of its own; a collector that does not answer holds up nothing.

    Args:
        endpoint: of the collector, OTLP over HTTP, such as ``http://collector:4318``.

    Raises:
        MissingExtraError: the extra is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError:
            raise MissingExtraError("telemetry", "telemetry") from None
        about = {"service.name": "antispoof", "service.version": antispoof.__version__}
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("antispoof", antispoof.__version__)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str], request_id: str) -> Iterator[Span]:
        """Open the span of a request, as part of the trace that its ``traceparent`` names (W3C)."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        trace = TraceContextTextMapPropagator().extract(dict(headers))
        facts = {"http.request.method": method, "antispoof.request_id": request_id}
        with self._tracer.start_as_current_span(method, trace, SpanKind.SERVER, facts) as span:
            yield span

    @staticmethod
    def end(span: Span, method: str, route: str, status: int) -> None:
        """Say what became of the request."""
        from opentelemetry.trace import StatusCode

        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            span.set_status(StatusCode.ERROR)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
