"""The committed docker-compose.yml, built and run for real: three workers, a hundred jobs, a killed worker,
a killed broker, scaled to one and back, stopped in good order."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from punctual.local.ports import HOST
from tests.support.components import state_directory
from tests.support.compose import OURS, WORKER_PORTS, ComposeProject, running_project
from tests.support.compose_logs import bad_lines, explained
from tests.support.stacks import is_settled
from tests.support.waiting import wait_until

JOBS = 100
WORKERS = 3
SPREAD_SECONDS = 20
SLEEP_MS = 1_500
"""Long enough that a killed worker has some of them under way."""
SETTLED_WITHIN_SECONDS = 90

HELLO = """
from pydantic import BaseModel
from worker_service.handler_api import Context, job_type

class Payload(BaseModel):
    name: str

@job_type("HELLO", payload=Payload)
async def run(payload: Payload, context: Context) -> str:
    return f"Hello, {payload.name}"
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def project() -> Iterator[ComposeProject]:
    with running_project(workers=WORKERS) as running:
        yield running


def test_our_containers_are_confined(project: ComposeProject) -> None:
    """Not root, a root file system that nobody can write to, no capabilities, limits."""
    for service in ("job", "scheduler", "worker"):
        for container in project.containers(service):
            host = container.shown["HostConfig"]
            assert host["ReadonlyRootfs"] is True
            assert host["CapDrop"] == ["ALL"]
            assert host["Memory"] > 0
            assert host["PidsLimit"] > 0
            assert _inside(container.id, "id -u") == (0, "10001")
            assert _inside(container.id, "touch /opt/punctual/x")[0] != 0
            assert _inside(container.id, "touch /tmp/x")[0] == 0


def test_each_worker_has_a_port_of_its_own_on_loopback(project: ComposeProject) -> None:
    addresses = [one for worker in project.containers("worker") for one in worker.host_ports]
    first = project.first_worker_port
    assert len(addresses) == len(set(addresses)) == WORKERS
    assert {host for host, _ in addresses} == {HOST}
    assert all(first <= port < first + WORKER_PORTS for _, port in addresses)
    assert project.container("postgres").host_ports == []
    assert project.container("kafka").host_ports == []


def test_a_hundred_jobs_succeed_in_spite_of_kills_and_scaling(project: ComposeProject) -> None:
    """G2, G3, G7: a worker and the broker are killed, and two workers of three are taken away and come back,
    while jobs run and fall due."""
    said: list[tuple[str, str]] = []
    began = time.monotonic()

    def did(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}")

    ids = _create(project)
    did(f"{JOBS} jobs created")
    wait_until(lambda: "RUNNING" in _states(project, ids), every=0.2, what="the first to run")
    project.kill(project.containers("worker")[0])
    did("a worker killed, and back")
    project.kill(project.container("kafka"))
    did("the broker killed, and back")
    said += _said(project)  # with a container its log goes
    project.up(workers=1)
    assert len(project.containers("worker")) == 1
    did("one worker")
    project.up(workers=WORKERS)
    did(f"{WORKERS} workers")

    wait_until(
        lambda: all(is_settled(project.job(job_id)) for job_id in ids),
        within=SETTLED_WITHIN_SECONDS,
        every=0.5,
        what=f"{JOBS} jobs to settle",
    )
    did("all settled")
    assert _states(project, ids) == {"SUCCESS": JOBS}
    for job_id in ids:
        versions = [row["version"] for row in project.history(job_id)]
        assert versions == list(range(len(versions)))

    known = explained()
    said += _said(project)
    bad = {line for service, line in said if bad_lines([line], ours=service in OURS, known=known)}
    assert not bad, "\n".join(sorted(bad))


def test_job_types_of_ones_own_are_mounted_into_the_workers(project: ComposeProject) -> None:
    """deploy/own-handlers.yml, beside the committed file."""
    with state_directory() as handlers:
        (handlers / "hello.py").write_text(HELLO)
        project.env["HANDLERS"] = str(handlers)
        files = ("-f", "docker-compose.yml", "-f", "deploy/own-handlers.yml")
        project.run(*files, "up", "--wait", "--detach", "--scale", f"worker={WORKERS}", "worker")
        job = project.create(jobType="HELLO", payload={"name": "Ada"})
        wait_until(
            lambda: is_settled(project.job(job)), within=30, every=0.2, what="the job to settle"
        )
        assert (project.job(job)["status"], project.job(job)["result"]) == ("SUCCESS", "Hello, Ada")
        project.run("up", "--wait", "--detach", "--scale", f"worker={WORKERS}", "worker")


def test_sigterm_ends_every_service_in_good_order(project: ComposeProject) -> None:
    """PID 1 hands SIGTERM on: exit code 0, long before the grace period is over."""
    began = time.monotonic()
    project.run("stop", "job", "scheduler", "worker")
    took = time.monotonic() - began
    for service in ("migrate", "job", "scheduler", "worker"):
        codes = {one.shown["State"]["ExitCode"] for one in project.containers(service)}
        assert codes == {0}, service
    assert took < 15


def _create(project: ComposeProject) -> list[str]:
    """Half of them due now, half spread over the next seconds."""
    now = datetime.now(UTC)
    step = timedelta(seconds=SPREAD_SECONDS / (JOBS / 2))
    due = [now] * (JOBS // 2) + [now + step * n for n in range(JOBS // 2)]
    return [
        project.create(scheduledTime=at.isoformat(), payload={"sleepMs": SLEEP_MS}) for at in due
    ]


def _states(project: ComposeProject, ids: list[str]) -> Counter[str]:
    return Counter(project.job(job_id)["status"] for job_id in ids)


def _said(project: ComposeProject) -> list[tuple[str, str]]:
    """Every line of every container, with its service."""
    return [
        (service, line)
        for service in ("postgres", "kafka", *OURS)
        for container in project.containers(service)
        for line in project.log_lines(container)
    ]


def _inside(container: str, command: str) -> tuple[int, str]:
    """Exit code and output of a shell command in a container."""
    done = subprocess.run(
        ["docker", "exec", container, "bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout.strip()
