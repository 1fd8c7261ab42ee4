"""Connections: how many an address may have, and how long one may take to ask for something.

The server's parser that is written in C applies no limit to headers; the one in Python (h11) does. Neither
gives up on a client that never finishes its request, or that opens one connection after the other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from antispoof.service.settings import MAX_HEADER_BYTES, Settings

__all__ = ["LimitedProtocol", "server_options"]


@cache
def _settings() -> Settings:
    return Settings.from_environment()


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 for one connection, under the limits of the settings; named to uvicorn as its ``http``."""

    open: ClassVar[Counter[str]] = Counter()
    """Address → its connections in this process; those of configured proxies are not counted."""

    _address: str | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or close it at once where its address has too many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if address and address not in _settings().proxies:
            if self.open[address] >= _settings().connections_per_address:
                transport.abort()
                return
            self.open[address] += 1
            self._address = address
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take in what came; a request that has begun has to end its headers in time."""
        self._wait()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection on: from here a stream has limits of its own."""
        self._forget()
        super().handle_websocket_upgrade(event)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(_settings().header_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self.transport.abort()

    def _forget(self) -> None:
        self._stop_waiting()
        if self._address is not None:
            self.open[self._address] -= 1
            if not self.open[self._address]:
                del self.open[self._address]
            self._address = None


def server_options(settings: Settings) -> dict[str, Any]:
    """Return what uvicorn is started with, besides application, address and port."""
    return {
        "http": "antispoof.service.connections:LimitedProtocol",
        "h11_max_incomplete_event_size": MAX_HEADER_BYTES,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": ",".join(settings.proxies) or None,
        "ws_max_size": settings.max_file_bytes + 4096,
        "ws_max_queue": 4,
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "timeout_graceful_shutdown": 10,
    }
