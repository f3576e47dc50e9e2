"""The plans that a service's own statements really ran by, as auto_explain tells them.

Nothing is asked twice: the statements are those that the operations sent, with their arguments, on their
connection, with its settings and its prepared plans.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from job_service.postgres.database import Database

AUTO_EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}
"""Set for a database; its plans then come to the client as notices, and not into the server's log."""


@dataclass(frozen=True)
class Scan:
    """One node that reads rows: how many it looked at, and whether it walks a whole table."""

    kind: str
    relation: str
    rows: float


@dataclass(frozen=True)
class Plan:
    """One executed statement. `rows` counts every row that a scan looked at, those it threw away included (an
    index also leads to dead ones, they show in the pages only); `buffers` counts the pages touched;
    `milliseconds` is what the database took."""

    statement: str
    tree: dict[str, Any]
    scans: tuple[Scan, ...]
    buffers: int
    milliseconds: float

    @property
    def rows(self) -> float:
        """Rows that all scans looked at."""
        return sum(scan.rows for scan in self.scans)

    def outline(self) -> str:
        """The tree, a line for each node."""
        return "\n".join(_outline(self.tree, 0))


@dataclass
class PlanLog:
    """Gathers the plans of one connection."""

    _plans: list[Plan] = field(default_factory=list)

    @staticmethod
    async def switch_on(admin: asyncpg.Connection, *, plan_cache_mode: str) -> None:
        """For connections to this database that are opened from now on."""
        settings = {**AUTO_EXPLAIN, "plan_cache_mode": plan_cache_mode}
        name = await admin.fetchval("SELECT current_database()")
        for setting, value in settings.items():
            await admin.execute(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")

    async def listen(self, database: Database) -> None:
        """To the one connection of a database that is used by one task only."""

        async def attach(raw: asyncpg.Connection) -> None:
            raw.add_log_listener(self._heard)

        await database.run(attach)

    def take(self) -> list[Plan]:
        """What was executed since the last call."""
        plans, self._plans = self._plans, []
        return plans

    def _heard(self, _connection: object, message: Any) -> None:
        head, _, told = message.message.partition("plan:\n")
        if told:
            explained = json.loads(told)
            took = float(head.split()[1])  # "duration: 0.123 ms"
            self._plans.append(_plan(explained["Query Text"], explained["Plan"], took))


def _plan(statement: str, tree: dict[str, Any], milliseconds: float) -> Plan:
    nodes = list(_nodes(tree))
    # A CTE counts what it touched, and whoever reads it first counts that again.
    ctes = [node for node in nodes if node.get("Subplan Name", "").startswith("CTE ")]
    again = [node for node in nodes if node["Node Type"] == "CTE Scan"]
    buffers = sum(map(_buffers, [tree, *ctes])) - sum(map(_buffers, again))
    return Plan(statement, tree, tuple(_scans(nodes)), buffers, milliseconds)


def _buffers(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for child in tree.get("Plans", ()):
        yield from _nodes(child)


def _scans(nodes: list[dict[str, Any]]) -> Iterator[Scan]:
    for node in nodes:
        kind = node["Node Type"]
        if kind.endswith("Scan") and kind != "Bitmap Index Scan":
            looked_at = node["Actual Rows"] + sum(
                node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck")
            )
            name = node.get("Relation Name") or node.get("Index Name") or node.get("CTE Name")
            yield Scan(kind, name or "", looked_at * node["Actual Loops"])


def _outline(node: dict[str, Any], depth: int) -> Iterator[str]:
    what = " ".join(
        str(node[key])
        for key in ("Subplan Name", "Node Type", "Index Name", "Relation Name", "CTE Name")
        if key in node
    )
    removed = sum(value for key, value in node.items() if key.startswith("Rows Removed"))
    yield (
        f"{'  ' * depth}{what}: rows {node['Actual Rows']:g} x {node['Actual Loops']:g}, "
        f"removed {removed:g}, buffers {_buffers(node)}, expected {node['Plan Rows']}"
    )
    for child in node.get("Plans", ()):
        yield from _outline(child, depth + 1)
