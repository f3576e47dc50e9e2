"""HTTP clients that reach only what the guard lets through.

httpx gives requests, URLs and redirects; the transport is ours, because the one of httpx takes no network
backend.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cached_property

import httpcore
import httpx

from worker_service.guarded_http.addresses import AddressGuard
from worker_service.guarded_http.limits import Limits
from worker_service.guarded_http.metered import METER, MeteredNetwork, MeteredStream
from worker_service.guarded_http.network import GuardedNetwork, Resolve, system_resolver
from worker_service.guarded_http.secrets import Secrets

_PROBLEMS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
"""Each has a namesake in httpx."""


class GuardedHttp:
    """Makes clients; a process has one. `tls` is by default what httpx trusts, or `SSL_CERT_FILE`. `secrets`:
    what a payload may name instead of holding it."""

    def __init__(
        self,
        guard: AddressGuard | None = None,
        *,
        resolve: Resolve = system_resolver,
        inner: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        limits = limits or Limits()
        metered = MeteredNetwork(inner or httpcore.AnyIOBackend(), limits)
        self._network = GuardedNetwork(
            guard or AddressGuard(), resolve, metered, limits.connect_seconds
        )
        self.secrets = secrets or Secrets()
        self._given_tls = tls

    def client(self) -> httpx.AsyncClient:
        """A client for one call, with connections of its own that end with it (use `async with`).

        It has no time limit, which is the caller's (`asyncio.timeout`), follows no redirect, and looks at
        no proxy of the environment. Beside what httpx raises there is `AddressRefused`.
        """
        transport = _Transport(self._network, self._tls)
        return httpx.AsyncClient(
            transport=transport,
            timeout=None,  # noqa: S113 - the caller's `asyncio.timeout` covers all of it
            trust_env=False,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the certificates takes some 20 ms: once, and not before it is needed.
        return self._given_tls or httpx.create_ssl_context()


class _Transport(httpx.AsyncBaseTransport):
    """From httpx to httpcore and back."""

    def __init__(self, network: GuardedNetwork, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=network)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = await self._pool.handle_async_request(asked)
        meter: MeteredStream = answer.extensions["network_stream"].get_extra_info(METER)
        meter.head_is_read()
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        with _as_httpx():
            await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer as they come."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        with _as_httpx():
            await self._answer.aclose()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """What callers catch are exceptions of httpx."""
    try:
        yield
    except _PROBLEMS as error:
        namesake: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise namesake(str(error)) from error
