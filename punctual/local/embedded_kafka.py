"""The embedded broker as the process `kafka` of a state directory: started and stopped like the real one."""

import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from punctual.local.mock_cluster import find_library
from punctual.local.ports import HOST, accepts, any_free
from punctual.local.problems import MissingComponent, StartFailed
from punctual.local.processes import Daemon
from punctual.local.waiting import wait_for

START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 5.0
MODULE = "punctual.local.embedded_broker"


class EmbeddedKafka:
    """Has no data outside its process. `env` names the topics (`PUNCTUAL_KAFKA__…`)."""

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        env: Mapping[str, str],
        give_up: threading.Event | None = None,
    ) -> None:
        self.daemon = Daemon(root, "kafka")
        self.port = port or any_free()
        self._env = env
        self._give_up = give_up

    @property
    def bootstrap(self) -> str:
        """Its address, as clients want it."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start it with its topics, all of them empty, and wait until it accepts.

        Raises:
            MissingComponent: the wheel that carries it is not installed.
            StartFailed: it ended or did not accept in time.
        """
        if self.daemon.pid() is not None:
            return
        if find_library() is None:
            raise MissingComponent(
                "the embedded broker is part of a wheel: .venv/bin/pip install confluent-kafka"
            )
        self.daemon.start(
            [sys.executable, "-m", MODULE, "--port", str(self.port)],
            env=self._env,
            cwd=Path(__file__).resolve().parents[2],
        )
        up = wait_for(
            lambda: accepts(self.port) or self.daemon.pid() is None,
            within_seconds=START_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if not up or self.daemon.pid() is None:
            raise StartFailed(f"the embedded broker did not start\n{self.daemon.log_tail()}")

    def stop(self) -> None:
        """End it; what it held is gone."""
        self.daemon.stop(signal.SIGTERM, limit_seconds=STOP_LIMIT_SECONDS)
