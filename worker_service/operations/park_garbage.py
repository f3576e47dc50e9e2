"""Put records away that are no dispatches, so that they never stop a topic partition.

A record is decided once its row is durable. Batches are bounded in records and bytes, and repeated
until answered; a batch that is refused is cut in half until the bad record stands alone and is
given up.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.reports import MAX_PARKED_BYTES, ParkedRecord, ParkRequest
from shared.runtime.http_client import Refused
from shared.runtime.log import get
from shared.runtime.periodic import Periodic
from worker_service.domain.batch_limit import BatchLimit
from worker_service.domain.offset_tracker import Place
from worker_service.domain.text import clean
from worker_service.operations.ports import JobService

MAX_RECORDS = 100
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_REASON_CHARS = 500
EVERY_SECONDS, IDLE_SECONDS = 0.25, 1.0
"""After a round that failed or left work, and while there is nothing to do: what comes wakes the loop."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """What is kept of a record until it is parked: the head of its bytes only."""

    topic: str
    topic_partition: int
    offset: int
    sha256: str
    size: int
    head: bytes
    reason: str
    place: Place

    def parked(self) -> ParkedRecord:
        """As it goes on the wire."""
        return ParkedRecord(
            topic=self.topic,
            topic_partition=self.topic_partition,
            record_offset=self.offset,
            sha256=self.sha256,
            size=self.size,
            reason=self.reason,
            raw=base64.b64encode(self.head).decode(),
        )

    def cost(self) -> int:
        """Bytes of JSON, about."""
        return len(self.head) * 4 // 3 + 1_000


class ParkGarbage:
    """Garbage that waits for its row."""

    def __init__(self, calls: JobService) -> None:
        self._calls = calls
        self._waiting: deque[Garbage] = deque()
        self._limit = BatchLimit(MAX_RECORDS)
        self._log = get(__name__)
        self.loop = Periodic(
            "park garbage", self.run_once, every_seconds=EVERY_SECONDS, idle_seconds=IDLE_SECONDS
        )

    def add(
        self, topic: str, topic_partition: int, value: bytes | None, reason: str, place: Place
    ) -> None:
        """Note a record that is no dispatch."""
        raw = value or b""
        self._waiting.append(
            Garbage(
                topic=topic,
                topic_partition=topic_partition,
                offset=place.offset,
                sha256=hashlib.sha256(raw).hexdigest(),
                size=len(raw),
                head=raw[:MAX_PARKED_BYTES],
                reason=clean(reason, MAX_REASON_CHARS),
                place=place,
            )
        )
        self.loop.wake()

    def backlog(self) -> int:
        """Records that wait."""
        return len(self._waiting)

    async def run_once(self) -> Mapping[str, int]:
        """Park one batch; `more` if others wait."""
        batch = self._batch()
        if not batch:
            return {}
        try:
            reply = await self._calls.park(ParkRequest(records=[g.parked() for g in batch]))
        except Refused as error:
            if not self._limit.refused(len(batch)):
                return {"refused": len(batch), "more": 1}
            self._log.error(
                "a record that is no dispatch could not be parked and is passed over",
                topic_partition=batch[0].topic_partition,
                offset=batch[0].offset,
                error=str(error)[:500],
            )
        else:
            self._limit.accepted()
            self._log.warning("parked records", records=len(batch), rows=reply.parked)
        for garbage in batch:
            self._waiting.popleft()
            self._log.debug(
                "record decided",
                topic_partition=garbage.topic_partition,
                offset=garbage.offset,
                decision="parked",
            )
            garbage.place.decided()
        return {"parked": len(batch), "more": len(self._waiting)}

    def _batch(self) -> list[Garbage]:
        batch: list[Garbage] = []
        cost = 0
        for garbage in self._waiting:
            cost += garbage.cost()
            if len(batch) >= self._limit.size or (batch and cost > MAX_BODY_BYTES):
                break
            batch.append(garbage)
        return batch
