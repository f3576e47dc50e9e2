"""Tell job_service how far handlers are and what they log, gathered for a second.

Nothing of a job depends on it: what is refused is dropped, what is not answered is told again.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from shared.contracts.progress import MAX_TOLD, AttemptTells, TellProgress
from shared.runtime.http_client import NoAnswer, Refused
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.notes import Notes
from worker_service.operations.mailbox import Mailbox
from worker_service.operations.ports import JobService

EVERY_SECONDS = 1.0
MAX_LINES_TOLD = 1_000
"""In one request, or those of one attempt: at most 4 MB."""
MAX_WAITING = 10_000
"""Attempts with something new; what more of them say is not kept."""


class TellNotes:
    """Keeps the attempts that have something new. Made on the main loop; `notes` are written by any thread."""

    def __init__(
        self,
        calls: JobService,
        mailbox: Mailbox,
        executions: ExecutionLog,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._calls = calls
        self._executions = executions
        self._mailbox = mailbox
        self._clock = clock
        self._waiting: dict[int, Notes] = {}
        self._log = get(__name__)
        self.loop = Periodic("tell progress", self.run_once, every_seconds=EVERY_SECONDS)

    def notes(self, job_id: UUID, attempt: int, node: UUID) -> Notes:
        """For an attempt that starts."""
        return Notes(
            job_id=job_id, attempt=attempt, node=node, now=self._clock, tell=self._something_new
        )

    async def run_once(self) -> Mapping[str, int]:
        """Tell what is new of one node's attempts; `more` if others wait."""
        batch = self._batch()
        if not batch:
            return {}
        said = [(notes, *notes.taken()) for notes in batch]
        for notes, standing, _ in said:
            if standing is not None:
                self._executions.stands((notes.job_id, notes.attempt), standing)
        request = TellProgress(
            node=batch[0].node,
            attempts=[
                AttemptTells(job_id=n.job_id, attempt=n.attempt, progress=standing, lines=lines)
                for n, standing, lines in said
            ],
        )
        try:
            told = await self._calls.tell_progress(request)
        except NoAnswer:
            for notes, standing, lines in said:
                notes.given_back(standing, lines)
            raise
        except (Refused, ValueError) as error:
            self._log.error("progress was refused and is dropped", error=str(error)[:500])
            return {"refused": len(said), "more": len(self._waiting)}
        return {"told": told.kept, "more": len(self._waiting)}

    def _batch(self) -> list[Notes]:
        batch: list[Notes] = []
        lines = 0
        for key, notes in list(self._waiting.items()):
            if batch and notes.node != batch[0].node:
                continue
            lines += notes.waiting()
            if len(batch) >= MAX_TOLD or (batch and lines > MAX_LINES_TOLD):
                break
            batch.append(self._waiting.pop(key))
        return batch

    def _something_new(self, notes: Notes) -> None:
        # The main loop is closed: the process ends, and nobody is left to tell.
        with suppress(RuntimeError):
            self._mailbox.post(self._note, notes)

    def _note(self, notes: Notes) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting[id(notes)] = notes
