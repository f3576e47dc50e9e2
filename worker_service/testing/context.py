"""A context as a handler gets it, for a test."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from worker_service.handler_api import (
    DEFAULT_TIMEOUT_SECONDS,
    Cancelled,
    Context,
    Progress,
)
from worker_service.testing.clock import Clock


@dataclass(frozen=True)
class LogEntry:
    """What a handler logged. `level`: info, warning or error."""

    level: str
    event: str
    values: dict[str, Any]


class RecordedLog:
    """A log that keeps what is said; `entries` in order."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    def info(self, event: str, **values: Any) -> None:
        self.entries.append(LogEntry("info", event, values))

    def warning(self, event: str, **values: Any) -> None:
        self.entries.append(LogEntry("warning", event, values))

    def error(self, event: str, **values: Any) -> None:
        self.entries.append(LogEntry("error", event, values))


def make_context(
    *,
    job_id: UUID | None = None,
    epoch: int = 1,
    attempt: int = 1,
    failures: int = 0,
    name: str = "a test",
    clock: Clock | None = None,
    log: RecordedLog | None = None,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Context:
    """One attempt's context, due now by the clock. `check()` raises once its deadline is past. `tell` hears of
    its progress.
    """
    clock = clock or Clock()
    deadline = clock.now() + timedelta(seconds=timeout_seconds)

    def check() -> None:
        if clock.now() >= deadline:
            raise Cancelled("its time is over")

    return Context(
        job_id=job_id or uuid4(),
        epoch=epoch,
        attempt=attempt,
        execution_id=uuid4(),
        name=name,
        due_at=clock.now(),
        deadline=deadline,
        failures=failures,
        log=log or RecordedLog(),
        check=check,
        tell=tell,
    )
