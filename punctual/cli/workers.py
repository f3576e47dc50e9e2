"""The verbs on workers."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE, BadInput, WaitedEnough
from punctual.cli.show import Fields, Table, local
from punctual.cli.values import duration

if TYPE_CHECKING:
    from punctual.cli.client import Client
    from punctual.cli.progress import Progress

app = App(name="worker", help="Workers: list them, let one drain.")

LOOK_EVERY_SECONDS = 0.2
DEFAULT_WAIT = "2m"

NodeId = Annotated[str, Parameter(name="NODE", help="Its id, as punctual worker list shows it.")]


@app.command(name="list")
def list_workers(*, to: Connection = HERE) -> int:
    """List live and recently dead workers."""
    with to.open() as client:
        nodes = client.items("/api/v1/nodes")
    workers = [node for node in nodes if node["role"] == "worker"]
    headings = ["NODE", "STATE", "RUNNING", "HELD", "SLOTS", "ADDRESS", "LAST SEEN"]
    rows = [
        [
            node["nodeId"],
            state_of(node),
            node["running"],
            node["held"],
            node["slots"],
            node["address"],
            local(node["lastSeenAt"], milliseconds=False),
        ]
        for node in workers
    ]
    to.show(workers, Table(headings, rows, "No worker has registered yet."))
    return DONE


@app.command
def drain(
    node_id: NodeId,
    /,
    *,
    wait: Annotated[bool, Parameter(help="Stay until it has left.")] = False,
    wait_timeout: Annotated[
        str, Parameter(help="How long to wait for that at most.")
    ] = DEFAULT_WAIT,
    to: Connection = HERE,
) -> int:
    """Let a worker end in good order.

    It takes nothing new, finishes what it runs or gives it back, leaves, and
    its process ends with exit code 0. Whether it is started again is for what
    supervises it to say.
    """
    path = f"/api/v1/nodes/{_known(node_id)}"
    limit = duration(wait_timeout)
    with to.open() as client:
        node = client.post(f"{path}/drain", repeatable=True)
        if wait:
            from punctual.cli.progress import Progress

            with Progress(to.show) as bar:
                node = until_left(client, node, limit, bar)
    to.show(node, _one(node))
    if not wait:
        to.show.aside("it is asked to drain (punctual worker list shows when it has left).")
    return DONE


def until_left(
    client: "Client",
    node: dict[str, Any],
    limit_seconds: float,
    bar: "Progress",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The worker when it has left.

    Raises:
        WaitedEnough: it has not after so long.
    """
    give_up_at = clock() + limit_seconds
    first = max(1, node["running"] + node["held"])
    while node["state"] != "dead":
        left = node["running"] + node["held"]
        bar.tell("drain", max(0, first - left), first, note=f"{left} attempts left")
        if clock() > give_up_at:
            raise WaitedEnough(
                f"worker {node['nodeId']} has not left after {limit_seconds:g} s:"
                " punctual worker list shows what it runs."
            )
        sleep(LOOK_EVERY_SECONDS)
        (node,) = [
            one for one in client.items("/api/v1/nodes") if one["nodeId"] == node["nodeId"]
        ] or [{**node, "state": "dead"}]
    return node


def state_of(node: dict[str, Any]) -> str:
    """`draining` is a live one that was asked to end."""
    draining = node["state"] == "live" and node["drainAskedAt"] is not None
    return "draining" if draining else str(node["state"])


def _one(node: dict[str, Any]) -> Fields:
    return Fields(
        [
            ("node", node["nodeId"]),
            ("state", state_of(node)),
            ("running", node["running"]),
            ("held", node["held"]),
            ("asked", local(node["drainAskedAt"])),
            ("left", local(node["diedAt"])),
        ]
    )


def _known(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise BadInput(f"{text!r} is no id of a node: punctual worker list shows them.") from None
