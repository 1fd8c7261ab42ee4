"""What Prometheus is told."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["Metrics"]

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MARGINS = (-8.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0)


class Metrics:
    """Counters of one process; with several workers, those of all of them (``PROMETHEUS_MULTIPROC_DIR``)."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "antispoof_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.request_seconds = Histogram(
            "antispoof_request_seconds",
            "Time to answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.verdicts = Counter(
            "antispoof_verdicts", "Verdicts given.", ("kind", "outcome"), registry=self._registry
        )
        self.shadow_verdicts = Counter(
            "antispoof_shadow_verdicts",
            "Answers that the shadow bundles judged too, by what either said.",
            ("kind", "outcome", "shadow_outcome"),
            registry=self._registry,
        )
        self.shadow_left_out = Counter(
            "antispoof_shadow_left_out",
            "Answers that the shadow bundles did not judge.",
            ("reason",),
            registry=self._registry,
        )
        self.shadow_margins = Histogram(
            "antispoof_shadow_margin",
            "Score minus threshold of the answers that the shadow bundles judged too.",
            ("judge",),
            buckets=MARGINS,
            registry=self._registry,
        )
        self.site_scores = Gauge(
            "antispoof_site_scores",
            "Scores of the last 28 days at a site, by one model.",
            ("tenant", "site", "bundle"),
            multiprocess_mode="mostrecent",
            registry=self._registry,
        )
        self.site_drift = Gauge(
            "antispoof_site_drift",
            "By how much those scores call for another threshold than the shipped one.",
            ("tenant", "site", "bundle"),
            multiprocess_mode="mostrecent",
            registry=self._registry,
        )
        self.queue = Gauge(
            "antispoof_queue_places_taken",
            "Checks running or waiting.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self.streams = Gauge(
            "antispoof_streams_open", "Live captures.", multiprocess_mode="livesum", registry=self._registry
        )

    def text(self) -> bytes:
        """Return the exposition format."""
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
            return generate_latest(registry)
        return generate_latest(self._registry)
