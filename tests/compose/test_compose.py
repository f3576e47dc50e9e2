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
from tests.support.compose_logs import bad_of_others, bad_of_ours, explained
from tests.support.stacks import is_settled
from tests.support.waiting import wait_until

JOBS = 100
LABEL = "hundred"
WORKERS = 3
SPREAD_SECONDS = 20
SLEEP_MS = 1_500
"""Long enough that a killed worker has some of them under way."""
SETTLED_WITHIN_SECONDS = 180

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
    bad: list[str] = []
    began = time.monotonic()

    def did(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}")

    ids = _create(project)
    did(f"{JOBS} jobs created")
    wait_until(lambda: "RUNNING" in _states(project), every=0.2, what="the first to run")
    project.kill(project.containers("worker")[0])
    did("a worker killed, and back")
    project.kill(project.container("kafka"))
    did("the broker killed, and back")
    bad += _bad_lines(project)  # with a container its log goes
    project.up(workers=1)
    assert len(project.containers("worker")) == 1
    did("one worker")
    project.up(workers=WORKERS)
    did(f"{WORKERS} workers")

    wait_until(
        lambda: all(is_settled(job) for job in project.labelled(LABEL)),
        within=SETTLED_WITHIN_SECONDS,
        every=0.5,
        what=f"{JOBS} jobs to settle",
    )
    did("all settled")
    assert _states(project) == {"SUCCESS": JOBS}
    for job_id in ids:
        versions = [row["version"] for row in project.history(job_id)]
        assert versions == list(range(len(versions)))

    bad += _bad_lines(project)
    assert not bad, "\n".join(sorted(set(bad)))


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
    payload = {"sleepMs": SLEEP_MS}
    return project.create_many(
        LABEL, [{"scheduledTime": at.isoformat(), "payload": payload} for at in due]
    )


def _states(project: ComposeProject) -> Counter[str]:
    return Counter(job["status"] for job in project.labelled(LABEL))


def _bad_lines(project: ComposeProject) -> list[str]:
    """Errors and tracebacks of every container that docs/operations.md does not explain."""
    known = explained()
    ours = [c for service in OURS for c in project.containers(service)]
    others = [project.container(service) for service in ("postgres", "kafka")]
    bad = [line for c in ours for line in bad_of_ours(project.log_lines(c))]
    return bad + [line for c in others for line in bad_of_others(project.log_lines(c), known)]


def _inside(container: str, command: str) -> tuple[int, str]:
    """Exit code and output of a shell command in a container."""
    done = subprocess.run(
        ["docker", "exec", container, "bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout.strip()
