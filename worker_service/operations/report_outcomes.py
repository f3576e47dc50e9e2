"""Tell job_service what became of attempts. A result is kept until a definite answer (R3).

One request at a time; what ends meanwhile gathers for the next. A start that was held is told
before or with its end, never after it. A batch that is refused is cut in half until the bad item
stands alone; that one is told as a failure without its result, and dropped only if that is refused
too.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.reports import (
    MAX_REPORT,
    End,
    EndAnswer,
    ReportRequest,
    Start,
    Verdict,
)
from shared.contracts.states import Outcome
from shared.kernel.clock import DatabaseClock, MonotonicClock
from shared.runtime import failpoints
from shared.runtime.http_client import Refused
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.attempts import Attempt, AttemptTable, Key, State
from worker_service.domain.batch_limit import BatchLimit
from worker_service.domain.execution_log import ExecutionLog
from worker_service.domain.node import Node
from worker_service.domain.outcome import Ended
from worker_service.operations.ports import JobService

MAX_BODY_BYTES = 4 * 1024 * 1024
OVERHEAD_BYTES = 600
"""An end without its result and error."""
EVERY_SECONDS, IDLE_SECONDS = 0.25, 1.0
"""After a round that failed or left something untold, and while there is nothing to tell: what there is to tell
wakes the loop."""


@dataclass(slots=True)
class Tale:
    """What is still to be told of one attempt."""

    attempt: Attempt
    node: Node
    start: Start | None = None
    end: End | None = None
    size: int = OVERHEAD_BYTES
    start_waits: bool = False
    """The start was refused when told alone: it goes with the end."""
    reduced: bool = False
    """The end was refused alone: it is told without its result."""

    def ripe(self) -> bool:
        """Whether there is something to tell now."""
        return self.end is not None or (self.start is not None and not self.start_waits)


Told = tuple[Tale, Start | None, End | None]
"""A tale and what of it was in the request."""


class ReportOutcomes:
    """Keeps tales until job_service has answered them."""

    def __init__(
        self,
        calls: JobService,
        table: AttemptTable,
        log: ExecutionLog,
        *,
        clock: DatabaseClock,
        now: MonotonicClock,
    ) -> None:
        self._calls = calls
        self._table = table
        self._executions = log
        self._clock = clock
        self._now = now
        self._tales: OrderedDict[Key, Tale] = OrderedDict()
        self._limit = BatchLimit(MAX_REPORT)
        self._log = get(__name__)
        self.loop = Periodic(
            "report", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )

    def started(self, attempt: Attempt, at: datetime) -> None:
        """A held attempt's handler was called."""
        start = Start(job_id=attempt.job_id, attempt=attempt.attempt, started_at=at)
        self._tale(attempt).start = start
        self.loop.wake()

    def ended(
        self, attempt: Attempt, ended: Ended, *, started_at: datetime | None, at: datetime
    ) -> None:
        """It has an outcome; from here on the answer alone takes it out of the table."""
        self._table.move(attempt, State.REPORTING)
        self._executions.ended(attempt, ended, at)
        tale = self._tale(attempt)
        tale.end = _end(attempt, ended, started_at=started_at, at=at)
        tale.size = OVERHEAD_BYTES + ended.size + 4 * len(ended.error or "")
        self.loop.wake()

    def waiting(self) -> int:
        """Ends without a definite answer."""
        return sum(tale.end is not None for tale in self._tales.values())

    async def run_once(self) -> Mapping[str, int]:
        """Tell one batch; `more` if others wait."""
        sent = self._batch()
        if not sent:
            return {}
        request = ReportRequest(
            node=sent[0][0].node.id,
            starts=[start for _, start, _ in sent if start is not None],
            ends=[end for _, _, end in sent if end is not None],
        )
        if request.ends:
            failpoints.hit("report.sending")
        asked_at = self._now()
        try:
            reply = await self._calls.report(request)
        except (Refused, ValueError) as error:
            if self._limit.refused(len(sent)):
                self._give_way(sent[0][0], error)
            return {"refused": len(sent), "more": 1}
        if request.ends:
            failpoints.hit("report.answered")
        self._clock.heard(reply.now, asked_at=asked_at)
        self._limit.accepted()
        answers = {(answer.job_id, answer.attempt): answer for answer in reply.ends}
        untold = {(ref.job_id, ref.attempt) for ref in reply.untold}
        done = sum(
            self._settle(item, answers) for item in sent if item[0].attempt.key not in untold
        )
        more = done > 0 and any(tale.ripe() for tale in self._tales.values())
        return {"told": done, "untold": len(untold), "more": int(more)}

    def _tale(self, attempt: Attempt) -> Tale:
        node, _ = attempt.granted()
        tale = self._tales.get(attempt.key)
        if tale is None:
            tale = self._tales[attempt.key] = Tale(attempt, node)
        return tale

    def _batch(self) -> list[Told]:
        """The oldest tales of one node (a dead one's may stand beside the current one's)."""
        sent: list[Told] = []
        size = 0
        for tale in self._tales.values():
            if not tale.ripe() or (sent and tale.node is not sent[0][0].node):
                continue
            size += tale.size
            if len(sent) >= self._limit.size or (sent and size > MAX_BODY_BYTES):
                break
            sent.append((tale, tale.start, tale.end))
        return sent

    def _settle(self, item: Told, answers: Mapping[Key, EndAnswer]) -> bool:
        """Take the answer to one tale; whether it had one."""
        tale, start, end = item
        if start is not None:
            tale.start = None
        if end is None:
            if tale.end is None:
                self._forget(tale)
            return True
        answer = answers.get(tale.attempt.key)
        if answer is None:
            return False
        if answer.verdict is Verdict.LATE:
            self._executions.late(tale.attempt)
            self._log.warning(
                "a report came too late and changed nothing",
                job_id=str(tale.attempt.job_id),
                attempt=tale.attempt.attempt,
                node=str(tale.node.id),
                status=answer.status,
            )
        self._forget(tale)
        self._table.remove(tale.attempt, remember=True)
        return True

    def _give_way(self, tale: Tale, error: Exception) -> None:
        """One tale alone was refused: find a form that is taken, or drop it."""
        words = {
            "job_id": str(tale.attempt.job_id),
            "attempt": tale.attempt.attempt,
            "error": str(error)[:500],
        }
        if tale.end is None:
            tale.start_waits = True
            self._log.error("a start was refused", **words)
        elif not tale.reduced:
            tale.reduced = True
            tale.end = _unreportable(tale.end)
            tale.size = OVERHEAD_BYTES
            self._log.error("a result was refused; telling a failure instead", **words)
        else:
            self._log.error("an end was refused in every form and is dropped", **words)
            self._forget(tale)
            self._table.remove(tale.attempt, remember=True)

    def _forget(self, tale: Tale) -> None:
        self._tales.pop(tale.attempt.key, None)


def _end(attempt: Attempt, ended: Ended, *, started_at: datetime | None, at: datetime) -> End:
    return End(
        job_id=attempt.job_id,
        attempt=attempt.attempt,
        outcome=ended.outcome,
        started_at=started_at,
        ended_at=at if started_at is None else max(at, started_at),
        result=ended.result,
        error=ended.error,
        reason=ended.reason,
        retry=ended.retry,
        retry_after_seconds=ended.retry_after_seconds,
    )


def _unreportable(end: End) -> End:
    return End(
        job_id=end.job_id,
        attempt=end.attempt,
        outcome=Outcome.FAILED,
        started_at=end.started_at,
        ended_at=end.ended_at,
        error="unreportable result",
        reason="failed",
        retry=False,
    )
