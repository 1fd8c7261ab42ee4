"""Requests to addresses that somebody else has named: to hosts on a list, never to the inside, never further.

A name is resolved once, every address it has is looked at, and the connection goes to one that was looked at,
so that a name which answers otherwise the next time gains nothing. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from antispoof.errors import InputError

__all__ = ["Outbound"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "64:ff9b::/96",  # translated to IPv4 by a gateway, the inside included: RFC 6052
            "64:ff9b:1::/48",  # the same, of a local gateway: RFC 8215
            "2002::/16",  # 6to4: RFC 3056
            "192.88.99.0/24",  # relays of 6to4: RFC 7526
            "192.0.0.0/24",  # for protocols, not hosts: RFC 6890
            "2001::/32",  # Teredo: RFC 4380
            "::/96",  # IPv4-compatible: RFC 4291, section 2.5.5.1
            "::ffff:0:0:0/96",  # IPv4-translated: RFC 2765
            "fec0::/10",  # site-local: RFC 3879
            "3fff::/20",  # documentation: RFC 9637
            "5f00::/16",  # segment routing inside one network: RFC 9602
        ),
    )
)
"""What is no public host, though some versions of `ipaddress` call it global."""


class Outbound:
    """Sends.

    Args:
        hosts: that may be sent to.
        networks: private ones, in CIDR notation, that may be all the same, also without TLS.
        timeout_s: of a request, from the look at its name to the status of the answer.
        tls: None trusts the certificates that the system trusts.

    Raises:
        InputError: one of ``networks`` is none.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        networks: Iterable[str] = (),
        timeout_s: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        try:
            self._networks = tuple(ipaddress.ip_network(each) for each in networks)
        except ValueError as error:
            raise InputError(f"webhook_networks: {error}") from None
        self._timeout_s = timeout_s
        self._tls = tls

    def check_url(self, url: str, among: Collection[str] | None = None) -> None:
        """See that there may be sent to a URL, as far as can be told without resolving its name.

        Args:
            url: where.
            among: of the hosts that may be sent to, those that are meant; None for all.

        Raises:
            InputError: what is wrong with it.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InputError("url: is none") from None
        if parts.scheme not in (("https", "http") if self._networks else ("https",)) or not host:
            raise InputError("url: has to begin with https://")
        if (
            parts.username is not None
            or parts.fragment
            or port == 0
            or not url.isascii()
            or not url.isprintable()
        ):
            raise InputError("url: may have no user, no fragment, and plain ASCII only")
        meant = self._hosts if among is None else self._hosts & {each.lower() for each in among}
        if host.lower() not in meant:
            raise InputError("url: its host is not one that the operator allows (webhook_hosts)")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Send; return the status, or 0 and why there is none. Nothing else of an answer is read."""
        try:
            self.check_url(url)
            backend = _Guarded(self._networks, plain=urlsplit(url).scheme == "http")
            async with (
                asyncio.timeout(self._timeout_s),
                httpcore2.AsyncConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
                pool.stream("POST", url, headers=list(headers.items()), content=body) as answer,
            ):
                return answer.status, ""
        except TimeoutError:
            return 0, f"no answer within {self._timeout_s:g} s"
        except InputError as error:
            return 0, str(error)
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            OSError,
        ) as error:
            return 0, type(error).__name__


class _Guarded(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were looked at."""

    def __init__(self, networks: Sequence[Network], *, plain: bool) -> None:
        self._networks = networks
        self._plain = plain
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of a host's addresses that answers, where all of them are allowed."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._see(address)
        for address in addresses[:-1]:
            with suppress(httpcore2.ConnectError):
                return await self._real.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._real.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def _see(self, text: str) -> None:
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address in network for network in self._networks if network.version == address.version):
            return
        refused = any(address in each for each in REFUSED if each.version == address.version)
        if not address.is_global or address.is_multicast or refused or self._plain:
            raise InputError("the host has an address that may not be called (webhook_networks)")
