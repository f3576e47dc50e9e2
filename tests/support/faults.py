"""Faults for a running stack, and the moments from which their bounds count (seconds since 1970)."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from punctual.local.postgres import PostgresServer
from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.databases import run_coroutine
from tests.support.looking import rows
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

OVERSLEEP_SECONDS = 60.0


def last(seconds: float, *, since: float) -> None:
    """Let an outage last until so many seconds after it began."""
    wait_until(
        lambda: time.time() >= since + seconds,
        within=seconds + OVERSLEEP_SECONDS,
        what="the outage to last",
    )


def kill(stack: RunningStack, name: str) -> float:
    """`kill -9`; when."""
    at = time.time()
    stack.stack.kill(name, signal.SIGKILL)
    return at


def process_of(stack: RunningStack, node: UUID) -> str:
    """The name in the stack of the process that is this node now."""
    (found,) = rows(stack, "SELECT address FROM nodes WHERE id = $1", node)
    port = int(found["address"].rpartition(":")[2])
    ports = stack.stack.plan.ports
    return next(name for name, taken in ports.items() if taken == port)


def restart_postgres(stack: RunningStack) -> tuple[float, float]:
    """Restart in immediate mode: a crash recovery follows; when it went and when it was back."""
    server = _postgres(stack)
    went_at = time.time()
    server.stop(immediate=True)
    server.start()
    return went_at, time.time()


@contextmanager
def frozen(stack: RunningStack, *names: str) -> Iterator[None]:
    """SIGSTOP processes of the stack, SIGCONT them at the end."""
    pids = [pid for name in names if (pid := stack.stack.pid(name)) is not None]
    try:
        _signal(pids, signal.SIGSTOP)
        yield
    finally:
        _signal(pids, signal.SIGCONT)


@contextmanager
def frozen_postgres(stack: RunningStack) -> Iterator[float]:
    """`frozen_server` for the one of a stack."""
    with frozen_server(_postgres(stack)) as at:
        yield at


@contextmanager
def frozen_server(server: PostgresServer) -> Iterator[float]:
    """SIGSTOP the server and all of its children, SIGCONT them at the end; yields when they stopped.

    The postmaster stops first, so that no child is born behind our back.
    """
    postmaster = server.daemon.pid()
    assert postmaster is not None
    at = time.time()
    _signal([postmaster], signal.SIGSTOP)
    children = _children_of(postmaster)
    try:
        _signal(children, signal.SIGSTOP)
        yield at
    finally:
        _signal([*children, postmaster], signal.SIGCONT)


def delete_topic(stack: RunningStack) -> float:
    """Delete the request topic with all records; when it was gone."""
    run_coroutine(topics.delete(Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)))
    return time.time()


def topic_is_there(stack: RunningStack) -> bool:
    """Whether the broker lists the request topic."""
    return run_coroutine(topics.is_there(Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)))


def _postgres(stack: RunningStack) -> PostgresServer:
    ports = stack.stack.plan.ports
    assert "postgres" in ports, "these tests need a PostgreSQL of their own: give no address of one"
    return PostgresServer(stack.root, port=ports["postgres"])


def _children_of(pid: int) -> list[int]:
    shown = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    pairs = (line.split() for line in shown.splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
