"""What a claim request says of the ones before it (R8), and of what was published since (R21).

`seq` rises with every request. `acked` is the highest seq whose reply arrived: an unanswered
request is followed by a new seq with the same acked, and job_service sends its jobs again. Reports
of published records ride along until a reply came for the request that carried them. A ledger
belongs to one node id.
"""

from collections.abc import Iterable
from itertools import islice
from uuid import UUID

from scheduler_service.domain.held_jobs import AttemptKey
from shared.contracts.claims import ClaimRequest, Published

REPORT_AFTER_SECONDS = 1.0
"""Most records are leased by then, so that their report changes nothing any more."""
MAX_REPORTS_PER_REQUEST = 2_000
"""Some 300 kB of JSON, well below the 1 MiB of a request."""
MAX_REPORTS = 50_000
"""Beyond it the oldest is forgotten: then only the reconciler's longer wait applies to that job."""


class ClaimLedger:
    """Seconds are of one monotonic clock, which the caller brings."""

    def __init__(self, node: UUID) -> None:
        self.node = node
        self._seq = 0
        self._acked = 0
        self._reports: dict[AttemptKey, tuple[float, Published]] = {}

    def has_reports(self) -> bool:
        """Whether something is left to report."""
        return bool(self._reports)

    def note_published(self, reports: Iterable[Published], *, at: float) -> None:
        """Records were acknowledged by the broker at `at`."""
        for report in reports:
            key = (report.job_id, report.attempt)
            self._reports.pop(key, None)
            self._reports[key] = (at, report)
        surplus = len(self._reports) - MAX_REPORTS
        for key in list(islice(self._reports, max(0, surplus))):
            del self._reports[key]

    def next_request(self, *, limit: int, wait_seconds: float, at: float) -> ClaimRequest:
        """The request to send at `at`. Whatever was not answered before counts as unanswered."""
        self._seq += 1
        return ClaimRequest(
            node=self.node,
            seq=self._seq,
            acked=self._acked,
            limit=limit,
            wait_seconds=wait_seconds,
            published=self._reports_older_than(at - REPORT_AFTER_SECONDS),
        )

    def answered(self, request: ClaimRequest) -> None:
        """The reply to `request` has arrived."""
        self._acked = max(self._acked, request.seq)
        for report in request.published:
            key = (report.job_id, report.attempt)
            kept = self._reports.get(key)
            if kept is not None and kept[1] == report:
                del self._reports[key]

    def _reports_older_than(self, moment: float) -> list[Published]:
        carried: list[Published] = []
        for noted_at, report in self._reports.values():
            if noted_at > moment or len(carried) == MAX_REPORTS_PER_REQUEST:
                break
            carried.append(report)
        return carried
