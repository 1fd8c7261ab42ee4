"""The parts of a running service, put together."""

from __future__ import annotations

from contextlib import suppress

from antispoof.service.api_keys import ApiKeys
from antispoof.service.checks import Checks
from antispoof.service.clock import Clock
from antispoof.service.judgements import Judgements
from antispoof.service.limits import Limits
from antispoof.service.metrics import Metrics
from antispoof.service.outbound import Outbound
from antispoof.service.problems import Problem
from antispoof.service.secret import Secret
from antispoof.service.session_records import SessionRecords
from antispoof.service.sessions import Sessions
from antispoof.service.settings import Settings
from antispoof.service.shadow import Shadow
from antispoof.service.signing import SigningKeys
from antispoof.service.store.database import open_store
from antispoof.service.sweeping import Sweeper
from antispoof.service.telemetry import Telemetry
from antispoof.service.traffic import read_traffic
from antispoof.service.vault import Vault
from antispoof.service.webhooks import Webhooks
from antispoof.service.workers import Greetings, Workers

__all__ = ["Core"]

DRIFT_EVERY_S = 60.0


class Core:
    """Everything that routes use.

    Args:
        settings: of the operator.

    Raises:
        InputError: the state folder or the database cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.store = open_store(settings.database_url, timeout_s=settings.database_timeout_s)
        self.secret = Secret(settings.state)
        self.signing = SigningKeys(settings.state, settings.signature)
        self.keys = ApiKeys(self.store, self.clock, settings.tenants)
        vault = Vault(settings, self.store, self.secret, self.clock)
        records = SessionRecords(settings, self.store, self.secret, self.clock, vault)
        self.sessions = Sessions(settings, self.store, self.secret, self.clock, vault, records)
        self.sweeper = Sweeper(settings, self.store, self.clock, records)
        self.judgements = Judgements(settings, self.store, self.signing, self.clock, vault, records)
        outbound = Outbound(settings.webhook_hosts, settings.webhook_networks, settings.webhook_timeout_s)
        self.webhooks = Webhooks(self.store, self.secret, self.clock, outbound)
        self.limits = Limits(settings)
        self.metrics = Metrics()
        self.telemetry = Telemetry(settings.telemetry) if settings.telemetry else None
        self._drift_seen = -DRIFT_EVERY_S
        self.checks = Checks(settings)
        threads = settings.inference_threads
        self.judges = Workers(
            "judge", threads, threads + settings.queue_length, settings.queue_wait_s, self.metrics.queue.set
        )
        self.shadow: Shadow | None = None
        if settings.shadow_bundles:
            judges = self.judges
            self.shadow = Shadow(settings, self.store, self.clock, self.metrics, lambda: judges.idle)
        self.greetings = Greetings(settings.greetings_per_address)
        self.watchers = Workers("watch", threads, settings.streams, gauge=self.metrics.streams.set)

    def show_drift(self) -> None:
        """Put into the metrics how the scores of each site lie, once a minute at most; where that cannot be
        seen now, what was seen before stays.
        """
        now = self.clock.now()
        if now < self._drift_seen + DRIFT_EVERY_S:
            return
        self._drift_seen = now
        with suppress(Problem):
            bundles = {each.metadata.sha256: each.metadata for each in self.checks.detector().bundles}
            for traffic in read_traffic(self.store, now):
                self.metrics.site_scores.labels(traffic.tenant, traffic.site, traffic.bundle).set(
                    traffic.scores.size
                )
                metadata = bundles.get(traffic.sha256)
                drift = None if metadata is None else traffic.drift(metadata)
                if drift is not None:
                    self.metrics.site_drift.labels(traffic.tenant, traffic.site, traffic.bundle).set(drift)

    def close(self) -> None:
        """End what runs, and close the database."""
        if self.shadow is not None:
            self.shadow.close()
        self.judges.close()
        self.watchers.close()
        self.store.close()
        if self.telemetry is not None:
            self.telemetry.close()
