"""Rows of history and executions, written short."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from punctual.audit.life import Life, fold

WORKER, OTHER, SCHEDULER = UUID(int=1), UUID(int=2), UUID(int=3)
BEGIN = datetime(2026, 11, 21, 10, tzinfo=UTC)

_WHO = {
    "created": ("client", None),
    "claimed": ("scheduler", SCHEDULER),
    "held": ("worker", WORKER),
    "started": ("worker", WORKER),
    "succeeded": ("worker", WORKER),
    "failed": ("worker", WORKER),
    "released": ("worker", WORKER),
    "snoozed": ("worker", WORKER),
    "lost": ("duty", None),
    "poison": ("duty", None),
    "timeout": ("duty", WORKER),
}


def history(*steps: str) -> list[dict[str, Any]]:
    """One row for each `TO reason attempt`, a minute after the other."""
    rows: list[dict[str, Any]] = []
    for version, step in enumerate(("CREATED created 0", *steps)):
        after, reason, attempt = step.split()
        actor, node = _WHO.get(reason, ("client", None))
        rows.append(
            {
                "version": version,
                "from_status": rows[-1]["to_status"] if rows else None,
                "to_status": after,
                "attempt": int(attempt),
                "node": node,
                "at": BEGIN + timedelta(minutes=version),
                "reason": reason,
                "actor": actor,
                "result_hash": None,
            }
        )
    return rows


def folded(*steps: str, due: datetime = BEGIN) -> Life:
    """The fold of that history; every attempt was due at that time."""
    return fold(history(*steps), [{"attempt": n, "due_at": due} for n in range(1, 10)])
