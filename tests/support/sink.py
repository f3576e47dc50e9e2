"""An outside witness: a TCP server in a thread that notes who told it what, by a clock of its own.

The job type SINK (tests/support/handlers/sink.py) tells it `{"job", "attempt"}` before it does anything else,
and if it is asked to, the same with `"cancelled": true` when it is cancelled.
"""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Told:
    """One line: an attempt began, or was `cancelled`. `received_at` is seconds since 1970, by this process's
    clock."""

    job: UUID
    attempt: int
    received_at: float
    cancelled: bool = False


class Sink:
    """What was told so far."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._told: list[Told] = []
        self._lock = threading.Lock()

    def told(self) -> list[Told]:
        """Every line, in the order received."""
        with self._lock:
            return list(self._told)

    def note(self, line: bytes, received_at: float) -> None:
        """Keep one line."""
        said = json.loads(line)
        job, cancelled = UUID(said["job"]), said.get("cancelled", False)
        told = Told(job, said["attempt"], received_at, cancelled)
        with self._lock:
            self._told.append(told)


@contextmanager
def listening_sink() -> Iterator[Sink]:
    """A sink on a free port of 127.0.0.1."""

    class Reader(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            # A killed worker may leave half a line behind: it told nothing.
            for line in self.rfile:
                if line.endswith(b"\n"):
                    sink.note(line, time.time())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Reader) as server:
        sink = Sink(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, name="sink", daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
