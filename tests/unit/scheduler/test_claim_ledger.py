"""What a claim acknowledges and reports."""

from scheduler_service.domain.claim_ledger import (
    MAX_REPORTS,
    MAX_REPORTS_PER_REQUEST,
    REPORT_AFTER_SECONDS,
    ClaimLedger,
)
from shared.contracts.claims import ClaimRequest, Published
from shared.kernel.ids import new_id


def request(ledger: ClaimLedger, *, at: float = 0.0) -> ClaimRequest:
    return ledger.next_request(limit=10, wait_seconds=0.0, at=at)


def published(offset: int = 0) -> Published:
    return Published(job_id=new_id(), attempt=1, topic_partition=0, record_offset=offset)


def test_a_lost_reply_is_followed_by_a_new_seq_with_the_same_acked() -> None:
    """R8: what was claimed under the unanswered request is sent again."""
    ledger = ClaimLedger(new_id())
    ledger.answered(request(ledger))
    seen = [request(ledger) for _ in range(3)]
    assert [(r.seq, r.acked) for r in seen] == [(2, 1), (3, 1), (4, 1)]
    ledger.answered(seen[-1])
    after = request(ledger)
    assert (after.seq, after.acked) == (5, 4)


def test_a_record_is_reported_a_second_later_and_until_a_reply_came() -> None:
    """R21: the report is repeated with each claim until one that carried it is answered."""
    ledger = ClaimLedger(new_id())
    report = published()
    ledger.note_published([report], at=5.0)
    assert request(ledger, at=5.0 + REPORT_AFTER_SECONDS / 2).published == []
    lost = request(ledger, at=5.0 + REPORT_AFTER_SECONDS)
    again = request(ledger, at=7.0)
    assert lost.published == again.published == [report]
    ledger.answered(again)
    assert not ledger.has_reports()
    assert request(ledger, at=8.0).published == []


def test_a_later_record_of_the_same_attempt_is_reported_too() -> None:
    ledger = ClaimLedger(new_id())
    first = published(offset=1)
    second = first.model_copy(update={"record_offset": 2})
    ledger.note_published([first], at=0.0)
    carried = request(ledger, at=2.0)
    ledger.note_published([second], at=2.0)
    ledger.answered(carried)
    assert request(ledger, at=4.0).published == [second]


def test_reports_are_bounded_and_the_oldest_goes() -> None:
    ledger = ClaimLedger(new_id())
    reports = [published(n) for n in range(MAX_REPORTS + 1)]
    ledger.note_published(reports, at=0.0)
    carried = request(ledger, at=2.0).published
    assert len(carried) == MAX_REPORTS_PER_REQUEST
    assert carried[0] == reports[1]
