"""A project of the committed docker-compose.yml under a name and on ports of its own, and looks at it from
outside: by docker's own words and by the published ports of 127.0.0.1."""

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import httpx
import pytest

from punctual.local.ports import HIGHEST, HOST, LOWEST, any_free, is_free
from tests.support.source_files import ROOT
from tests.support.waiting import wait_until

COMMAND_LIMIT_SECONDS = 300.0
"""The longest is the build on a machine that has to fetch every image first."""
BACK_WITHIN_SECONDS = 120.0
"""Kafka takes 5 to 20 s after a kill, by how busy the machine is."""
WORKER_PORTS = 10
OURS = ("migrate", "job", "scheduler", "worker")


def missing_engine(reason: str) -> NoReturn:
    """Skip, or fail where the caller said that there is an engine."""
    if os.environ.get("TESTS_ON") == "docker":
        pytest.fail(reason, pytrace=False)
    pytest.skip(f"NOT TESTED: {reason}")


def need_engine() -> None:
    """A Docker engine that answers, with compose."""
    if shutil.which("docker") is None:
        missing_engine("no docker on this machine")
    for words in (["version"], ["compose", "version"]):
        if subprocess.run(["docker", *words], capture_output=True, timeout=30).returncode != 0:
            missing_engine(f"docker {' '.join(words)} does not answer")


@dataclass(frozen=True)
class Container:
    """One container, as `docker inspect` shows it."""

    shown: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.shown["Id"])

    @property
    def pid(self) -> int:
        """On the machine itself; 0 while it does not run."""
        return int(self.shown["State"]["Pid"])

    @property
    def healthy(self) -> bool:
        """Whether it runs and its health check says well."""
        state = self.shown["State"]
        return bool(state["Running"]) and state.get("Health", {}).get("Status") == "healthy"

    @property
    def restarts(self) -> int:
        """How often the restart policy brought it back."""
        return int(self.shown["RestartCount"])

    @property
    def host_ports(self) -> list[tuple[str, int]]:
        """Addresses that it is published on."""
        ports = self.shown["NetworkSettings"]["Ports"]
        bound = [one for several in ports.values() for one in several or ()]
        return [(one["HostIp"], int(one["HostPort"])) for one in bound]


class ComposeProject:
    """Commands on one project; `env` chooses its ports."""

    def __init__(self) -> None:
        self.name = f"punctual-test-{uuid4().hex[:8]}"
        self.job_port = any_free()
        self.scheduler_port = any_free({self.job_port})
        self.first_worker_port = _free_range({self.job_port, self.scheduler_port})
        last = self.first_worker_port + WORKER_PORTS - 1
        self.env = {
            **{name: value for name, value in os.environ.items() if name[:9] != "PUNCTUAL_"},
            "JOB_PORT": str(self.job_port),
            "SCHEDULER_PORT": str(self.scheduler_port),
            "WORKER_PORTS": f"{self.first_worker_port}-{last}",
        }
        self.http = httpx.Client(
            base_url=f"http://{HOST}:{self.job_port}", timeout=10, trust_env=False
        )

    def run(self, *words: str) -> str:
        """`docker compose …`; its standard output."""
        command = ["docker", "compose", "-p", self.name, *words]
        return _run(command, env=self.env)

    def up(self, workers: int) -> None:
        """Bring it to so many workers, and wait until all of it is healthy."""
        self.run("up", "--wait", "--detach", "--no-recreate", "--scale", f"worker={workers}")

    def containers(self, service: str) -> list[Container]:
        """Those of one service, also ended ones."""
        ids = self.run("ps", "--all", "--quiet", service).split()
        shown = json.loads(_run(["docker", "inspect", *ids])) if ids else []
        return [Container(one) for one in shown]

    def container(self, service: str) -> Container:
        """The only one of a service."""
        (one,) = self.containers(service)
        return one

    def again(self, container: Container) -> Container:
        """The same one as it is now."""
        (shown,) = json.loads(_run(["docker", "inspect", container.id]))
        return Container(shown)

    def kill(self, container: Container) -> None:
        """SIGKILL for its first process, from outside: Docker takes that for a crash and follows the restart
        policy, which it does not after its own `kill`. Waits until it is back and healthy."""
        try:
            os.kill(container.pid, signal.SIGKILL)
        except PermissionError:
            missing_engine("a container's process can only be killed by root, on its own machine")
        try:
            wait_until(
                lambda: (
                    (now := self.again(container)).restarts > container.restarts and now.healthy
                ),
                within=BACK_WITHIN_SECONDS,
                every=0.3,
                what="the restart policy brings a killed container back",
            )
        except BaseException:
            print(self.again(container).shown["State"], *self.log_lines(container)[-60:], sep="\n")
            raise

    def log_lines(self, container: Container) -> list[str]:
        """All that it has said."""
        done = subprocess.run(
            ["docker", "logs", container.id], capture_output=True, text=True, timeout=30, check=True
        )
        return (done.stdout + done.stderr).splitlines()

    def create(self, **fields: Any) -> str:
        """Create a DUMMY job; its id."""
        body = {"name": "compose", "jobType": "DUMMY", **fields}
        answer = self.http.post("/api/v1/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job now."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()["data"]
        return job

    def create_many(self, label: str, jobs: list[dict[str, Any]]) -> list[str]:
        """Create DUMMY jobs in one request, labelled `batch:<label>`; their ids."""
        named = {"name": "compose", "jobType": "DUMMY", "labels": {"batch": label}}
        answer = self.http.post("/api/v1/jobs/batch", json={"jobs": [{**named, **j} for j in jobs]})
        assert answer.status_code == 201, answer.text
        return [str(job["jobId"]) for job in answer.json()["data"]]

    def labelled(self, label: str) -> list[dict[str, Any]]:
        """The jobs of one `create_many`, at most 200, as they are now."""
        answer = self.http.get("/api/v1/jobs", params={"label": f"batch:{label}", "limit": 200})
        assert answer.status_code == 200, answer.text
        jobs: list[dict[str, Any]] = answer.json()["data"]["items"]
        return jobs

    def history(self, job_id: str) -> list[dict[str, Any]]:
        """Its transitions."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}/history")
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows


@contextmanager
def running_project(workers: int) -> Iterator[ComposeProject]:
    """Built and up; taken down with its data at the end. The images stay."""
    need_engine()
    project = ComposeProject()
    try:
        project.run("build", "--quiet")
        project.up(workers)
        yield project
    except BaseException:
        print(project.run("logs", "--no-color", "--tail", "40"))
        raise
    finally:
        project.run("down", "--volumes", "--remove-orphans")
        project.http.close()


def _run(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=Path(ROOT),
        env=env,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_SECONDS,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def _free_range(taken: set[int]) -> int:
    """The first of as many free ports in a row as the workers may need."""
    while True:
        first = random.randint(LOWEST, HIGHEST - WORKER_PORTS)
        ports = range(first, first + WORKER_PORTS)
        if not taken & set(ports) and all(is_free(port) for port in ports):
            return first
