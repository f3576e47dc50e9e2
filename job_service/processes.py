"""Several processes of job_service behind one port: a parent that has the port and keeps its children running.

Each child is a whole job_service. They share what replicas share, the database, and the port: the kernel gives
each new connection to one of those that listen (SO_REUSEPORT), so nobody waits for a child that is away. The
parent answers no request. It keeps the other end of each child's lifeline: when that closes, because the parent
was asked to end or is gone, the child ends in good order.
"""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.runtime import garbage
from shared.runtime.log import get
from shared.runtime.serve import bound, share

STEADY_SECONDS = 10.0
"""A child that lived for so long had started well."""
QUICK_DEATHS = 5
"""After so many deaths of one child, each before it was steady, the parent gives up."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
"""Before a child that was not steady comes back; twice as long each time."""
END_SECONDS = 30.0
"""Children that have not ended by then are killed."""

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
_ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


@dataclass(frozen=True)
class Member:
    """What a child is told: its number from 0 and how many there are, the port that all share, the end of its
    lifeline, and the directory in which the children meet."""

    number: int
    count: int
    port: int
    lifeline: int
    meet: Path


class Comebacks:
    """When a child that died comes back."""

    def __init__(self) -> None:
        self._quick = 0

    def died(self, lived_seconds: float) -> float | None:
        """Seconds until it shall be started again; None if that is of no use."""
        if lived_seconds >= STEADY_SECONDS:
            self._quick = 0
            return 0.0
        self._quick += 1
        if self._quick >= QUICK_DEATHS:
            return None
        return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (self._quick - 1)))


class _Child:
    def __init__(self, number: int) -> None:
        self.number = number
        self.pid: int | None = None
        self.began = 0.0
        self.due = 0.0
        self.comebacks = Comebacks()


class Processes:
    """`count` processes that run `serve` each; its result is the child's exit code."""

    def __init__(self, count: int, serve: Callable[[Member], int], *, host: str, port: int) -> None:
        self._children = [_Child(number) for number in range(count)]
        self._serve = serve
        self._host, self._port = host, port
        self._lifeline = (-1, -1)
        self._given_up = False
        self._log = get(__name__)

    def run(self) -> int:
        """Keep them running until SIGTERM or SIGINT; the exit code. 1 if a child keeps dying, or if one did
        not end well.

        Raises:
            OSError: the address cannot be bound.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        reserved = bound(self._host, self._port)
        share(reserved)
        self._port = reserved[0].getsockname()[1]
        self._lifeline = os.pipe()
        garbage.settle()  # before the children are made, which share what is not touched
        with tempfile.TemporaryDirectory(prefix="punctual-job-") as meet:
            self._keep(Path(meet), [sock.fileno() for sock in reserved])
            ended_well = self._end()
        for sock in reserved:
            sock.close()
        return 0 if ended_well and not self._given_up else 1

    def _keep(self, meet: Path, reserved: Sequence[int]) -> None:
        while not self._given_up:
            now = time.monotonic()
            for child in self._children:
                if child.pid is None and child.due <= now:
                    self._start(child, meet, reserved)
            away = [child.due for child in self._children if child.pid is None]
            pause = max(0.0, min(away, default=now + END_SECONDS) - now)
            told = signal.sigtimedwait(_SIGNALS, pause)
            if told is not None and told.si_signo in _ENDING:
                return
            self._bring_back()

    def _start(self, child: _Child, meet: Path, reserved: Sequence[int]) -> None:
        child.began = time.monotonic()
        lifeline, others_end = self._lifeline
        member = Member(child.number, len(self._children), self._port, lifeline, meet)
        child.pid = os.fork()
        if child.pid == 0:
            _be(member, self._serve, [others_end, *reserved])
        self._log.info("process started", number=child.number, pid=child.pid)

    def _bring_back(self) -> None:
        for child, status in self._reaped():
            lived = time.monotonic() - child.began
            pause = child.comebacks.died(lived)
            self._log.warning(
                "process died",
                number=child.number,
                exit_code=os.waitstatus_to_exitcode(status),
                lived_seconds=round(lived, 3),
                back_in_seconds=pause,
            )
            child.due = time.monotonic() + (pause or 0.0)
            self._given_up |= pause is None

    def _reaped(self) -> list[tuple[_Child, int]]:
        """The children that have ended since, and how."""
        ended = []
        for child in self._children:
            if child.pid is not None:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    child.pid = None
                    ended.append((child, status))
        return ended

    def _end(self) -> bool:
        """Ask all for their end and wait for it; whether all ended well."""
        os.close(self._lifeline[1])
        until = time.monotonic() + END_SECONDS
        well = True
        while any(child.pid is not None for child in self._children):
            told = signal.sigtimedwait(_SIGNALS, max(0.0, until - time.monotonic()))
            if told is None or told.si_signo in _ENDING:  # too long, or a second signal: at once
                self._kill()
            well &= all(status == 0 for _, status in self._reaped())
        os.close(self._lifeline[0])
        return well

    def _kill(self) -> None:
        for child in self._children:
            if child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)


def _be(member: Member, serve: Callable[[Member], int], others: Sequence[int]) -> None:
    """Live as a child; does not return."""
    code = 1
    try:
        for fd in others:
            os.close(fd)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent passes it on
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        code = serve(member)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
