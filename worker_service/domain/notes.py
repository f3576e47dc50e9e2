"""What a handler tells while it runs: how far it is, and lines of its log. Bounded for each attempt.

Handlers' threads write, the main loop reads: each of the two only appends to, or takes from, its own end.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.progress import MAX_LINE_CHARS, MAX_LINES, Level, Line, Standing
from worker_service.domain.text import clean
from worker_service.handler_api import Progress


class Notes:
    """Of one attempt. `tell` is called, by any thread, when there is something new and the reader has not been
    told yet."""

    def __init__(
        self,
        *,
        job_id: UUID,
        attempt: int,
        node: UUID,
        now: Callable[[], datetime],
        tell: Callable[["Notes"], Any],
    ) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self.node = node
        self._now = now
        self._tell = tell
        self._told = False
        self._standing: Standing | None = None
        self._lines: deque[Line] = deque()
        self._kept = 0

    def progress(self, progress: Progress) -> None:
        """The last one counts."""
        note = clean(progress.note, len(progress.note))
        self._standing = Standing(
            done=progress.done, total=progress.total, note=note, at=self._now()
        )
        self._something_new()

    def line(self, level: Level, event: str, values: dict[str, Any]) -> None:
        """One more line, as long as there is room; the last that is kept says that more are not."""
        if self._kept >= MAX_LINES:
            return
        self._kept += 1
        if self._kept == MAX_LINES:
            level, event, values = "warning", "further lines are in the worker's log only", {}
        text = " ".join([event, *(f"{name}={value!r}" for name, value in values.items())])
        self._lines.append(Line(at=self._now(), level=level, text=clean(text, MAX_LINE_CHARS)))
        self._something_new()

    def waiting(self) -> int:
        """Lines that are new."""
        return len(self._lines)

    def taken(self) -> tuple[Standing | None, list[Line]]:
        """What is new since the last time."""
        self._told = False
        standing, self._standing = self._standing, None
        return standing, [self._lines.popleft() for _ in range(len(self._lines))]

    def given_back(self, standing: Standing | None, lines: list[Line]) -> None:
        """It could not be told: it goes with the next, before what came meanwhile."""
        self._standing = self._standing or standing
        self._lines.extendleft(reversed(lines))
        self._something_new()

    def _something_new(self) -> None:
        if not self._told:
            self._told = True
            self._tell(self)
