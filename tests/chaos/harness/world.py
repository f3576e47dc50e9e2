"""The real processes of one run, each endpoint behind a proxy of ours.

Clients, schedulers and workers reach job_service each through a door of their own; job_service reaches
PostgreSQL, and everybody Kafka, through one door each. The harness itself goes past them.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from punctual.local.kafka import KafkaBroker
from punctual.local.postgres import PostgresServer
from punctual.local.stack import Options, Stack
from shared.runtime.settings import Kafka
from tests.chaos.harness.decisions import write_decisions, write_errors
from tests.support.databases import at_database
from tests.support.postgres_proxy import PostgresProxy
from tests.support.proxy import HttpProxy, TcpProxy

HANDLERS = Path(__file__).parent / "handlers"
WORKER_TTL_SECONDS = 3.0
SCHEDULER_TTL_SECONDS = 2.0
GRACE_SECONDS = 1.0
DRAIN_SECONDS = 2.0
WORKERS, SCHEDULERS = 3, 2
ROWS_DATABASE = "handlers"
TOPIC_PARTITIONS = 6
SETTINGS = {
    "PUNCTUAL_LEASE__TTL": f"{WORKER_TTL_SECONDS}s",
    "PUNCTUAL_LEASE__SCHEDULER_TTL": f"{SCHEDULER_TTL_SECONDS}s",
    "PUNCTUAL_LEASE__GRACE": f"{GRACE_SECONDS}s",
    "PUNCTUAL_WORKER__DRAIN": f"{DRAIN_SECONDS}s",
    "PUNCTUAL_WORKER__SLOTS": "60",
    "PUNCTUAL_WORKER__HOLD_SLOTS": "300",
    "PUNCTUAL_WORKER__HANDLERS": str(HANDLERS),
    "PUNCTUAL_KAFKA__TOPIC_PARTITIONS": str(TOPIC_PARTITIONS),
    "PUNCTUAL_RETRY__BASE": "0.5s",
    "PUNCTUAL_RETRY__CAP": "2s",
    "PUNCTUAL_RECONCILE__PASSED_AFTER": "3s",
    "PUNCTUAL_RECONCILE__UNPLACED_AFTER": "10s",
    "PUNCTUAL_RECONCILE__REGARDLESS_AFTER": "60s",
}
"""Short times, so that many faults run their whole course within minutes."""


@dataclass
class World:
    """What runs. `doors` are the proxies by who goes through them."""

    stack: Stack
    postgres: PostgresServer
    kafka: KafkaBroker
    records: Path
    doors: dict[str, HttpProxy] = field(default_factory=dict)
    postgres_door: PostgresProxy = field(init=False)
    kafka_door: TcpProxy = field(init=False)
    over: bool = False
    starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def rows_url(self) -> str:
        """The database of the handlers' own, through the door."""
        url = self.postgres.url.replace(str(self.postgres.port), str(self.postgres_door.port))
        return at_database(url, ROWS_DATABASE)

    @property
    def kafka_settings(self) -> Kafka:
        """How the harness reaches Kafka, through the door, which is the advertised address."""
        return Kafka(
            bootstrap=f"127.0.0.1:{self.kafka_door.port}", topic_partitions=TOPIC_PARTITIONS
        )

    def names(self, role: str) -> list[str]:
        """The processes of a role that belong to the world, extra workers left out."""
        counts = {"worker": WORKERS, "scheduler": SCHEDULERS, "job": 2}
        return [f"{role}-{n}" for n in range(1, counts[role] + 1)]

    def spawn(self, name: str, *, ready: bool = True) -> None:
        """Start a service, behind its own door if it has one; nothing once the world is over."""
        with self.starting:
            if not self.over:
                self._spawn(name, ready=ready)

    def end(self) -> None:
        """Stop everything. A fault that was given up may still be about to start something in its thread."""
        with self.starting:
            self.over = True
        self.stack.reset()

    def _spawn(self, name: str, *, ready: bool) -> None:
        env = {"CHAOS_RECORDS": str(self.records), "CHAOS_ROWS": self.rows_url}
        door = self.doors.get(name) or self.doors.get("extra")
        if not name.startswith("job") and door is not None:
            env["PUNCTUAL_JOB_SERVICE__URL"] = door.url
        if name.startswith("worker"):
            env["PUNCTUAL_LOG__LEVEL"] = "debug"
        self.stack.spawn(name, env=env, ready=ready)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a service."""
        self.stack.kill(name, number)


@asynccontextmanager
async def running_world(records: Path) -> AsyncIterator[World]:
    """Everything up and ready; nothing of it is left behind but `records`."""
    root = _state_directory()
    try:
        async with AsyncExitStack() as doors:
            # Processes die here, the machine does not: without fsync a restart takes a second, not six.
            postgres, kafka = PostgresServer(root, fsync=False), KafkaBroker(root)
            postgres_door = await doors.enter_async_context(
                PostgresProxy(upstream_port=postgres.port)
            )
            kafka_door = await doors.enter_async_context(TcpProxy(upstream_port=kafka.port))
            kafka.advertised_port = kafka_door.port
            url = postgres.url.replace(str(postgres.port), str(postgres_door.port))
            options = Options(
                root=root,
                workers=0,
                schedulers=1,
                auto_ports=True,
                database_url=url,
                kafka_bootstrap=f"127.0.0.1:{kafka_door.port}",
                env=SETTINGS,
            )
            world = World(Stack(options), postgres, kafka, records)
            world.postgres_door, world.kafka_door = postgres_door, kafka_door
            try:
                await _start(world, doors)
                yield world
            finally:
                _keep_logs(root, records)
                await asyncio.to_thread(world.end)
                postgres.remove()
                kafka.remove()
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _start(world: World, doors: AsyncExitStack) -> None:
    await asyncio.gather(
        asyncio.to_thread(world.postgres.start), asyncio.to_thread(world.kafka.start)
    )
    await asyncio.to_thread(world.stack.up)
    await asyncio.to_thread(world.spawn, "job-2")
    # The scheduler that came with the stack has no door yet.
    await asyncio.to_thread(world.stack.stop, "scheduler-1")
    ports = world.stack.plan.ports
    behind = [*world.names("worker"), *world.names("scheduler"), "extra", "client-1", "client-2"]
    for n, name in enumerate(behind):
        upstream = ports["job-1" if n % 2 == 0 else "job-2"]
        world.doors[name] = await doors.enter_async_context(HttpProxy(upstream_port=upstream))
    services = [*world.names("scheduler"), *world.names("worker")]
    for name in services:
        world.spawn(name, ready=False)
    await asyncio.gather(*(asyncio.to_thread(world.spawn, name) for name in services))


def _state_directory() -> Path:
    """One that PostgreSQL's account may enter."""
    root = Path(tempfile.mkdtemp(prefix="punctual-chaos-"))
    root.chmod(0o755)
    return root


def _keep_logs(root: Path, records: Path) -> None:
    """Their logs, and what they say of records, commits and errors as records of its own."""
    logs = root / "logs"
    if logs.is_dir():
        shutil.copytree(logs, records / "logs", dirs_exist_ok=True)
        write_decisions(logs, records / "consumers.jsonl")
        write_errors(logs, records / "errors.jsonl")


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
