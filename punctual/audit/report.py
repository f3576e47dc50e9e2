"""The answer: as the document of contract.md section 6, or as lines for people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from punctual.audit.findings import MOST_NAMED
from punctual.audit.judge import Judgement
from punctual.audit.limits import not_checked
from punctual.audit.row import Row
from punctual.audit.rules import RULES

SHOWN = 200
"""Characters of a value that are shown: a result may be long."""


def document(judgement: Judgement) -> dict[str, Any]:
    """The JSON form. `totals` counts all violations of a rule; of each at most 20 are in `violations`."""
    findings, world = judgement.findings, judgement.world
    return {
        "ok": not findings.totals,
        "jobs": judgement.jobs,
        "rows": judgement.rows,
        "executions": judgement.executions,
        "at": _plain(world.now),
        "since": _plain(world.since),
        "checked": [rule.name for rule in RULES],
        "notChecked": [
            {"id": name, "why": why} for name, why in not_checked(world, judgement.retired)
        ],
        "totals": dict(findings.totals),
        "violations": [
            {
                "id": found.rule,
                "jobId": _plain(found.job_id),
                "text": found.breach.text,
                "rows": [{"table": table, **_fields(row)} for table, row in found.breach.rows],
            }
            for found in findings.named
        ],
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """The same for people, but for its last line."""
    yield f"{answer['jobs']} jobs, {answer['rows']} rows of history, {answer['executions']} executions"
    yield f"checked: {' '.join(answer['checked'])}"
    yield "not checked:"
    for one in answer["notChecked"]:
        yield f"  {one['id']}: {one['why']}"
    for found in answer["violations"]:
        yield f"BROKEN {found['id']}  {found['jobId'] or 'sums'}  {found['text']}"
        for row in found["rows"]:
            said = "  ".join(f"{k}={v}" for k, v in row.items() if k != "table" and v is not None)
            yield f"    {row['table']}: {said}"
    for name, total in answer["totals"].items():
        if total > MOST_NAMED:
            yield f"BROKEN {name}  and {total - MOST_NAMED} more"


def last_line(answer: dict[str, Any]) -> str:
    """What came out of it."""
    if answer["ok"]:
        return "No promise is broken."
    told = ", ".join(f"{name} {total} times" for name, total in answer["totals"].items())
    return f"Broken promises: {told}."


def _fields(row: Row) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str) and len(value) > SHOWN:
        return f"{value[:SHOWN]}…"
    return value
