"""A connection that gives up on an answer which is larger than it may be.

The HTTP client bounds one line or one header block, and nothing in sum: a server could send interim answers,
or parts of one byte, for as long as it is let. Here every byte counts.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from worker_service.guarded_http.limits import Limits

METER = "punctual.meter"
"""Under this name `get_extra_info` gives the meter of a connection."""


class MeteredStream(httpcore.AsyncNetworkStream):
    """Counts what is read of one answer after the other. Each begins with its head, until `head_is_read`."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits
        self._read = 0
        self._in_head = True

    def head_is_read(self) -> None:
        """From now on the answer's body comes."""
        self._in_head = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes of the answer; none at its end.

        Raises:
            httpcore.RemoteProtocolError: the answer has more than it may.
        """
        most = self._limits.head_bytes if self._in_head else self._limits.answer_bytes
        left = most - self._read
        if left <= 0:
            what = "headers" if self._in_head else "an answer"
            raise httpcore.RemoteProtocolError(f"{what} of more than {most} bytes")
        data = await self._inner.read(min(max_bytes, left), timeout)
        self._read += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """What is written after an answer belongs to the next request."""
        if not self._in_head:
            self._read, self._in_head = 0, True
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Hang up."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The same over TLS, counted anew."""
        secure = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return MeteredStream(secure, self._limits)

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self if info == METER else self._inner.get_extra_info(info)


class MeteredNetwork(httpcore.AsyncNetworkBackend):
    """Connections of `inner`, counted."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As `inner` connects."""
        stream = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return MeteredStream(stream, self._limits)
