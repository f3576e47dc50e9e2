"""How late jobs began, inside and outside of the windows of faults: I3."""

from bisect import bisect_right
from dataclasses import dataclass

from tests.chaos.checker import keys
from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records, Window

WHOLE_SECONDS = 3.0
"""How late a job may begin when nothing is broken."""
SERVICE_SECONDS = 30.0
"""A service, broker, topic or database that is back (G6)."""
PROCESS_SECONDS = 12.0
"""A dead worker or scheduler: Kafka's session of 6 s or the TTL, whichever is longer, the grace, and 5 s."""
CLIENT_SECONDS = 3.0
HEALED_WITHIN = {
    "kill-worker": PROCESS_SECONDS,
    "freeze-worker": PROCESS_SECONDS,
    "drain-worker": PROCESS_SECONDS,
    "kill-scheduler": PROCESS_SECONDS,
    "freeze-scheduler": PROCESS_SECONDS,
    "rebalance-storm": PROCESS_SECONDS,
    "bad-records": CLIENT_SECONDS,
    "client-storm": CLIENT_SECONDS,
    "drop-client-replies": CLIENT_SECONDS,
}
"""Seconds after a fault of that kind; those that are not here have those of a service."""
HAD_KEY = keys.HAS_KEY | {"FAILED"}
MOVED_BY_CLIENTS = frozenset({"changed", "by-hand", "retried"})


@dataclass(frozen=True)
class Lateness:
    """A job's first start: seconds late, the bound, and whether a fault touched it."""

    job: str
    seconds: float
    bound: float
    faulty: bool


def lateness(records: Records) -> list[Lateness]:
    """Of every job that started."""
    windows = sorted(records.windows, key=lambda window: window.begin)
    first: dict[str, Record] = {}
    starts: dict[str, float] = {}
    freed = _freed(records)
    for (job, _), execution in sorted(records.executions.items()):
        first.setdefault(job, execution)
        if execution["started_at"] is not None:
            starts.setdefault(job, execution["started_at"])
    found = []
    for job, start in starts.items():
        due = max(_due(records, job, first[job], start), _before(start, job, freed))
        limit = bound(due, windows)
        faulty = limit > due + WHOLE_SECONDS
        found.append(Lateness(job, start - due, limit - due, faulty))
    return found


def _due(records: Records, job: str, execution: Record, start: float) -> float:
    """From when on it could have begun."""
    moved: list[float] = [
        row["at"]
        for row in records.history.get(job, [])
        if row["reason"] in MOVED_BY_CLIENTS and row["at"] <= start
    ]
    created: float = records.jobs[job]["created_at"] if job in records.jobs else 0.0
    due: float = execution["due_at"]
    return max([due, created, *moved])


def _freed(records: Records) -> dict[str, list[tuple[float, str]]]:
    """By job: when its ordering key was given back, and by whom."""
    found: dict[str, list[tuple[float, str]]] = {}
    for jobs in keys.of_keys(records).values():
        moments = sorted(
            (row["at"], job)
            for job in jobs
            for row in records.history.get(job, [])
            if row["from_status"] in HAD_KEY
        )
        found |= dict.fromkeys(jobs, moments)
    return found


def _before(start: float, job: str, freed: dict[str, list[tuple[float, str]]]) -> float:
    """When another job of its key last had the key before it began."""
    moments = freed.get(job, [])
    place = bisect_right(moments, start, key=lambda moment: moment[0])
    return next((at for at, who in reversed(moments[:place]) if who != job), 0.0)


def bound(due: float, windows: list[Window]) -> float:
    """By when it must have begun: soon after it was due, or soon after the last of a chain of faults that
    touches that time was healed. `windows` are in the order of their beginnings."""
    limit = due + WHOLE_SECONDS
    for window in windows:
        whole_at = window.end + HEALED_WITHIN.get(window.kind, SERVICE_SECONDS)
        if window.begin <= limit and whole_at >= due:
            limit = max(limit, whole_at)
    return limit


def timely(records: Records) -> Findings:
    """Every job that started did so within its bound."""
    found = Findings()
    for late in lateness(records):
        text = f"job {late.job} began {late.seconds:.1f} s late, at most {late.bound:.1f} s are allowed"
        found.judge(late.seconds <= late.bound, text)
    return found


def percentiles(values: list[float]) -> list[float]:
    """p50, p90, p99 and the highest; zeros if there are none."""
    ordered = sorted(values)
    if not ordered:
        return [0.0] * 4
    places = [int(len(ordered) * share) for share in (0.5, 0.9, 0.99)]
    return [*(ordered[place] for place in places), ordered[-1]]


RULES = (Rule("I3", "a job begins when it is due, or soon after the faults are healed", timely),)
