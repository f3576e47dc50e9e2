"""A server that means harm: it sends bytes of its own making, for as long as the client lets it.

It counts what it could send: a client that reads on without end takes gigabytes from it.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

Answer = Callable[[int], Iterator[bytes]]
"""The bytes of an answer, part by part, given the port of the server. It may never end."""
OK = b"HTTP/1.1 200 OK\r\n"
PART = b"x" * 16_384


class Hostile:
    """`sent`: bytes that the kernel took from it. `asked`: requests so far. `left`: set when a client went."""

    def __init__(self, answer: Answer, *, drip_seconds: float) -> None:
        self._answer = answer
        self._drip_seconds = drip_seconds
        self.port = 0
        self.sent = 0
        self.asked = 0
        self.left = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        writer.transport.set_write_buffer_limits(high=0)
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            for part in self._answer(self.port):
                writer.write(part)
                await writer.drain()
                self.sent += len(part)
                # A client that hung up is heard of between two writes.
                await asyncio.sleep(self._drip_seconds)
                if reader.at_eof():
                    break
        writer.close()
        self.left.set()


@asynccontextmanager
async def hostile(
    answer: Answer, *, drip_seconds: float = 0.0, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Hostile]:
    """Such a server, on a free port unless one is given; `drip_seconds` pass between two parts."""
    server = Hostile(answer, drip_seconds=drip_seconds)
    listening = await asyncio.start_server(server.talk, address, port)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def for_ever(head: bytes, part: bytes) -> Answer:
    """A beginning, and then the same without end."""

    def answer(_port: int) -> Iterator[bytes]:
        yield head
        while True:
            yield part

    return answer


def once(*parts: bytes) -> Answer:
    """These parts, and then the connection is closed."""
    return lambda _port: iter(parts)


def letter_by_letter(data: bytes) -> Answer:
    """One byte at a time."""
    return lambda _port: (data[n : n + 1] for n in range(len(data)))


def a_million_headers(_port: int) -> Iterator[bytes]:
    """100 of them in a part."""
    yield OK
    for n in range(10_000):
        yield b"".join(b"x-%d-%d: y\r\n" % (n, m) for m in range(100))
    yield b"\r\n"


def gzip_bomb(_port: int) -> Iterator[bytes]:
    """Half a megabyte that unpacks to half a gigabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = bytes(1_048_576)
    yield OK + b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    for _ in range(512):
        yield packer.compress(zeros)
    yield packer.flush()


def round_and_round(port: int) -> Iterator[bytes]:
    """A redirect to itself."""
    yield (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % port
    )


def ever_on(port: int) -> Iterator[bytes]:
    """A redirect to a longer and longer URL."""
    path = b"a" * 30_000
    yield b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/%s\r\nContent-Length: 0\r\n\r\n" % (
        port,
        path,
    )
