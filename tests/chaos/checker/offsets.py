"""No offset is committed before the fate of every record below it is durable: I13.

The records are those that the harness read from the topic itself; decisions and commits are what the workers'
logs say, and what they say is compared with the database.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records

NEVER = float("inf")
UNCLEAR_SECONDS = 20.0
"""After a topic was deleted nobody can say which of two logs a commit was meant for."""

Place = tuple[int, int, str | None, int | None]
"""Topic partition and offset of a record, with the job and attempt that it names."""


def decided_first(records: Records) -> Findings:
    """Every record below a committed offset was decided by then; at the end, by what Kafka itself keeps."""
    found = Findings()
    decided = _decided(records)
    logs = {place: _Log(rows, decided) for place, rows in _by_log(records).items()}
    unclear = [
        (w.begin, w.end + UNCLEAR_SECONDS) for w in records.windows if w.kind == "delete-topic"
    ]
    for commit in [*records.all("committed"), *_last_commits(records)]:
        if any(begin <= commit["at"] <= end for begin, end in unclear):
            continue
        log = _log_at(commit["topic_partition"], commit["at"], logs)
        if log is not None:
            at, culprit = log.decided_below(commit["offset"])
            text = (
                f"topic partition {commit['topic_partition']}: offset {commit['offset']} was committed"
                f" before record {culprit} was decided"
            )
            found.judge(at <= commit["at"], text)
    _decisions_are_true(records, found)
    return found


class _Log:
    """The records of one topic partition in one epoch, each with the time by which it and all before it were
    decided."""

    def __init__(self, rows: list[Record], decided: dict[Place, float]) -> None:
        rows = sorted(rows, key=lambda row: row["offset"])
        self.began_at: float = rows[0]["at"]
        self._offsets = [row["offset"] for row in rows]
        self._until: list[tuple[float, str]] = []
        latest = (0.0, "")
        for row in rows:
            at = decided.get(_place(row), NEVER)
            latest = max(latest, (at, f"{row['offset']} ({row['job']}.{row['attempt']})"))
            self._until.append(latest)

    def decided_below(self, offset: int) -> tuple[float, str]:
        """When the last of the records below an offset was decided, and which that is."""
        count = bisect_left(self._offsets, offset)
        return self._until[count - 1] if count else (0.0, "")


def _decided(records: Records) -> dict[Place, float]:
    """When each record was decided first, by any worker."""
    found: dict[Place, float] = {}
    for row in records.all("decided"):
        found[_place(row)] = min(row["at"], found.get(_place(row), NEVER))
    return found


def _place(row: Record) -> Place:
    """A record that names no attempt which can be is no dispatch, whatever it names."""
    return row["topic_partition"], row["offset"], row["job"], row["attempt"]


def _by_log(records: Records) -> dict[tuple[int, int], list[Record]]:
    found: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for row in records.all("record"):
        found[row["topic_partition"], row["epoch"]].append(row)
    return found


def _log_at(number: int, at: float, logs: dict[tuple[int, int], _Log]) -> _Log | None:
    """The log that was there at that time, as far as is known."""
    there = [(e, log) for (n, e), log in logs.items() if n == number and log.began_at <= at]
    return max(there, key=lambda pair: pair[0])[1] if there else None


def _last_commits(records: Records) -> Iterable[Record]:
    at = records.one("collected").get("at", NEVER)
    for row in records.all("lag"):
        yield {"topic_partition": row["topic_partition"], "offset": row["committed"], "at": at}


def _decisions_are_true(records: Records, found: Findings) -> None:
    """A grant that a worker speaks of is in the database by then, and so is a record that it parked."""
    parked = {
        (row["topic_partition"], row["record_offset"]) for row in records.all("parked_records")
    }
    for row in records.all("decided"):
        where = f"record {row['offset']} of topic partition {row['topic_partition']}"
        if row["decision"] in {"granted", "known"}:
            execution = records.executions.get((row["job"], row["attempt"]))
            durable = execution is not None and execution["leased_at"] <= row["at"]
            found.judge(durable, f"{where}: {row['decision']}, and there is no lease by then")
        elif row["decision"] == "parked":
            known = (row["topic_partition"], row["offset"]) in parked
            found.judge(known, f"{where}: parked, and it is not in parked_records")


RULES = (
    Rule("I13", "an offset is committed when all records below it are decided", decided_first),
)
