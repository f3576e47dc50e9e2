"""In which order rows of the history become events (ADR 0010).

The feed reads rows by (transaction id, job, version): the only order in which nothing that commits late can
be missed. It is not the order of a job's versions: a transaction may have taken its id early, waited for the
lock of a job, and then written a version above one of a transaction with a later id. What the later version
needs was committed before it could be written, so it can always be fetched along.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

Place = tuple[int, UUID, int]
"""Transaction id, job, version."""


class HistoryRow(NamedTuple):
    """One row that is to be fed. `before` is the transaction id of the row of the version before it; None where
    there is none, or none that is fed: it was written before there was a feed, or is gone by retention.
    `event` is what is fed, a FeedEvent as JSON text."""

    xid: int
    job_id: UUID
    version: int
    before: int | None
    event: str

    @property
    def place(self) -> Place:
        """Where it stands in the feed."""
        return self.xid, self.job_id, self.version


def lacking(rows: Collection[HistoryRow], *, after: Place) -> dict[UUID, int]:
    """Jobs with a version among `rows` whose predecessor is neither among them nor at or before `after`, which
    is how far the broker has everything. For each its highest such version."""
    here = {(row.job_id, row.version) for row in rows}
    found: dict[UUID, int] = {}
    for _, job_id, version, before, _ in rows:
        if before is None or before < after[0] or (job_id, version - 1) in here:
            continue
        if (before, job_id, version - 1) > after:
            found[job_id] = max(version, found.get(job_id, 0))
    return found


def in_order(rows: Sequence[HistoryRow]) -> Sequence[HistoryRow]:
    """As they were committed as far as that is known, and each job's by version."""
    if _is_in_order(rows):
        return rows
    reached: dict[UUID, int] = {}
    keyed: list[tuple[Place, HistoryRow]] = []
    for row in sorted(rows, key=lambda row: (row.job_id, row.version)):
        reached[row.job_id] = max(row.xid, reached.get(row.job_id, 0))
        keyed.append(((reached[row.job_id], row.job_id, row.version), row))
    return [row for _, row in sorted(keyed, key=lambda pair: pair[0])]


def _is_in_order(rows: Sequence[HistoryRow]) -> bool:
    """Nearly always: then nothing has to be sorted."""
    reached: dict[UUID, int] = {}
    last = 0
    for xid, job_id, version, _, _ in rows:
        if xid < last or version < reached.get(job_id, 0):
            return False
        last, reached[job_id] = xid, version
    return True
