"""Which node a worker process of a stack is, and what it holds and ran."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.looking import count, rows, wait_all_settled
from tests.support.planting import plant
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

LATER_SECONDS = 2.5
"""How far ahead further jobs are planted: beyond the look-ahead."""

_LIVE = "SELECT id FROM nodes WHERE address = $1 AND state = 'live'"
_STATE = "SELECT state, death FROM nodes WHERE id = $1"
_RUNNING = "SELECT count(*) FROM jobs WHERE status = 'RUNNING' AND id = ANY ($1)"
_HELD = "SELECT job_id, attempt FROM inflight WHERE worker = $1"
_RAN = "SELECT count(*) FROM executions WHERE node = $1 AND status = 'SUCCESS'"


def node_of(stack: RunningStack, name: str) -> UUID:
    """The live node that the process `name` is now; waits for it, and for the end of the one that it was."""
    address = stack.stack.plan.url(name)
    found: list[UUID] = []

    def alone() -> bool:
        found[:] = [row["id"] for row in rows(stack, _LIVE, address)]
        return len(found) == 1

    wait_until(alone, within=20, every=0.1, what=f"{name} to be a node, and one")
    return found[0]


def wait_dead(stack: RunningStack, node: UUID, *, within: float) -> str:
    """Wait until a node is dead and holds nothing; how it died."""
    wait_until(
        lambda: rows(stack, _STATE, node)[0]["state"] == "dead" and not holds(stack, node),
        within=within,
        every=0.1,
        what=f"node {node} to be dead and reaped",
    )
    death: str = rows(stack, _STATE, node)[0]["death"]
    return death


def wait_running(stack: RunningStack, ids: list[UUID], *, within: float) -> None:
    """Wait until all of these jobs run at once."""
    wait_until(
        lambda: count(stack, _RUNNING, ids) == len(ids),
        within=within,
        every=0.05,
        what=f"{len(ids)} jobs to run at once",
    )


def holds(stack: RunningStack, node: UUID) -> dict[UUID, int]:
    """What a node holds: attempts by job."""
    return {row["job_id"]: row["attempt"] for row in rows(stack, _HELD, node)}


def plant_soon(
    stack: RunningStack, number: int, job_type: str, payload: Any, **fields: Any
) -> list[UUID]:
    """Plant jobs that are due in a moment."""
    due = datetime.now(UTC) + timedelta(seconds=LATER_SECONDS)
    return plant(stack, number, job_type, payload, due_at=due, **fields)


def wait_carries_on(stack: RunningStack, name: str, before: UUID, sink_port: int) -> list[UUID]:
    """The process `name`, whose node `before` died, is another node now and runs some of 60 further jobs;
    their ids."""
    node = node_of(stack, name)
    assert node != before
    ids = plant_soon(stack, 60, "SINK", {"port": sink_port})
    wait_all_settled(stack, ids, within=30)
    assert count(stack, _RAN, node) > 0, f"{name} ran nothing as its new node"
    return ids
