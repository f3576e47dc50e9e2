"""Whatever a stranger sends is answered by a problem that says what to do, and the service goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from job_service.api.problem_texts import PROBLEMS
from tests.contract.bad_input_cases import cases
from tests.contract.bad_input_table import Case
from tests.support.contract import FAR
from tests.support.raw_http import Reply, send_raw
from tests.support.stacks import RunningStack

CASES = cases()
MOST_CHARS = 1_000
"""Of a message."""
PROCESSES = {"job": "job-1", "worker": "worker-1", "scheduler": "scheduler-1"}


@pytest.fixture(scope="module")
def waiting_job(stack: RunningStack) -> str:
    """The id of a job at version 0 that no request of the table can change."""
    return str(stack.create(scheduledTime=FAR)["jobId"])


@pytest.fixture(scope="module", autouse=True)
def nothing_else_happens(stack: RunningStack, waiting_job: str) -> Iterator[None]:
    """After all of them the processes are the same, their logs have no error, and the job is as it was."""
    pids = _pids(stack)
    yield
    assert _pids(stack) == pids
    errors = [line for log in _logs(stack) for line in log if '"level": "error"' in line]
    assert errors == []
    assert stack.job(waiting_job)["version"] == 0
    assert (
        stack.http.get("/api/v1/jobs", params={"name": "bad input"}).json()["data"]["items"] == []
    )


def test_the_table_is_large_and_names_each_case_once() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.service for case in CASES} == set(PROCESSES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_is_answered_by_a_problem(
    stack: RunningStack, waiting_job: str, case: Case
) -> None:
    plan = stack.stack.plan
    port = plan.ports[PROCESSES[case.service]]
    target = case.path.replace("{waiting}", waiting_job)
    problem = _problem_in(send_raw(port, case.method, target, case.headers, case.body))
    assert (problem["status"], problem["type"]) == (case.status, f"/problems/{case.slug}"), problem
    assert send_raw(port, "GET", "/livez").status == 200


def _problem_in(reply: Reply) -> dict[str, Any]:
    """RFC 9457 with the envelope, complete, of a known slug, with a sentence."""
    assert reply.status < 500, reply
    assert reply.headers["content-type"] == "application/problem+json", reply
    problem: dict[str, Any] = json.loads(reply.body)
    assert problem["success"] is False
    assert problem["status"] == reply.status
    assert problem["detail"] == problem["message"]
    assert problem["title"]
    assert problem["instance"].startswith("/")
    slug = problem["type"].removeprefix("/problems/")
    assert reply.status in PROBLEMS[slug].statuses
    for fact in PROBLEMS[slug].facts:
        assert fact in problem
    assert (reply.status == 405) == ("allow" in reply.headers)
    _is_a_sentence(problem["message"])
    return problem


def _is_a_sentence(message: str) -> None:
    assert len(message.split()) >= 3
    assert len(message) <= MOST_CHARS
    assert "\n" not in message
    for inside in ("Traceback", "Error(", "asyncpg", "pydantic", "0x7f", "BatchItem", "<class"):
        assert inside not in message


def _pids(stack: RunningStack) -> dict[str, str]:
    return {p.stem: p.read_text() for p in (stack.root / "pids").iterdir()}


def _logs(stack: RunningStack) -> Iterator[list[str]]:
    for name in PROCESSES.values():
        yield (stack.root / "logs" / f"{name}.log").read_text().splitlines()
