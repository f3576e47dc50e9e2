"""Calls of HTTP_CALL a second, by how many are in flight; beside one shared client of httpx, which slows down.

python -m bench.http_calls [--calls 1000] [--rounds 3]

The target is a process of its own on this machine that answers at once, so the client is what is measured.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median

import httpx
import uvloop

from tests.support.calling import LOOPBACK, call
from worker_service.handler_api import GuardedHttp

IN_FLIGHT = (1, 4, 16, 64, 256)
TARGET = """
import asyncio, uvloop
class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""
    def data_received(self, data):
        self.data += data
        while b"\\r\\n\\r\\n" in self.data:
            self.data = self.data.partition(b"\\r\\n\\r\\n")[2]
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""

One = Callable[[], Awaitable[object]]


async def rate(one: One, calls: int, in_flight: int) -> float:
    """Calls a second."""
    left = iter(range(calls))

    async def in_turn() -> None:
        for _ in left:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(in_turn() for _ in range(in_flight)))
    return calls / (time.perf_counter() - began)


@contextmanager
def target() -> Iterator[str]:
    """Its address."""
    with subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout is not None
            yield f"http://127.0.0.1:{int(run.stdout.readline())}/"
        finally:
            run.kill()


async def measure(url: str, calls: int, rounds: int) -> None:
    """Print the table. The two take turns, so that both see the same machine."""
    guarded = GuardedHttp(LOOPBACK)
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=None, limits=unlimited) as shared:
        ways: dict[str, One] = {
            "HTTP_CALL": lambda: call({"url": url}, guarded),
            "one shared client": lambda: shared.get(url),
        }
        print(f"| in flight | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
        for in_flight in IN_FLIGHT:
            found: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, one in ways.items():
                    found[name].append(await rate(one, calls, in_flight))
            row = " | ".join(f"{median(values):.0f}" for values in found.values())
            print(f"| {in_flight} | {row} |", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with target() as url:
        uvloop.run(measure(url, chosen.calls, chosen.rounds))


if __name__ == "__main__":
    main()
