"""One stack for all of these tests: what is held here is what a stranger meets."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.limits import ENVIRON
from tests.support.contract import FAR
from tests.support.stacks import HTTP_LIMIT_SECONDS, RunningStack, running_stack
from tests.support.waiting import wait_until


@pytest.fixture(scope="package")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=2, env=ENVIRON) as running:
        yield running


@pytest.fixture(scope="package")
def jobs(stack: RunningStack) -> httpx.Client:
    """job_service."""
    return stack.http


@pytest.fixture(scope="package")
def worker(stack: RunningStack) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=stack.stack.plan.url("worker-1"), timeout=HTTP_LIMIT_SECONDS
    ) as http:
        yield http


@pytest.fixture(scope="package")
def scheduler(stack: RunningStack) -> Iterator[httpx.Client]:
    url = stack.stack.plan.url("scheduler-1")
    with httpx.Client(base_url=url, timeout=HTTP_LIMIT_SECONDS) as http:
        yield http


@pytest.fixture
def waiting(stack: RunningStack) -> dict[str, Any]:
    """A job that is due in a long time: CREATED, version 0."""
    return stack.create(scheduledTime=FAR)


@pytest.fixture(scope="package")
def done(stack: RunningStack) -> dict[str, Any]:
    """A job that ended SUCCESS; no test changes it."""
    return stack.wait_settled([stack.create(payload={"sleepMs": 0})["jobId"]], within=20)[0]


@pytest.fixture
def failed(stack: RunningStack) -> dict[str, Any]:
    """A job that failed for good."""
    boom = {"sleepMs": 0, "fail": "boom"}
    job = stack.create(payload=boom, maxAttempts=1)
    return stack.wait_settled([job["jobId"]], within=20)[0]


@pytest.fixture
def running(stack: RunningStack) -> dict[str, Any]:
    """A job that a worker runs for a minute."""
    job_id = stack.create(payload={"sleepMs": 60_000})["jobId"]
    wait_until(lambda: stack.job(job_id)["status"] == "RUNNING", within=20, what="it to run")
    return stack.job(job_id)
