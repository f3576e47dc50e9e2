"""Where the peers keep their jobs: a fresh PostgreSQL with the settings of Punctual's own, or a Redis."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from bench import cpu
from bench.peers.python_env import python_env
from punctual.local.ports import HOST, accepts, any_free
from punctual.local.postgres import PostgresServer
from punctual.local.processes import Daemon
from punctual.local.waiting import wait_for

REDIS_START_SECONDS = REDIS_STOP_SECONDS = 10.0
REDIS_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Store:
    """A running one: its role in a table, its address, and its process."""

    role: str
    url: str
    daemon: Daemon

    def cpu_seconds(self) -> float:
        """So far, children included."""
        pid = self.daemon.pid()
        return cpu.of_tree(pid) if pid is not None else 0.0


@contextmanager
def postgres(root: Path) -> Iterator[Store]:
    """With fsync and synchronous_commit on, as `make run` starts it."""
    server = PostgresServer(root, fsync=True)
    try:
        server.start()
        yield Store("postgres", server.url, server.daemon)
    finally:
        server.stop()
        server.remove()


@contextmanager
def redis(root: Path) -> Iterator[Store]:
    """At its fastest: in memory only, nothing is written to the disk."""
    daemon, port = Daemon(root, "redis"), any_free()
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    server = python_env().redis_server()
    try:
        daemon.start([str(server), *options], env={}, cwd=root)
        if not wait_for(lambda: accepts(port), within_seconds=REDIS_START_SECONDS):
            raise RuntimeError(f"redis did not start\n{daemon.log_tail()}")
        yield Store("redis", f"redis://{HOST}:{port}/0", daemon)
    finally:
        daemon.stop(SIGTERM, limit_seconds=REDIS_STOP_SECONDS)


def redis_number(url: str, command: str) -> int:
    """The answer of a command that answers with a number, as LLEN does."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.create_connection((HOST, port), timeout=REDIS_ANSWER_SECONDS) as connection:
        connection.sendall(f"{command}\r\n".encode())
        answer = connection.makefile("rb").readline()
    if not answer.startswith(b":"):
        raise RuntimeError(f"{command}: {answer!r}")
    return int(answer[1:])
