"""Jobs of one ordering key run one at a time and in due order: R19, from the history alone.

A job has its key from its claim until it settles or is CREATED again, and while it backs off if its type does
not pass. One that is made SCHEDULED by hand may wait in line for it: it has it once a worker does. Order is
judged where history can tell it: of jobs whose due time nobody moved, and against those that had been there for
so long that no claim can have missed them.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.checker.findings import Findings, Rule
from tests.chaos.checker.records import Record, Records

HAS_KEY = frozenset({"SCHEDULED", "RUNNING", "WAITING"})
MOVES = frozenset({"changed", "snoozed", "by-hand", "retried"})
"""Reasons after which a job may stand elsewhere in its line than its due time says."""
BY_HAND = frozenset({"by-hand", "retried"})
SEEN_AFTER_SECONDS = 10.0
"""Twice the time limit of a statement: a claim may have begun, and the create may have ended, that much earlier
or later than their rows say."""
FOREVER = float("inf")


@dataclass(frozen=True)
class Span:
    """A job has its key from then till then."""

    begin: float
    end: float
    job: str


@dataclass(frozen=True)
class Turn:
    """A job's place in line, since when it was surely seen there, and when it was claimed or else ended."""

    due: float
    job: str
    seen: float
    until: float
    claimed: bool

    @property
    def place(self) -> tuple[float, str]:
        """By due time, ties by id."""
        return self.due, self.job


def of_keys(records: Records) -> dict[str, list[str]]:
    """The jobs of each ordering key."""
    found: dict[str, list[str]] = defaultdict(list)
    for job in records.jobs.values():
        if job.get("ordering_key") is not None:
            found[job["ordering_key"]].append(job["id"])
    return found


def spans(job: str, rows: list[Record], *, passes: bool) -> Iterator[Span]:
    """When a job had its key."""
    begin: float | None = None
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        again = after is not None and after["reason"] == "claimed" and not passes
        backs_off = row["to_status"] == "FAILED" and again
        if row["to_status"] in HAS_KEY:
            in_line = row["to_status"] == "SCHEDULED" and row["reason"] in BY_HAND
            begin = row["at"] if begin is None and not in_line else begin
        elif begin is not None and not backs_off:
            yield Span(begin, row["at"], job)
            begin = None
    if begin is not None:
        yield Span(begin, FOREVER, job)


def one_of_a_key(records: Records) -> Findings:
    """No two spans of a key meet, and nobody is claimed while one that comes before him waits."""
    found = Findings()
    passing = {row["name"] for row in records.all("job_types") if row["passes_key"]}
    for key, jobs in of_keys(records).items():
        histories = {job: records.history.get(job, []) for job in jobs}
        had = [
            span
            for job, rows in histories.items()
            for span in spans(job, rows, passes=records.jobs[job]["job_type"] in passing)
        ]
        found.subjects += len(had)
        for before, after in pairwise(sorted(had, key=lambda span: (span.begin, span.end))):
            text = f"{key}: {after.job} got it while {before.job} had it"
            found.judge(before.end <= after.begin, text)
        turns = [turn for job, rows in histories.items() for turn in _turn(records, job, rows)]
        _judge_order(found, key, turns)
    for row in (*records.all("in_line"), *records.all("ordering_keys")):
        found.judge(False, f"job {row['job_id']} is still in a line or has a key")
    return found


def _turn(records: Records, job: str, rows: list[Record]) -> Iterator[Turn]:
    if not rows or any(row["reason"] in MOVES for row in rows):
        return
    claim = next((row["at"] for row in rows if row["reason"] == "claimed"), None)
    ended = rows[-1]["at"] if rows[-1]["to_status"] != "CREATED" else FOREVER
    due: float = records.jobs[job]["due_at"]
    until = ended if claim is None else claim
    yield Turn(due, job, rows[0]["at"] + SEEN_AFTER_SECONDS, until, claim is not None)


def _judge_order(found: Findings, key: str, turns: list[Turn]) -> None:
    in_line = sorted(turns, key=lambda turn: turn.place)
    for n, turn in enumerate(in_line):
        if turn.claimed:
            first = next((t for t in in_line[:n] if t.seen < turn.until < t.until), None)
            text = f"{key}: {turn.job} was claimed before {first.job if first else ''}"
            found.judge(first is None, text)


RULES = (Rule("R19", "of an ordering key one at a time, in due order", one_of_a_key),)
