"""Corruptions that are planted behind the product's back, each in a copy of a database with every kind of
history: the audit finds each, names the job and shows rows of it."""

import json
from dataclasses import dataclass

import pytest

from tests.integration.audit.conftest import Copy
from tests.support.auditing import audited


@dataclass(frozen=True)
class Corruption:
    """What is done to the job of a kind, `$1`, and the rules that must name it, with words of their text."""

    kind: str
    sql: str
    found: dict[str, str]


OF_THE_ISSUE = {
    "a dropped row": Corruption(
        "failed and tried again",
        "DELETE FROM job_history WHERE job_id = $1 AND version = 1",
        {"I8": "Version 1 is missing"},
    ),
    "a forged result": Corruption(
        "succeeded",
        'UPDATE jobs SET result = \'{"text": "forged"}\' WHERE id = $1',
        {"I9": "not the one that was accepted"},
    ),
    "a skipped version": Corruption(
        "succeeded",
        """WITH skipped AS (UPDATE job_history SET version = 4 WHERE job_id = $1 AND version = 3)
           UPDATE jobs SET version = 4 WHERE id = $1""",
        {"I8": "Version 3 is missing"},
    ),
    "a second SUCCESS": Corruption(
        "succeeded",
        """WITH doubled AS (
               INSERT INTO job_history
                   (job_id, version, from_status, to_status, attempt, node, at, reason, actor, result_hash)
               SELECT job_id, 4, 'RUNNING', 'SUCCESS', attempt, node, at, reason, actor, result_hash
               FROM job_history WHERE job_id = $1 AND version = 3)
           UPDATE jobs SET version = 4 WHERE id = $1""",
        {"I9": "2 results were accepted", "I7": "leaves SUCCESS"},
    ),
    "a start before due": Corruption(
        "succeeded",
        "UPDATE executions SET started_at = due_at - interval '1 millisecond' WHERE job_id = $1",
        {"I15": "1.000 ms before it was due"},
    ),
    "a terminal state left": Corruption(
        "cancelled",
        """WITH left_it AS (
               INSERT INTO job_history
                   (job_id, version, from_status, to_status, attempt, at, reason, actor)
               VALUES ($1, 2, 'CANCELLED', 'SCHEDULED', 1, now(), 'retried', 'client'))
           UPDATE jobs SET version = 2, status = 'SCHEDULED', attempt = 1 WHERE id = $1""",
        {"I7": "leaves CANCELLED", "I8": "no legal change"},
    ),
    "an attempt never granted": Corruption(
        "running",
        "UPDATE job_history SET attempt = 2 WHERE job_id = $1 AND version = 2",
        {"I6": "never granted"},
    ),
    "two overlapping grants": Corruption(
        "lost",
        """UPDATE executions SET ended_at = leased_at + interval '1 hour'
           WHERE job_id = $1 AND attempt = 1""",
        {"I5": "before attempt 1 ended"},
    ),
    "a counter off by one": Corruption(
        "failed and tried again",
        "UPDATE jobs SET failures = failures + 1 WHERE id = $1",
        {"I21": "says failures 2; its history comes to 1"},
    ),
    "an execution without a grant": Corruption(
        "created",
        """INSERT INTO executions (job_id, attempt, id, node, status, due_at, leased_at, ended_at)
           SELECT $1, 1, gen_random_uuid(), gen_random_uuid(), 'LOST', now(), now(), now()""",
        {"I10": "never granted"},
    ),
    "a job without history": Corruption(
        "created",
        "DELETE FROM job_history WHERE job_id = $1",
        {"I8": "no history"},
    ),
    "a state that differs from its last row": Corruption(
        "dead letter",
        "UPDATE jobs SET status = 'CANCELLED' WHERE id = $1",
        {"I8": "its history ends FAILED"},
    ),
    "an unsettled job with no narrow row": Corruption(
        "created", "DELETE FROM due WHERE job_id = $1", {"R6": "this one has none"}
    ),
}
MORE = {
    "a job that is gone": Corruption(
        "succeeded", "DELETE FROM jobs WHERE id = $1", {"G3": "The job is gone"}
    ),
    "a job that is gone with its history": Corruption(
        "succeeded",
        """WITH gone AS (DELETE FROM jobs WHERE id = $1)
           DELETE FROM job_history WHERE job_id = $1""",
        {"G3": "and its history with it"},
    ),
    "a grant without an execution": Corruption(
        "lost while held",
        "DELETE FROM executions WHERE job_id = $1 AND attempt = 1",
        {"I10": "has no execution"},
    ),
    "an execution by another node": Corruption(
        "succeeded",
        "UPDATE executions SET node = gen_random_uuid() WHERE job_id = $1",
        {"I10": "by another"},
    ),
    "an execution that ends otherwise": Corruption(
        "succeeded",
        "UPDATE executions SET status = 'LOST' WHERE job_id = $1",
        {"I10": "says LOST"},
    ),
    "an execution that goes on": Corruption(
        "succeeded",
        "UPDATE executions SET ended_at = NULL WHERE job_id = $1",
        {"I10": "has ended, not so its execution"},
    ),
    "another outcome": Corruption(
        "dead letter",
        "UPDATE executions SET result_hash = '\\x00' WHERE job_id = $1",
        {"I10": "another hash"},
    ),
    "a result by another attempt": Corruption(
        "lost",
        "UPDATE job_history SET attempt = 1 WHERE job_id = $1 AND to_status = 'SUCCESS'",
        {"I9": "of attempt 1, while attempt 2", "I21": "says attempt 1"},
    ),
    "a lease while it is held": Corruption(
        "running",
        """WITH second AS (
               INSERT INTO job_history
                   (job_id, version, from_status, to_status, attempt, node, at, reason, actor)
               VALUES ($1, 3, 'SCHEDULED', 'SCHEDULED', 1, gen_random_uuid(), now(), 'held', 'worker'))
           UPDATE jobs SET version = 3 WHERE id = $1""",
        {"I5": "while attempt 1 is held"},
    ),
    "a start twice": Corruption(
        "running",
        """WITH second AS (
               INSERT INTO job_history
                   (job_id, version, from_status, to_status, attempt, node, at, reason, actor)
               SELECT $1, 3, 'SCHEDULED', 'RUNNING', attempt, node, now(), 'started', 'worker'
               FROM job_history WHERE job_id = $1 AND version = 2)
           UPDATE jobs SET version = 3 WHERE id = $1""",
        {"I6": "started twice", "I8": "leaves SCHEDULED"},
    ),
    "an end of what nobody held": Corruption(
        "dead letter",
        "DELETE FROM job_history WHERE job_id = $1 AND version = 2",
        {"I10": "nobody held", "I8": "Version 2 is missing"},
    ),
    "an edge by the wrong actor": Corruption(
        "abandoned",
        "UPDATE job_history SET actor = 'worker' WHERE job_id = $1 AND to_status = 'ABANDONED'",
        {"I8": "by worker"},
    ),
    "a loss that nobody had": Corruption(
        "succeeded", "UPDATE jobs SET lost = 1 WHERE id = $1", {"I21": "says lost 1"}
    ),
    "one attempt more": Corruption(
        "succeeded", "UPDATE jobs SET attempt = 2 WHERE id = $1", {"I21": "says attempt 2"}
    ),
    "more failures than allowed": Corruption(
        "dead letter", "UPDATE jobs SET max_attempts = 0 WHERE id = $1", {"G8": "0 are allowed"}
    ),
    "a narrow row too many": Corruption(
        "held",
        """INSERT INTO due (job_id, job_type, band, dispatch_at)
           SELECT id, job_type, band, dispatch_at FROM jobs WHERE id = $1""",
        {"R6": "due and inflight"},
    ),
    "a narrow row of nobody": Corruption(
        "deleted",
        "INSERT INTO unsuccessful (job_id, status) VALUES ($1, 'FAILED')",
        {"R6": "not there"},
    ),
    "a dead letter that is none": Corruption(
        "dead letter",
        "UPDATE unsuccessful SET status = 'EXPIRED' WHERE job_id = $1",
        {"R6": "says EXPIRED"},
    ),
    "another holder in flight": Corruption(
        "held",
        "UPDATE inflight SET worker = gen_random_uuid() WHERE job_id = $1",
        {"R6": "another attempt or holder"},
    ),
    "a due row that no claim takes": Corruption(
        "created",
        "UPDATE due SET dispatch_at = dispatch_at + interval '1 microsecond' WHERE job_id = $1",
        {"R9": "another dispatch_at"},
    ),
    "an attempt that no duty ended": Corruption(
        "running",
        """WITH late AS (UPDATE reaper_tick SET suspended_until = now() - interval '1 day')
           UPDATE inflight SET look_at = now() - interval '2 minutes' WHERE job_id = $1""",
        {"I2": "past its deadline"},
    ),
    "a claim that was not armed again": Corruption(
        "claimed",
        """UPDATE inflight SET since = now() - interval '1 hour', ready_at = now() - interval '1 hour'
           WHERE job_id = $1""",
        {"I2": "was not armed again"},
    ),
}


PLANTED = OF_THE_ISSUE | MORE


@pytest.mark.parametrize("name", PLANTED)
async def test_a_corruption_is_found_and_named(copy: Copy, name: str) -> None:
    """And nothing is said of any other job; sums aside, as a forger seldom keeps them."""
    corruption = PLANTED[name]
    job_id = copy.kinds[corruption.kind]
    assert int((await copy.raw.execute(corruption.sql, job_id)).split()[-1]) > 0
    answer = await audited(copy.url)
    assert not answer["ok"]
    of_jobs = [found for found in answer["violations"] if found["jobId"] is not None]
    assert {found["jobId"] for found in of_jobs} == {str(job_id)}, of_jobs
    for rule, words in corruption.found.items():
        texts = [found["text"] for found in of_jobs if found["id"] == rule]
        assert any(words in text for text in texts), of_jobs
    assert all(found["rows"] for found in of_jobs)
    json.dumps(answer)


async def test_sums_that_do_not_add_up(copy: Copy) -> None:
    """I21: one job more is counted than there are."""
    await copy.raw.execute("INSERT INTO job_count_deltas VALUES ('SUCCESS', 1)")
    (found,) = (await audited(copy.url))["violations"]
    assert (found["id"], found["jobId"], found["rows"]) == ("I21", None, [])
    assert "counted as SUCCESS" in found["text"]


async def test_of_each_rule_twenty_are_named_and_all_are_counted(copy: Copy) -> None:
    """The answer does not grow with what is broken."""
    broken = int((await copy.raw.execute("UPDATE executions SET status = 'SNOOZED'")).split()[-1])
    answer = await audited(copy.url)
    assert 20 < answer["totals"]["I10"] < broken
    assert len([found for found in answer["violations"] if found["id"] == "I10"]) == 20
