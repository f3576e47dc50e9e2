"""One claim-and-publish round at once, asked for by hand."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scheduler_service.domain.held_jobs import HeldJobs, key_of
from scheduler_service.operations.claim_due import ClaimDue
from scheduler_service.operations.publish_due import PublishDue

FLUSH_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class ScanResult:
    """`claimed`: jobs that came new. `published`: jobs of this round that the broker acknowledged;
    a job that is due later is published later."""

    claimed: int
    published: int


class ScanNow:
    """`flush` waits up to so many seconds for what is on its way to the broker."""

    def __init__(
        self,
        *,
        claim: ClaimDue,
        publish: PublishDue,
        held: HeldJobs,
        flush: Callable[[float], Awaitable[None]],
    ) -> None:
        self._claim = claim
        self._publish = publish
        self._held = held
        self._flush = flush

    async def run(self) -> ScanResult:
        """The round.

        Raises:
            CallFailed: job_service did not answer.
            NotRegistered: there is no live node.
        """
        self._claim.interrupt()
        claimed = await self._claim.claim(wait_seconds=0.0)
        # The loop may have handed some of them over before us: so both lists are looked at.
        round_ = {key_of(job) for job in [*claimed, *self._publish.hand_over()]}
        await self._flush(FLUSH_LIMIT_SECONDS)
        return ScanResult(len(claimed), sum(key not in self._held for key in round_))
