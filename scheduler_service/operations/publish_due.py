"""Hand over to the broker what is due within the lead, and set the alarm for the next bucket."""

from collections.abc import Callable, Mapping, Sequence

from scheduler_service.domain.held_jobs import HeldJobs
from shared.contracts.claims import Claimed
from shared.kernel.clock import DatabaseClock

SHORTEST_SLEEP_SECONDS = 0.001


class PublishDue:
    """Time is the lower bound of the database clock: too early only by what a worker holds anyway
    (R5).

    `publish` takes the jobs and answers for them; `alarm` asks for another round in so many
    seconds.
    """

    def __init__(
        self,
        *,
        held: HeldJobs,
        clock: DatabaseClock,
        publish: Callable[[Sequence[Claimed]], None],
        alarm: Callable[[float], None],
    ) -> None:
        self._held = held
        self._clock = clock
        self._publish = publish
        self._alarm = alarm

    async def run_once(self) -> Mapping[str, int]:
        """One round; how many jobs were handed over, and how many are held."""
        return {"handed": len(self.hand_over()), "held": len(self._held)}

    def hand_over(self) -> list[Claimed]:
        """The jobs that are on their way to the broker from now on."""
        if not self._clock.known():
            return []
        jobs = self._held.take_due(self._clock.at_least())
        if jobs:
            self._publish(jobs)
        pause = self._held.seconds_to_next(self._clock.at_least())
        if pause is not None:
            self._alarm(max(pause, SHORTEST_SLEEP_SECONDS))
        return jobs
