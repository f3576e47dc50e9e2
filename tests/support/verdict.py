"""The verdict over a stack after a fault: what the database says of every job, against the promises (DESIGN
section 2), a second opinion from the sink that the handlers told, and the audit that users run.

`judge` fails the test at the first broken promise and names the jobs; it returns figures to print.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.auditing import assert_clean
from tests.support.books import assert_counts, assert_histories, assert_one_narrow_row
from tests.support.databases import CONNECT_LIMIT_SECONDS, STATEMENT_LIMIT_SECONDS, run_coroutine
from tests.support.sink import Told
from tests.support.stacks import RunningStack

SHOWN = 10
"""How many offenders a failure names."""
GRANTS = frozenset({"held", "started"})
"""The reasons in history that say that a worker leased the attempt."""

Row = asyncpg.Record
Key = tuple[UUID, int]


@dataclass(frozen=True)
class Verdict:
    """Figures of a run in which nothing was broken. `settled_at`: when the last job was settled, and
    `seconds` the same counted from the heal (negative if all were settled before it).
    """

    jobs: int
    attempts: int
    lost: int
    failures: int
    again: int
    settled_at: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"jobs={self.jobs} attempts={self.attempts} run_again={self.again} lost={self.lost} "
            f"failures={self.failures} settled={self.seconds:+.1f}s"
        )


def judge(
    stack: RunningStack,
    ids: Sequence[UUID],
    *,
    healed_at: float,
    told: Iterable[Told] | None = None,
    expected: Collection[str] = ("SUCCESS",),
) -> Verdict:
    """`judge_database` for the database of a stack, from code where no loop runs."""
    url = stack.stack.plan.database_url
    return run_coroutine(
        judge_database(url, ids, healed_at=healed_at, told=told, expected=expected)
    )


async def judge_database(
    url: str,
    ids: Sequence[UUID],
    *,
    healed_at: float,
    told: Iterable[Told] | None = None,
    expected: Collection[str] = ("SUCCESS",),
) -> Verdict:
    """Read everything and judge it. `ids` are the jobs that the clients were told of, and there must be no
    others; `expected` the states that they may have ended in; `healed_at` seconds since 1970; `told` what
    the sink heard, if every job was of type SINK.
    """
    raw = await asyncpg.connect(
        url, timeout=CONNECT_LIMIT_SECONDS, command_timeout=STATEMENT_LIMIT_SECONDS
    )
    try:
        # One picture: what a duty changes meanwhile must not look like a contradiction.
        async with raw.transaction(isolation="repeatable_read", readonly=True):
            jobs = {row["id"]: row for row in await raw.fetch("SELECT * FROM jobs")}
            executions = await raw.fetch("SELECT * FROM executions ORDER BY job_id, attempt")
            history = await raw.fetch("SELECT * FROM job_history ORDER BY job_id, version")
            _all_there(ids, jobs)
            _all_settled(jobs, expected)
            await assert_histories(raw)
            await assert_one_narrow_row(raw)
            await assert_counts(raw)
    finally:
        await asyncio.wait_for(raw.close(), CONNECT_LIMIT_SECONDS)
    _one_success(history)
    _executions_are_the_leased_attempts(history, executions)
    _executions_tell_the_outcome(jobs, executions)
    _no_overlap(executions)
    _never_early(executions)
    if told is not None:
        _sink_agrees(list(told), jobs, executions)
    await assert_clean(url)
    settled_at = max(job["finished_at"] for job in jobs.values()).timestamp()
    return Verdict(
        jobs=len(jobs),
        attempts=len(executions),
        lost=sum(job["lost"] for job in jobs.values()),
        failures=sum(job["failures"] for job in jobs.values()),
        again=len(executions) - len({row["job_id"] for row in executions}),
        settled_at=settled_at,
        seconds=settled_at - healed_at,
    )


def _none(broken: Iterable[Any], promise: str) -> None:
    found = list(broken)
    assert not found, f"{promise}: {len(found)} times, as in {found[:SHOWN]}"


def _all_there(ids: Sequence[UUID], jobs: dict[UUID, Row]) -> None:
    """G1, and a repeated create counts once: the jobs are exactly those that clients were told of."""
    _none((job_id for job_id, n in Counter(ids).items() if n > 1), "one id for two creates")
    _none(set(ids) - jobs.keys(), "a created job is gone")
    _none(jobs.keys() - set(ids), "a job that no client was told of")


def _all_settled(jobs: dict[UUID, Row], expected: Collection[str]) -> None:
    """G3."""
    _none(
        (
            (str(job["id"]), job["status"], job["attempt"], job["error"])
            for job in jobs.values()
            if job["status"] not in expected or job["next_attempt_at"] is not None
        ),
        f"not settled as {'/'.join(expected)}",
    )


def _one_success(history: Sequence[Row]) -> None:
    """G4: at most one result is accepted."""
    accepted = Counter(row["job_id"] for row in history if row["to_status"] == "SUCCESS")
    _none((str(job_id) for job_id, n in accepted.items() if n > 1), "accepted twice")


def _executions_are_the_leased_attempts(history: Sequence[Row], executions: Sequence[Row]) -> None:
    """One execution for each attempt that history says was leased, by the same node, and no other."""
    leased = {(r["job_id"], r["attempt"]): r["node"] for r in history if r["reason"] in GRANTS}
    ran = {(row["job_id"], row["attempt"]): row["node"] for row in executions}
    _none(leased.items() ^ ran.items(), "history and executions differ over who leased")


def _executions_tell_the_outcome(jobs: dict[UUID, Row], executions: Sequence[Row]) -> None:
    """Every execution has ended; exactly the last one of a successful job says SUCCESS (G4)."""
    _none((dict(row) for row in executions if row["ended_at"] is None), "an execution without end")
    last = {row["job_id"]: row for row in executions}
    for row in executions:
        job = jobs[row["job_id"]]
        wins = job["status"] == "SUCCESS" and row is last[row["job_id"]]
        _none([dict(row)] if (row["status"] == "SUCCESS") != wins else [], "a wrong winner")
    winners = {row["job_id"] for row in executions if row["status"] == "SUCCESS"}
    successes = {job["id"] for job in jobs.values() if job["status"] == "SUCCESS"}
    _none(winners ^ successes, "SUCCESS of a job without one of its executions")


def _no_overlap(executions: Sequence[Row]) -> None:
    """I5: in the order of attempts, each one was leased after the one before it had ended."""
    _none(
        (
            (dict(before), dict(after))
            for before, after in pairwise(executions)
            if before["job_id"] == after["job_id"] and before["ended_at"] > after["leased_at"]
        ),
        "two attempts of a job overlap",
    )


def _never_early(executions: Sequence[Row]) -> None:
    """G5, by the times that workers reported."""
    _none(
        (
            dict(row)
            for row in executions
            if row["started_at"] is not None and row["started_at"] < row["due_at"]
        ),
        "started before due",
    )


def _sink_agrees(told: Sequence[Told], jobs: dict[UUID, Row], executions: Sequence[Row]) -> None:
    """G2, G5 by an outside clock: each attempt began at most once, not early, and only if leased; each
    accepted result has a beginning."""
    began = Counter((line.job, line.attempt) for line in told)
    by_key = {(row["job_id"], row["attempt"]): row for row in executions}
    _none((key for key, n in began.items() if n > 1), "an attempt began twice")
    _none(began.keys() - by_key.keys(), "an attempt began without a lease")
    starts = Counter(line.job for line in told)
    _none(
        (str(job) for job, n in starts.items() if n > jobs[job]["attempt"]),
        "more beginnings than attempts",
    )
    _none(
        (key for key, row in by_key.items() if row["status"] == "SUCCESS" and key not in began),
        "a result without a beginning",
    )
    _none(
        (line for line in told if line.received_at < _seconds(by_key[line.job, line.attempt])),
        "began before due, by the sink's clock",
    )


def _seconds(execution: Row) -> float:
    due: datetime = execution["due_at"]
    return due.timestamp()
