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

MAX_ADDRESSES = 8
"""Of one name, tried in the order of the resolver. More than these are checked, not tried."""
NEXT_ADDRESS_AFTER_SECONDS = 3.0
"""How long one address may take while there is another one to try."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a name, as text. Raises OSError or UnicodeError where there are none."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """As every program of this machine resolves names; takes any form of a number that the system takes."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Resolve, check, connect; `inner` connects to an address and never sees a name."""

    def __init__(
        self, guard: AddressGuard, resolve: Resolve, inner: httpcore.AsyncNetworkBackend
    ) -> None:
        self._guard = guard
        self._resolve = resolve
        self._inner = inner

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
            AddressRefused: one of the addresses may not be reached.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address, or none that answers.
        """
        addresses = await self._addresses(host, port, timeout)
        self._guard.check(host, addresses)
        tried = addresses[:MAX_ADDRESSES]
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for left, address in zip(range(len(tried) - 1, -1, -1), tried, strict=True):
            limit = timeout if left == 0 else _shorter(timeout, NEXT_ADDRESS_AFTER_SECONDS)
            try:
                return await self._inner.connect_tcp(
                    address, port, limit, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(timeout):
                return await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error


def _shorter(timeout: float | None, limit: float) -> float:
    return limit if timeout is None else min(timeout, limit)
