"""What the harness's handlers record of their calls, in a file of the process's own in the directory that
`CHAOS_RECORDS` names, on the disk before the handler goes on.
"""

import os
import time
from pathlib import Path
from typing import Any

from tests.chaos.harness.journal import Journal
from worker_service.handler_api import Context

_journal: Journal | None = None


def note(what: str, context: Context, **values: Any) -> None:
    """Append a record of an attempt. Without any a process leaves no file."""
    global _journal
    if _journal is None:
        name = f"handlers-{os.getpid()}-{time.time_ns()}.jsonl"
        _journal = Journal(Path(os.environ["CHAOS_RECORDS"]) / name, durable=True)
    _journal.note(what, job=str(context.job_id), attempt=context.attempt, **values)


def note_start(context: Context) -> None:
    """That it began, where, and by which grant."""
    run: Any = context.check.__self__  # type: ignore[attr-defined]
    note(
        "start",
        context,
        execution=str(context.execution_id),
        node=str(run.node.id),
        due=context.due_at.timestamp(),
        pid=os.getpid(),
    )
