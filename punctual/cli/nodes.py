"""The verbs on nodes."""

from typing import Any

from cyclopts import App

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE
from punctual.cli.show import Table, local

app = App(name="node", help="Schedulers and workers.")


@app.command(name="list")
def list_nodes(*, to: Connection = HERE) -> int:
    """List live and recently dead schedulers and workers."""
    with to.open() as client:
        nodes = client.items("/api/v1/nodes")
    headings = ["NODE", "ROLE", "STATE", "RUNNING", "HELD", "SLOTS", "TYPES", "LAST SEEN"]
    to.show(nodes, Table(headings, [_row(node) for node in nodes], "No node has registered yet."))
    return DONE


def _row(node: dict[str, Any]) -> list[Any]:
    names = ("nodeId", "role", "state", "running", "held", "slots", "types")
    return [*(node.get(name) for name in names), local(node.get("lastSeenAt"), milliseconds=False)]
