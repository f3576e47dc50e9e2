"""README.md can be followed: every command in it is run here, in order, by one shell on a stack of its own."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.components import state_directory
from tests.support.readme import Block, Shell, blocks, copied_tree
from tests.support.source_files import ROOT
from tests.support.stacks import is_settled
from tests.support.waiting import wait_until

FAR = "2999-01-01T00:00:00Z"
PLACEHOLDER = "JOB=…"
FOR_THE_READER = "for the reader"
RUN_LIMIT_SECONDS = 180.0

pytestmark = pytest.mark.timeout(400)

COVERED_ELSEWHERE = {
    r"make (test|check|check-fast)\b": "tests/conftest.py",
    r"make run\b": "tests/e2e/test_readme.py",
    r"docker\b": "tests/compose/test_compose.py",
    r"git clone\b": ".ci/run",
}
"""Commands that this test cannot type, and what runs them."""


def shell_commands() -> list[str]:
    return [line for block in blocks() if block.lang in {"sh", "bash"} for line in block.commands()]


def elsewhere(command: str) -> str | None:
    """What runs it, if this shell does not."""
    found = [file for pattern, file in COVERED_ELSEWHERE.items() if re.match(pattern, command)]
    return found[0] if found else None


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with state_directory() as root, copied_tree(root / "punctual") as tree:
        tree.chmod(0o755)
        yield tree


@pytest.fixture(scope="module")
def shell(folder: Path) -> Shell:
    return Shell(folder)


@pytest.fixture(scope="module")
def endpoints(folder: Path, shell: Shell) -> Iterator[dict[str, str]]:
    """The stack of `make up`."""
    up = shell.run("make up")
    assert up.returncode == 0, up
    try:
        lines = (folder / ".punctual" / "endpoints.env").read_text().split()
        yield dict(line.split("=", 1) for line in lines)
    finally:
        down = shell.run("make down")
        reset = shell.run("make reset YES=1")
        assert (down.returncode, reset.returncode) == (0, 0), (down, reset)


def test_make_run_prints_what_the_page_shows_and_leaves_nothing_running(
    folder: Path, shell: Shell
) -> None:
    with shell.start("make run") as running:
        assert running.stdout is not None
        seen = []
        for line in running.stdout:
            seen.append(line)
            if "Ctrl-C stops everything." in line:
                break
        pids = [int(p.read_text().split()[0]) for p in (folder / ".punctual/pids").iterdir()]
        os.killpg(running.pid, signal.SIGINT)
        seen += running.stdout.readlines()
        running.wait(RUN_LIMIT_SECONDS)
    said = "".join(seen)
    steps = re.findall(r"^ +\d+ +([A-Z]+) ", said, re.MULTILINE)
    assert steps == ["CREATED", "SCHEDULED", "RUNNING", "SUCCESS"], said
    assert len(pids) >= 5
    wait_until(lambda: not any(map(_lives, pids)), within=20, what="every process to be gone")


def test_every_command_works(folder: Path, shell: Shell, endpoints: dict[str, str]) -> None:
    """In the order of the page; files are saved where it says."""
    jobs = Jobs(endpoints["JOB_SERVICE_URL"])
    ran: list[str] = []
    asks_for_a_job = False
    for block in blocks():
        _save(folder, block)
        for command in block.commands() if block.lang in {"sh", "bash"} else []:
            if elsewhere(command) is not None:
                continue
            if command.startswith(PLACEHOLDER):
                asks_for_a_job = True
                continue
            assert "…" not in command, f"what stands for the dots in {command!r}?"
            given = (
                f"export JOB={jobs.fit_for(command)}\n"
                if asks_for_a_job and "$JOB" in command
                else ""
            )
            done = shell.run(given + _with_ports(command, endpoints))
            assert done.returncode == 0, done
            ran.append(command)
    print(*ran, sep="\n")
    assert len(ran) >= 10
    jobs.all_of_the_page_end()


def test_each_http_example_works(endpoints: dict[str, str]) -> None:
    """Blocks of HTTP: the first line `METHOD path`, headers, an empty line, the body."""
    for block in blocks():
        if block.lang == "http":
            head, _, body = block.text.partition("\n\n")
            first, *headers = head.splitlines()
            method, path = first.split()[:2]
            reply = httpx.request(
                method,
                endpoints["JOB_SERVICE_URL"] + path,
                headers=dict(line.split(": ", 1) for line in headers),
                content=body.encode(),
                timeout=20,
            )
            assert reply.status_code < 300, (first, reply.text)


def test_what_is_not_typed_here_is_run_elsewhere() -> None:
    """Each such command by name, and the file that runs it is there."""
    left = {command: elsewhere(command) for command in shell_commands() if elsewhere(command)}
    print(*(f"{command}: {file}" for command, file in left.items()), sep="\n")
    assert all((ROOT / str(file)).exists() for file in left.values())


class Jobs:
    """Jobs for `$JOB`, as the command needs it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=20)

    def fit_for(self, command: str) -> str:
        """The id of a job in a state in which this command has something to do."""
        if re.search(r"\bcancel\b", command):
            return self._until("RUNNING", payload={"sleepMs": 60_000})
        if re.search(r"\b(retry|abandon)\b", command):
            return self._until("FAILED", payload={"sleepMs": 0, "fail": "no"}, maxAttempts=1)
        if "PATCH" in command:
            return self._until("CREATED", scheduledTime=FAR)
        return self._until("SUCCESS", payload={"sleepMs": 0})

    def all_of_the_page_end(self) -> None:
        """Each job that a command made ends, and well: also the one of the type that was added."""
        wait_until(self._ended, within=60, every=0.5, what="the jobs of the page to end")

    def _ended(self) -> bool:
        items = self._http.get("/api/v1/jobs", params={"limit": 200}).json()["data"]["items"]
        found = [job for job in items if job["name"] != FOR_THE_READER]
        assert len(found) >= 2
        assert "FAILED" not in {job["status"] for job in found if is_settled(job)}
        return all(is_settled(job) or job["scheduledTime"] > "2030" for job in found)

    def _until(self, status: str, **fields: Any) -> str:
        body = {"name": FOR_THE_READER, "jobType": "DUMMY", **fields}
        job_id: str = self._http.post("/api/v1/jobs", json=body).json()["data"]["jobId"]
        path = f"/api/v1/jobs/{job_id}"
        wait_until(
            lambda: self._http.get(path).json()["data"]["status"] == status,
            within=30,
            what=f"a job to be {status}",
        )
        return job_id


def _save(folder: Path, block: Block) -> None:
    if block.file is not None:
        (folder / block.file).parent.mkdir(exist_ok=True)
        (folder / block.file).write_text(block.text)


def _with_ports(command: str, endpoints: dict[str, str]) -> str:
    """The page names the default ports; this stack has others."""
    urls = {
        "8080": endpoints["JOB_SERVICE_URL"],
        "8081": endpoints["SCHEDULER_SERVICE_URL"],
        "8082": endpoints["WORKER_SERVICE_URLS"].split(",")[0],
    }
    for port, url in urls.items():
        command = re.sub(rf"(http://)?(127\.0\.0\.1|localhost):{port}\b", url, command)
    return command


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
