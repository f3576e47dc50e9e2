"""A subscriber of the event feed: takes batches, acknowledges them or not, and drops repeats."""

from dataclasses import dataclass, field
from uuid import UUID

from job_service.api.internal_events import written
from shared.contracts.events import EventsReply, EventsRequest, FeedCursor, FeedEvent
from tests.support.job_service import Service

Versions = dict[UUID, list[int]]
"""The versions of each job."""


async def ask(
    service: Service,
    node: UUID,
    acked: FeedCursor | None = None,
    *,
    limit: int = 1_000,
    wait_seconds: float = 0.0,
) -> EventsReply:
    """One request of a scheduler; the reply as it is on the wire."""
    request = EventsRequest(node=node, acked=acked, limit=limit, wait_seconds=wait_seconds)
    return EventsReply.model_validate_json(written(await service.operations.events.feed(request)))


async def history_of(service: Service) -> Versions:
    """All there is to be fed."""
    rows = await service.raw.fetch("SELECT job_id, version FROM job_history ORDER BY version")
    found: Versions = {}
    for row in rows:
        found.setdefault(row["job_id"], []).append(row["version"])
    return found


@dataclass
class Subscriber:
    """Asks as that scheduler; `events` is everything that ever came, repeats included."""

    service: Service
    node: UUID
    acked: FeedCursor | None = None
    events: list[FeedEvent] = field(default_factory=list)

    async def take(self, *, limit: int = 1_000, forget: bool = False) -> int:
        """Take one batch; `forget`: as if the scheduler had died before it acknowledged it."""
        reply = await ask(self.service, self.node, self.acked, limit=limit)
        assert reply.carrier
        self.events += reply.events
        if reply.end is not None and not forget:
            self.acked = reply.end
        return len(reply.events)

    def seen(self) -> Versions:
        """Versions in the order of their first coming."""
        found: Versions = {}
        for fed in self.events:
            of_job = found.setdefault(fed.event.job_id, [])
            if fed.event.version not in of_job:
                of_job.append(fed.event.version)
        return found
