"""What handlers inserted into their own database through the effect ledger: R22."""

from collections import defaultdict

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Records

ONCE = "CHAOS_ONCE"


def one_row(records: Records) -> Findings:
    """One row for each job of the type that succeeded, at most one for another, by a granted attempt."""
    found = Findings()
    rows: dict[str, list[int]] = defaultdict(list)
    for row in records.all("row"):
        if row["how"] == "once":
            rows[row["job"]].append(row["attempt"])
    for job, attempts in rows.items():
        for attempt in attempts:
            granted = (job, attempt) in records.executions
            found.judge(granted, f"job {job}: a row of attempt {attempt}, never granted")
    for job, row in records.jobs.items():
        if row["job_type"] == ONCE:
            count = len(rows.get(job, ()))
            right = count == 1 if row["status"] == "SUCCESS" else count <= 1
            found.judge(right, f"job {job} is {row['status']} and has {count} rows")
    return found


RULES = (Rule("R22", "through `once` each job has one row, whatever was tried again", one_row),)
