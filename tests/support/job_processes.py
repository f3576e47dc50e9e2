"""job_service as it is started by a person: a process of its own, here with children behind one port."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from punctual.local.ports import HOST, any_free
from tests.support.waiting import until

START_LIMIT_SECONDS = 30.0
REQUEST_LIMIT_SECONDS = 10.0
END_LIMIT_SECONDS = 20.0

_LISTENS, _CONNECTED = "0A", "01"
"""States of a socket, as /proc/net/tcp has them."""


@dataclass(frozen=True)
class Child:
    """A process, told from a later one with its pid by when it began."""

    pid: int
    began: str

    def lives(self) -> bool:
        """Whether it runs still."""
        return _stat(self.pid) not in {None, ("Z", self.began)} and _began(self.pid) == self.began

    def kill(self) -> None:
        """If it lives."""
        if self.lives():
            os.kill(self.pid, signal.SIGKILL)


def _stat(pid: int) -> tuple[str, str] | None:
    """State and time of beginning; None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], fields[19]


def _began(pid: int) -> str | None:
    found = _stat(pid)
    return None if found is None else found[1]


def _has_socket(pid: int, state: str, local: int, remote: int | None = None) -> bool:
    """Whether the process has a socket with this state and these ports."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.partition(":")[2], 16) for address in fields[1:3]]
        if fields[3] == state and ports[0] == local and remote in {None, ports[1]}:
            inodes.add(f"socket:[{fields[9]}]")
    with suppress(FileNotFoundError, ProcessLookupError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if os.readlink(fd) in inodes:
                    return True
    return False


@dataclass(frozen=True)
class Started:
    """The parent, and the port that its children share."""

    process: "subprocess.Popen[bytes]"
    port: int

    @property
    def url(self) -> str:
        """Of all children."""
        return f"http://{HOST}:{self.port}"

    def children(self) -> list[Child]:
        """Those that live."""
        pid = self.process.pid
        try:
            told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            return []
        found = [Child(int(child), _began(int(child)) or "") for child in told]
        return [child for child in found if child.lives()]

    def listening(self) -> list[Child]:
        """The children that take connections."""
        return [c for c in self.children() if _has_socket(c.pid, _LISTENS, self.port)]

    async def until_all_listen(self, count: int) -> None:
        """Wait until so many children take connections."""

        def all_there() -> bool:
            return len(self.listening()) == count

        await until(all_there, within=START_LIMIT_SECONDS, what="all processes listen")

    @asynccontextmanager
    async def client_of(self, child: Child) -> AsyncIterator[httpx.AsyncClient]:
        """A client whose one connection that child has."""
        while True:
            async with client(self.url) as http:
                answer = await http.get("/livez")
                mine = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
                if _has_socket(child.pid, _CONNECTED, self.port, mine):
                    yield http
                    return

    async def ended(self) -> int:
        """Wait for the parent's end; its exit code."""
        return await asyncio.to_thread(self.process.wait, END_LIMIT_SECONDS)


def client(url: str) -> httpx.AsyncClient:
    """A client with one connection, that no proxy of the environment reaches."""
    limits = httpx.Limits(max_connections=1)
    return httpx.AsyncClient(
        base_url=url, limits=limits, timeout=REQUEST_LIMIT_SECONDS, trust_env=False
    )


@asynccontextmanager
async def job_processes(
    database_url: str, count: int, **environment: str
) -> AsyncIterator[Started]:
    """So many behind one port; further variables of the environment by name."""
    port = any_free()
    given = {
        "PUNCTUAL_DATABASE__URL": database_url,
        "PUNCTUAL_JOB_SERVICE__PORT": str(port),
        "PUNCTUAL_JOB_SERVICE__PROCESSES": str(count),
        **environment,
    }
    started = Started(_start(given), port)
    family: list[Child] = []
    try:
        await started.until_all_listen(count)
        family = started.children()
        yield started
    finally:
        family += started.children()
        started.process.kill()
        started.process.wait()
        for child in family:
            child.kill()


def _start(environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "job_service"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
