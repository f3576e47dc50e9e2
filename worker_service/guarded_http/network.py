"""Connections that go only to addresses that were looked at.

The name is resolved here, every address is checked, and the connection is made to one of exactly these
addresses: a name that resolves to something else a moment later (DNS rebinding) gains nothing. TLS and the
Host header still use the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from worker_service.guarded_http.addresses import AddressGuard
from worker_service.guarded_http.limits import Limits

MAX_ADDRESSES = 8
"""Of one name, tried in the order of the resolver. More than these are checked, not tried."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a name, as text. Raises OSError or UnicodeError where there are none."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """As every program of this machine resolves names; takes any form of a number that the system takes."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Check, resolve, check, connect; `inner` connects to an address and never sees a name. Each of its steps
    takes at most `connect_seconds`, which is the limit of looking up the name too."""

    def __init__(
        self,
        guard: AddressGuard,
        resolve: Resolve,
        inner: httpcore.AsyncNetworkBackend,
        connect_seconds: float = Limits.connect_seconds,
    ) -> None:
        self._guard = guard
        self._resolve = resolve
        self._inner = inner
        self._connect_seconds = connect_seconds

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one.

        Raises:
            AddressRefused: the host, the port or one of the addresses may not be reached.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address, or none that answers.
        """
        self._guard.check_target(host, port)
        limit = self._connect_seconds if timeout is None else min(timeout, self._connect_seconds)
        addresses = await self._addresses(host, port, limit)
        self._guard.check(host, addresses)
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._inner.connect_tcp(
                    address, port, limit, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = type(error)(f"{address}: {error or 'no answer'}")
        raise problem

    async def _addresses(self, host: str, port: int, limit: float) -> Sequence[str]:
        try:
            async with asyncio.timeout(limit):
                return await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in {limit:g} s") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
