"""Every kind of fault: how often it comes, and what carries it out."""

import asyncio

from tests.chaos.harness.clients import Clients
from tests.chaos.harness.nemesis import Strike
from tests.chaos.harness.net_faults import NetFaults
from tests.chaos.harness.process_faults import ProcessFaults
from tests.chaos.harness.schedule import Fault, Kind
from tests.chaos.harness.store_faults import StoreFaults
from tests.chaos.harness.topic_faults import TopicFaults
from tests.chaos.harness.world import SCHEDULER_TTL_SECONDS, WORKER_TTL_SECONDS, World

LONG_WORKER = (0.5, 3.0 * WORKER_TTL_SECONDS)
LONG_SCHEDULER = (0.5, 3.0 * SCHEDULER_TTL_SECONDS)
"""From a hiccup to well beyond the time to live: what comes back is a zombie."""
_POSTGRES, _KAFKA, _STORM = ("postgres",), ("kafka",), ("storm",)


def catalogue(world: World, clients: Clients) -> dict[Kind, Strike]:
    """The kinds with their strikes."""
    return {
        **_of_processes(world),
        **_of_stores(world),
        **_of_topics(world),
        **_of_connections(world),
        Kind("client-storm", ("clients",), (2.0, 5.0)): _storm_of(clients),
    }


def _of_processes(world: World) -> dict[Kind, Strike]:
    faults = ProcessFaults(world)
    workers, schedulers = tuple(world.names("worker")), tuple(world.names("scheduler"))
    jobs = tuple(world.names("job"))
    return {
        Kind("kill-worker", workers, (0.2, 4.0), 1.5): faults.kill,
        Kind("kill-scheduler", schedulers, (0.2, 4.0), 1.5): faults.kill,
        Kind("kill-job-service", jobs, (0.2, 3.0)): faults.kill,
        Kind("freeze-worker", workers, LONG_WORKER, 1.5): faults.freeze,
        Kind("freeze-scheduler", schedulers, LONG_SCHEDULER): faults.freeze,
        Kind("freeze-job-service", jobs, (0.5, 5.0), 0.5): faults.freeze,
        Kind("drain-worker", workers, (0.0, 1.0)): faults.drain,
        Kind("rebalance-storm", _STORM, (12.0, 20.0), 0.5): faults.storm,
    }


def _of_stores(world: World) -> dict[Kind, Strike]:
    faults = StoreFaults(world)
    return {
        Kind("restart-postgres", _POSTGRES, (0.0, 2.0), 0.7): faults.restart_postgres,
        Kind("freeze-postgres", _POSTGRES, (0.5, 5.0), 0.7): faults.freeze_postgres,
        Kind("terminate-backends", _POSTGRES, (0.3, 2.0)): faults.terminate_backends,
        Kind("lock-holder", _POSTGRES, (2.0, 6.0)): faults.hold_locks,
        Kind("kill-kafka", _KAFKA, (0.0, 3.0), 0.5, recovery=8.0): faults.kill_kafka,
        Kind("freeze-kafka", _KAFKA, (0.5, 6.0), 0.6): faults.freeze_kafka,
    }


def _of_topics(world: World) -> dict[Kind, Strike]:
    faults = TopicFaults(world)
    workers = tuple(world.names("worker"))
    return {
        Kind("delete-topic", _KAFKA, (0.0, 1.0), 0.4, recovery=8.0): faults.delete_topic,
        Kind("rewind-offsets", _KAFKA, (0.0, 0.1), 0.3, 6.0, workers): faults.rewind_offsets,
        Kind("bad-records", _KAFKA, (0.5, 1.0), 1.5): faults.bad_records,
    }


def _of_connections(world: World) -> dict[Kind, Strike]:
    faults = NetFaults(world)
    inside = [*world.names("worker"), *world.names("scheduler")]
    doors = tuple(f"{name}-door" for name in inside)
    every = (*doors, "postgres-door", "kafka-door")
    clients = ("client-1-door", "client-2-door")
    return {
        Kind("drop-replies", doors, (0.5, 4.0), 2.0): faults.drop_replies,
        Kind("drop-client-replies", clients, (0.5, 3.0)): faults.drop_replies,
        Kind("half-open", every, LONG_WORKER, 1.5): faults.half_open,
        Kind("reset", (*every, *clients), (0.1, 3.0), 1.5): faults.reset,
        Kind("jitter", (*every, *clients), (2.0, 6.0), 1.5): faults.jitter,
        Kind("cut-commits", ("postgres-door",), (1.0, 4.0), 1.5): faults.cut_commits,
    }


def _storm_of(clients: Clients) -> Strike:
    """Clients read, cancel, reschedule and retry as fast as they can."""

    async def storm(fault: Fault) -> None:
        clients.storm += 1
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            clients.storm -= 1

    return storm
