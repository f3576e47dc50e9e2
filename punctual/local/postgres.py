"""A PostgreSQL server on 127.0.0.1, with the role and the database `punctual`."""

import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

from punctual.local.ports import HOST, any_free
from punctual.local.postgres_binaries import reachable, unprivileged_account, usable_binaries
from punctual.local.problems import StartFailed
from punctual.local.processes import Daemon, run_to_end
from punctual.local.waiting import wait_for

ROLE = DATABASE = "punctual"
START_LIMIT_SECONDS = 60.0
STOP_LIMIT_SECONDS = 30.0
INIT_LIMIT_SECONDS = 60.0
OLD_ONE_GONE_LIMIT_SECONDS = 15.0
"""How long the children of a killed server may take to notice it and let go of its memory."""
_STILL_IN_USE = "pre-existing shared memory block"


class PostgresServer:
    """The process `postgres` of a state directory. Its data is in `postgres/` there and outlives
    it.

    `fsync=False` is for tests: a power cut may then spoil the data, a kill does not.
    """

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        fsync: bool = True,
        give_up: threading.Event | None = None,
    ) -> None:
        self.daemon = Daemon(root, "postgres")
        self.port = port or any_free()
        self._home = root.resolve() / "postgres"
        self._fsync = fsync
        self._give_up = give_up
        self._account = unprivileged_account()

    @property
    def url(self) -> str:
        """The address of the database `punctual`."""
        return f"postgresql://{ROLE}@{HOST}:{self.port}/{DATABASE}"

    def start(self) -> None:
        """Start it, making its data the first time, and wait until it accepts.

        Raises:
            MissingComponent: PostgreSQL is not on this machine.
            StartFailed: it ended or did not accept in time.
        """
        if self.daemon.pid() is not None:
            return
        binaries = usable_binaries(self._account)
        data = self._data_dir()
        if not (data / "PG_VERSION").exists():
            self._init(binaries, data)
        started = wait_for(
            lambda: self._spawn(binaries, data),
            within_seconds=OLD_ONE_GONE_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if not started:
            raise StartFailed(f"postgres did not start\n{self.daemon.log_tail()}")

    def stop(self, *, immediate: bool = False) -> None:
        """End it, by default in fast mode; `immediate` leaves a crash recovery to the next
        start.
        """
        first = signal.SIGQUIT if immediate else signal.SIGINT
        self.daemon.stop(first, signal.SIGQUIT, limit_seconds=STOP_LIMIT_SECONDS)

    def remove(self) -> None:
        """Throw its data away. It must not run."""
        elsewhere = self._elsewhere_file()
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text(), ignore_errors=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def _spawn(self, binaries: Path, data: Path) -> bool:
        """One try to start; False when what is left of a killed one is still there."""
        log_start = self._log_size()
        self.daemon.start(
            [str(binaries / "postgres"), "-D", str(data), *self._options()],
            env=_environment(),
            cwd=Path("/"),
            account=self._account,
        )
        settled = wait_for(
            lambda: self._accepts(data) or self.daemon.pid() is None,
            within_seconds=START_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if settled and self.daemon.pid() is not None:
            return True
        with self.daemon.log_file.open(errors="replace") as log:
            log.seek(log_start)
            if _STILL_IN_USE in log.read():
                return False
        raise StartFailed(f"postgres did not start\n{self.daemon.log_tail()}")

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
            # Each 16 MiB a server that has nothing to recycle makes a file of WAL, and all commits wait
            # while it fills that with zeros and syncs it: 80 to 500 ms.
            "wal_init_zero": "off",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _accepts(self, data: Path) -> bool:
        """Whether the server has written into its pid file that it is ready (as pg_ctl looks)."""
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            len(lines) >= 8 and int(lines[0]) == self.daemon.pid() and lines[7].strip() == "ready"
        )

    def _init(self, binaries: Path, data: Path) -> None:
        """Make the data: empty, or left half made by an interrupted start."""
        for entry in data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", ROLE, "--auth=trust"]
        initdb += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        single = [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"]
        self._run(initdb)
        self._run(single, stdin=f"CREATE DATABASE {DATABASE}\n".encode())

    def _run(self, command: list[str], *, stdin: bytes = b"") -> None:
        code = run_to_end(
            command,
            env=_environment(),
            cwd=Path("/"),
            log_file=self.daemon.log_file,
            limit_seconds=INIT_LIMIT_SECONDS,
            give_up=self._give_up,
            account=self._account,
            stdin=stdin,
        )
        if code != 0:
            raise StartFailed(f"postgres: {command[0]} failed\n{self.daemon.log_tail()}")

    def _data_dir(self) -> Path:
        """The data's folder: in the state directory, or in the temporary one where PostgreSQL's
        account cannot enter that; the place is remembered.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        elsewhere = self._elsewhere_file()
        if elsewhere.exists():
            data = Path(elsewhere.read_text())
        elif reachable(self._home, self._account):
            data = self._home / "data"
        else:
            data = Path(tempfile.mkdtemp(prefix="punctual-data-"))
            elsewhere.write_text(str(data))
        data.mkdir(mode=0o700, exist_ok=True)
        if self._account is not None:
            os.chown(data, self._account.uid, self._account.gid)
        return data

    def _elsewhere_file(self) -> Path:
        return self._home / "data-is-elsewhere"

    def _log_size(self) -> int:
        return self.daemon.log_file.stat().st_size if self.daemon.log_file.exists() else 0


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
