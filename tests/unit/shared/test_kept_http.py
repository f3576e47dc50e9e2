"""Calls over kept connections: what is sent, what is read, and which connection is used again."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shared.runtime import kept_http
from shared.runtime.kept_http import BrokenAnswer, KeptHttp
from tests.support.waiting import until

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next request; raises IncompleteReadError when the client has gone."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [line[15:] for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    return head, await reader.readexactly(int(length))


@asynccontextmanager
async def _client(serve: Serve, prefix: str = "") -> AsyncIterator[KeptHttp]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = KeptHttp(f"http://127.0.0.1:{port}{prefix}")
        try:
            yield client
        finally:
            client.close()


def _says(*answers: bytes) -> Serve:
    """Answers with these, in turn, whatever is asked, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await _request(reader)
            writer.write(answer)

    return serve


async def test_a_call_is_sent_as_it_must_be() -> None:
    """Path below the address's own, JSON, its length, further headers, the body."""
    heard: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await _request(reader))
        writer.write(b"HTTP/1.1 422 No\r\ncontent-length: 3\r\n\r\nwhy")

    async with _client(serve, prefix="/below") as client:
        assert await client.post("/x", b'{"a":1}', {"traceparent": "t"}) == (422, b"why")
    head, body = heard[0]
    assert head.startswith(b"POST /below/x HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert b"\r\ntraceparent: t\r\n" in head
    assert body == b'{"a":1}'


async def test_one_connection_serves_calls_in_turn() -> None:
    """And calls at once have one each."""
    opened = 0
    both = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            head, _ = await _request(reader)
            if b"/wait" in head and opened == 2:
                both.set()
            if b"/wait" in head:
                await both.wait()
            writer.write(OK)

    async with _client(serve) as client:
        for _ in range(3):
            assert await client.post("/", b"", {}) == (200, b"{}")
        assert opened == 1
        await asyncio.gather(client.post("/wait", b"", {}), client.post("/wait", b"", {}))
        assert opened == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", id="half"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="another protocol"),
    ],
)
async def test_what_is_no_answer_is_said_to_be_none(answer: bytes) -> None:
    """And the call after it has a connection of its own."""
    async with _client(_says(answer)) as client:
        for _ in range(2):
            with pytest.raises((BrokenAnswer, ConnectionError)):
                await client.post("/", b"{}", {})


async def test_an_answer_leaves_no_cyclic_garbage_behind() -> None:
    """A scheduler gets some 700 KB of events in each; the collector comes by once in minutes."""

    def answers() -> int:
        return sum(isinstance(thing, kept_http._Answer) for thing in gc.get_objects())

    async with _client(_says(OK, OK)) as client:
        before = answers()
        gc.disable()
        try:
            for _ in range(2):
                assert await client.post("/a", b"{}", {}) == (200, b"{}")
            assert answers() == before
        finally:
            gc.enable()


async def test_a_chunked_answer_in_pieces_is_read_whole() -> None:
    """Also after a 100, which is no answer yet."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        for piece in (
            b"HTTP/1.1 200 OK\r\ntransfer-enc",
            b"oding: chunked\r\n\r\n2\r\n{",
            b"}\r\n0",
        ):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"\r\n\r\n")
        await writer.drain()

    async with _client(serve) as client:
        assert await client.post("/", b"{}", {}) == (200, b"{}")


@pytest.mark.parametrize("last", [OK, OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")])
async def test_a_connection_that_the_server_gave_up_is_not_used_again(last: bytes) -> None:
    """Whether it says so or hangs up."""
    async with _client(_says(last)) as client:
        assert await client.post("/", b"{}", {}) == (200, b"{}")
        await until(
            lambda: not any(c.usable() for c in client._idle), what="the connection to be given up"
        )
        assert await client.post("/", b"{}", {}) == (200, b"{}")


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server may be hanging up just now."""
    opened = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while True:
            await _request(reader)
            writer.write(OK)

    async with _client(serve) as client:
        await client.post("/", b"{}", {})
        monkeypatch.setattr(kept_http, "IDLE_SECONDS", 0.0)
        await client.post("/", b"{}", {})
    assert opened == 2


async def test_a_call_that_was_given_up_leaves_no_connection_behind() -> None:
    """Its answer would be taken for the next call's."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await _request(reader)
        if b"/slow" in head:
            await reader.read()  # until the client hangs up
            return
        writer.write(OK)

    async with _client(serve) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.post("/slow", b"{}", {})
        assert await client.post("/", b"{}", {}) == (200, b"{}")


@pytest.mark.parametrize("address", ["job-service:8080", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """At the start, not at the first call."""
    with pytest.raises(ValueError, match="no address"):
        KeptHttp(address)
