"""Three workers and far more jobs than slots, all due at once."""

import time
from datetime import UTC, datetime, timedelta

from tests.support.looking import rows, wait_all_settled
from tests.support.planting import plant
from tests.support.sink import listening_sink
from tests.support.stacks import running_stack
from tests.support.verdict import judge

JOBS = 3_000
WORKERS = 3
SHARE = JOBS / 5
"""What each worker must run at least."""
AHEAD_SECONDS = 5.0
SETTLED_WITHIN_SECONDS = 60.0

BY_NODE = "SELECT node, count(*) AS ran FROM executions WHERE status = 'SUCCESS' GROUP BY node"


def test_three_thousand_jobs_due_at_once_are_shared_by_three_workers() -> None:
    """G2, G4, G5, G7: all succeed, no attempt begins twice or early (the sink's word), `version` rises by
    one, and each worker has its share."""
    with running_stack(workers=WORKERS) as stack, listening_sink() as sink:
        due = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS)
        payload = {"port": sink.port, "sleep_ms": 20}
        ids = plant(stack, JOBS, "SINK", payload, due_at=due)
        assert time.time() < due.timestamp() - 2, "planted too late to be ahead"
        wait_all_settled(stack, ids, within=AHEAD_SECONDS + SETTLED_WITHIN_SECONDS)

        verdict = judge(stack, ids, healed_at=due.timestamp(), told=sink.told())
        shares = sorted(row["ran"] for row in rows(stack, BY_NODE))
        print(f"{verdict} by_worker={shares}")
        assert (verdict.lost, verdict.failures) == (0, 0)
        assert len(sink.told()) == JOBS
        assert len(shares) == WORKERS
        assert shares[0] >= SHARE
