"""Every kind of fault: how often it comes, and what carries it out."""

from tests.chaos.harness.nemesis import Strike
from tests.chaos.harness.process_faults import ProcessFaults
from tests.chaos.harness.schedule import Kind
from tests.chaos.harness.store_faults import StoreFaults
from tests.chaos.harness.world import World


def catalogue(world: World) -> dict[Kind, Strike]:
    """The kinds with their strikes."""
    processes, stores = ProcessFaults(world), StoreFaults(world)
    workers, schedulers = tuple(world.names("worker")), tuple(world.names("scheduler"))
    return {
        Kind("kill-worker", workers, (0.5, 5.0), recovery=4.0): processes.kill,
        Kind("kill-scheduler", schedulers, (0.5, 4.0)): processes.kill,
        Kind("restart-postgres", ("postgres",), (0.0, 2.0)): stores.restart_postgres,
    }
