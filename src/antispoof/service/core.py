"""The parts of a running service, put together."""

from __future__ import annotations

from antispoof.service.api_keys import ApiKeys
from antispoof.service.checks import Checks
from antispoof.service.clock import Clock
from antispoof.service.judgements import Judgements
from antispoof.service.limits import Limits
from antispoof.service.metrics import Metrics
from antispoof.service.secret import Secret
from antispoof.service.session_records import SessionRecords
from antispoof.service.sessions import Sessions
from antispoof.service.settings import Settings
from antispoof.service.shadow import Shadow
from antispoof.service.signing import SigningKeys
from antispoof.service.store.database import open_store
from antispoof.service.vault import Vault
from antispoof.service.workers import Greetings, Workers

__all__ = ["Core"]


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
        self.keys = ApiKeys(self.store, self.clock)
        vault = Vault(settings, self.store, self.secret, self.clock)
        records = SessionRecords(settings, self.store, self.secret, self.clock, vault)
        self.sessions = Sessions(settings, self.store, self.secret, self.clock, vault, records)
        self.judgements = Judgements(settings, self.store, self.signing, self.clock, vault, records)
        self.limits = Limits(settings)
        self.metrics = Metrics()
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

    def close(self) -> None:
        """End what runs, and close the database."""
        if self.shadow is not None:
            self.shadow.close()
        self.judges.close()
        self.watchers.close()
        self.store.close()
