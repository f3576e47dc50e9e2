"""One named, detached process of a state directory: its pid file, its log, its start and its end.

A pid alone does not name a process, because the system uses pids again. So the moment at which the
process started is kept beside the pid file, and a pid whose process started at another moment is
not ours: it is never signalled.
"""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from punctual.local.waiting import wait_for

KILL_LIMIT_SECONDS = 10.0
"""How long a process may take to be gone after SIGKILL."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this very process started: they must be waited for, or they stay as zombies."""


@dataclass(frozen=True)
class Account:
    """A user that a process runs as, in place of root."""

    name: str
    uid: int
    gid: int


class Daemon:
    """The process `name` of the state directory `root`.

    `pids/<name>.pid` holds the pid and nothing else, so that `kill $(cat …)` works.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.pid_file = root / "pids" / f"{name}.pid"
        self.log_file = root / "logs" / f"{name}.log"
        self._birth_file = root / "pids" / f".{name}.birth"

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        account: Account | None = None,
    ) -> int:
        """Start it in a session of its own, with no descriptor of ours; its pid.

        Raises:
            RuntimeError: it runs already.
        """
        if self.pid() is not None:
            raise RuntimeError(f"{self.name} runs already")
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                close_fds=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        _children[child.pid] = child
        self._birth_file.write_text(_birth(child.pid) or "")
        self.pid_file.write_text(f"{child.pid}\n")
        return child.pid

    def pid(self) -> int | None:
        """Its pid while it runs, else None."""
        try:
            pid = int(self.pid_file.read_text())
            birth = self._birth_file.read_text()
        except (OSError, ValueError):
            return None
        if pid in _children:
            # A JVM is shown as a zombie while its last threads still end; it is gone when it can be waited for.
            if _children[pid].poll() is None:
                return pid
            del _children[pid]
            return None
        return pid if birth and _birth(pid) == birth else None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it does not run."""
        pid = self.pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def gone(self, *, within_seconds: float) -> bool:
        """Wait until it has ended; whether it has."""
        return wait_for(lambda: self.pid() is None, within_seconds=within_seconds)

    def stop(self, *signals: signal.Signals, limit_seconds: float) -> None:
        """End it: each signal in turn with `limit_seconds` to obey, then SIGKILL for all of its
        group.

        Raises:
            RuntimeError: it is still there after SIGKILL.
        """
        for number in signals or (signal.SIGTERM,):
            self.send(number)
            if self.gone(within_seconds=limit_seconds):
                break
        pid = self.pid()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            if not self.gone(within_seconds=KILL_LIMIT_SECONDS):
                raise RuntimeError(f"{self.name} (pid {pid}) does not end")
        self.pid_file.unlink(missing_ok=True)
        self._birth_file.unlink(missing_ok=True)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return log_tail(self.log_file, lines)


def _birth(pid: int) -> str | None:
    """When the process with this pid started, in a form that only serves to compare; None if it is
    dead.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _birth_from_ps(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _birth_from_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    ).stdout.split(maxsplit=1)
    return shown[1].strip() if len(shown) == 2 and shown[0][0] != "Z" else None


def run_to_end(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log_file: Path,
    limit_seconds: float,
    give_up: threading.Event | None = None,
    account: Account | None = None,
    stdin: bytes = b"",
) -> int:
    """Run a command with its output in `log_file`; its exit code.

    A command that is longer at it than `limit_seconds`, or still at it when somebody gives up, is
    killed: the code is then -9.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log, tempfile.TemporaryFile() as given:
        log.write(f"--- {' '.join(command)}\n".encode())
        log.flush()
        given.write(stdin)
        given.seek(0)
        child = subprocess.Popen(
            command,
            stdin=given,
            stdout=log,
            stderr=log,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if not wait_for(
            lambda: child.poll() is not None, within_seconds=limit_seconds, give_up=give_up
        ):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        return child.wait(KILL_LIMIT_SECONDS)


def log_tail(log_file: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    try:
        text = log_file.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
