"""The sums, and what must be whole again at the end: I21, I22."""

from collections import Counter, defaultdict

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records, settled

IDLE_SECONDS = 10.0
"""How long a session may be idle in a transaction."""
MEMORY_SHARE = 1.2
MEMORY_KIB = 16 * 1024
"""A process may grow by a fifth and by this much over the first looks at its role."""
FIRST_LOOKS = 6


def conservation(records: Records) -> Findings:
    """Every job is in one state; the kept counts, the metrics and the histories say the same."""
    found = Findings()
    counted = Counter(job["status"] for job in records.jobs.values())
    kept = {row["status"]: row["jobs"] for row in records.all("counts") if row["jobs"]}
    shown = {row["status"]: row["jobs"] for row in records.all("metric") if row["jobs"]}
    told = Counter(rows[-1]["to_status"] for rows in records.history.values())
    created = sum(1 for rows in records.history.values() if rows[0]["from_status"] is None)
    found.judge(len(records.jobs) == created, f"{created} creates, {len(records.jobs)} jobs")
    for status in counted.keys() | kept.keys() | shown.keys() | told.keys():
        said = (kept.get(status, 0), shown.get(status, 0), told[status])
        text = f"{status}: {counted[status]} jobs; counts, metrics and histories say {said}"
        found.judge(set(said) == {counted[status]}, text)
    return found


def recovery(records: Records) -> Findings:
    """At the end nothing is due, in flight or unread, each unsuccessful job has its row, all nodes live, no
    session is stuck in a transaction, and memory has not grown."""
    found = Findings()
    for table in ("due", "inflight"):
        for row in records.all(table):
            found.judge(False, f"job {row['job_id']} is still in {table}")
    letters = {row["job_id"]: row["status"] for row in records.all("unsuccessful")}
    for job in records.jobs.values():
        expected = job["status"] if settled(job) and job["status"] != "SUCCESS" else None
        text = f"job {job['id']} is {job['status']}, in unsuccessful it is {letters.get(job['id'])}"
        found.judge(letters.get(job["id"]) == expected, text)
    for row in records.all("lag"):
        text = f"topic partition {row['topic_partition']}: {row['lag']} records are not committed"
        found.judge(row["lag"] <= 0, text)
    run = records.one("run")
    for role in ("worker", "scheduler"):
        live = sum(1 for n in records.all("nodes") if (n["role"], n["state"]) == (role, "live"))
        found.judge(live == run.get(f"{role}s", live), f"{live} live nodes of role {role}")
    for session in records.all("sessions"):
        stuck = str(session["state"]).startswith("idle in transaction")
        text = f"a session has been idle in a transaction for {session['open_for']} s"
        found.judge(not stuck or session["open_for"] < IDLE_SECONDS, text)
    _judge_memory(records, found)
    return found


def _judge_memory(records: Records, found: Findings) -> None:
    first: dict[str, list[int]] = defaultdict(list)
    for row in records.all("memory"):
        if len(first[_role(row)]) < FIRST_LOOKS:
            first[_role(row)].append(row["kib"])
    for row in records.all("memory-after"):
        if _role(row) in first:
            most = max(first[_role(row)]) * MEMORY_SHARE + MEMORY_KIB
            text = f"{row['process']} has {row['kib']} KiB resident, at most {most:.0f} are allowed"
            found.judge(row["kib"] <= most, text)


def _role(row: Record) -> str:
    name: str = row["process"]
    return name.rpartition("-")[0]


RULES = (
    Rule("I21", "the sums agree: jobs, counts, metrics, histories", conservation),
    Rule("I22", "whole again: nothing due, in flight or unread, nodes live, memory flat", recovery),
)
