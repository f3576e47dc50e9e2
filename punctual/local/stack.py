"""The whole stack in one state directory: planned, started, stopped, and each process by its
name.
"""

import fcntl
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from punctual.local import services
from punctual.local.embedded_kafka import EmbeddedKafka
from punctual.local.kafka import KafkaBroker
from punctual.local.kafka_kind import APACHE, EMBEDDED, NOT_PROMISED, choose_kafka_kind
from punctual.local.plan import Plan
from punctual.local.plan_ports import plan_ports
from punctual.local.ports import any_free
from punctual.local.postgres import PostgresServer
from punctual.local.problems import StackProblem, StartFailed
from punctual.local.processes import Daemon, log_tail, run_to_end
from punctual.local.waiting import wait_for

READY_LIMIT_SECONDS = 60.0
MIGRATE_LIMIT_SECONDS = 120.0
DRAIN_LIMIT_SECONDS = 45.0
"""A worker may take `PUNCTUAL_WORKER__DRAIN` (30 s) to finish what it runs."""
OURS = ("pids", "logs", "postgres", "kafka", "stack.json", "endpoints.env", "lock")


@dataclass(frozen=True)
class Options:
    """What to start, and where its state is.

    `env` is given to every service on top of the caller's own environment. A database or a broker
    whose address is given is used, and neither started nor stopped. `kafka_kind` is `apache` or
    `embedded`; None takes Apache Kafka where this machine can run it.
    """

    root: Path
    workers: int = 1
    schedulers: int = 1
    auto_ports: bool = False
    database_url: str | None = None
    kafka_bootstrap: str | None = None
    kafka_kind: str | None = None
    fsync: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """PostgreSQL, Kafka and the services of one state directory.

    Setting `give_up` makes whatever waits raise `StackProblem` soon. A failed `up` sets it itself,
    so that one failure does not wait for the other starts; a new `Stack` tries again.
    """

    def __init__(
        self,
        options: Options,
        *,
        say: Callable[[str], None] = lambda line: None,
        give_up: threading.Event | None = None,
    ) -> None:
        self._options = options
        self._root = options.root
        self._say = say
        self._give_up = give_up or threading.Event()

    @property
    def plan(self) -> Plan:
        """Where everything listens.

        Raises:
            StackProblem: nothing was started here yet.
        """
        plan = Plan.load(self._root)
        if plan is None:
            raise StackProblem(f"there is no stack in {self._root}: make up starts one")
        return plan

    def up(self) -> Plan:
        """Start what does not run yet, and wait until all of it is ready. On failure what this call
        started is stopped again; what ran before runs on.

        Raises:
            StackProblem: says why not.
        """
        with self._locked():
            before = self.running()
            plan = self._make_plan(before)
            try:
                self._start_all(plan)
            except BaseException:
                self._stop_all(leave=before)
                raise
            return plan

    def down(self) -> None:
        """Stop everything that runs, services first."""
        if self._root.is_dir():
            with self._locked():
                self._stop_all()

    def reset(self) -> None:
        """Stop everything and throw the local data away; only what is ours in the state
        directory.
        """
        if not self._root.is_dir():
            return
        self.down()
        self._postgres().remove()
        for name in OURS:
            path = self._root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if not any(self._root.iterdir()):
            self._root.rmdir()

    def running(self) -> list[str]:
        """The names of the processes that run."""
        files = (self._root / "pids").glob("*.pid")
        return sorted(file.stem for file in files if self.pid(file.stem) is not None)

    def pid(self, name: str) -> int | None:
        """The pid of a process while it runs."""
        return Daemon(self._root, name).pid()

    def spawn(self, name: str, *, env: Mapping[str, str] | None = None, ready: bool = True) -> None:
        """Start one process, again or for the first time; `ready` waits until it is.

        Raises:
            StackProblem: it is no name of the stack, or it did not start.
        """
        plan = self.plan
        if name == "postgres":
            self._postgres().start()
        elif name == "kafka":
            self._kafka().start()
        else:
            self._spawn_service(name, plan, env, ready=ready)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process, by default the last one it gets."""
        daemon = Daemon(self._root, name)
        daemon.send(number)
        if number == signal.SIGKILL and not daemon.gone(within_seconds=10):
            raise StackProblem(f"{name} does not end")

    def stop(self, name: str) -> None:
        """End one process in good order."""
        if name == "postgres":
            self._postgres().stop()
        elif name == "kafka":
            self._kafka().stop()
        else:
            Daemon(self._root, name).stop(signal.SIGTERM, limit_seconds=DRAIN_LIMIT_SECONDS)

    def _make_plan(self, running: Sequence[str]) -> Plan:
        counts = {
            "job": 1,
            "scheduler": self._options.schedulers,
            "worker": self._options.workers,
        }
        plan = plan_ports(
            Plan.load(self._root),
            counts,
            auto=self._options.auto_ports,
            database_url=self._options.database_url,
            kafka_bootstrap=self._options.kafka_bootstrap,
            kafka_kind=self._kafka_kind(),
            running=running,
            say=self._say,
        )
        plan.save(self._root)
        if plan.kafka_kind == EMBEDDED:
            self._say(NOT_PROMISED)
        return plan

    def _kafka_kind(self) -> str:
        """A broker that somebody else runs counts as a real one."""
        if self._options.kafka_bootstrap:
            return APACHE
        return choose_kafka_kind(self._options.kafka_kind)

    def _start_all(self, plan: Plan) -> None:
        """PostgreSQL and Kafka at once; job_service as soon as the one is there, the rest with the
        other.
        """
        with ThreadPoolExecutor(thread_name_prefix="stack") as pool:
            base = [
                pool.submit(self._start_database_side, plan),
                pool.submit(self._start_kafka_side, plan),
            ]
            self._gather(base)
            names = [*plan.names("job"), *plan.names("scheduler"), *plan.names("worker")]
            self._gather([pool.submit(self._wait_ready, name, plan) for name in names])

    def _gather(self, futures: list[Future[None]]) -> None:
        """Wait for all; the first that fails makes the others give up."""
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        if waiting:
            self._give_up.set()
            wait(waiting)
        for future in [*done, *waiting]:
            future.result()

    def _start_database_side(self, plan: Plan) -> None:
        if "postgres" in plan.ports:
            self._postgres().start()
        log_file = self._root / "logs" / "migrate.log"
        code = run_to_end(
            services.migrate_command(),
            env=services.environment("job-1", plan, self._options.env),
            cwd=services.working_directory(),
            log_file=log_file,
            limit_seconds=MIGRATE_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if code != 0:
            raise StartFailed(f"the database was not migrated\n{log_tail(log_file)}")
        for name in plan.names("job"):
            self._start_service(name, plan)

    def _start_kafka_side(self, plan: Plan) -> None:
        if "kafka" in plan.ports:
            self._kafka().start()
        for name in [*plan.names("scheduler"), *plan.names("worker")]:
            self._start_service(name, plan)

    def _spawn_service(
        self, name: str, plan: Plan, env: Mapping[str, str] | None, *, ready: bool
    ) -> None:
        services.role(name)
        if name not in plan.ports:
            plan = plan.with_port(name, any_free(set(plan.ports.values())))
            plan.save(self._root)
        self._start_service(name, plan, env)
        if ready:
            self._wait_ready(name, plan)

    def _start_service(self, name: str, plan: Plan, env: Mapping[str, str] | None = None) -> None:
        daemon = Daemon(self._root, name)
        if daemon.pid() is None:
            daemon.start(
                services.command(name),
                env=services.environment(name, plan, {**self._options.env, **(env or {})}),
                cwd=services.working_directory(),
            )

    def _wait_ready(self, name: str, plan: Plan) -> None:
        daemon = Daemon(self._root, name)
        wait_for(
            lambda: daemon.pid() is None or services.is_ready(plan.ports[name]),
            within_seconds=READY_LIMIT_SECONDS,
            give_up=self._give_up,
        )
        if self._give_up.is_set():
            raise StackProblem("given up")
        if daemon.pid() is None:
            raise StartFailed(f"{name} ended while it started\n{daemon.log_tail()}")
        if not services.is_ready(plan.ports[name]):
            raise StartFailed(
                f"{name} was not ready within {READY_LIMIT_SECONDS:.0f} s\n{daemon.log_tail()}"
            )

    def _stop_all(self, *, leave: Sequence[str] = ()) -> None:
        running = [name for name in self.running() if name not in leave]
        base = [name for name in running if name in ("postgres", "kafka")]
        jobs = [name for name in running if name.startswith("job-")]
        others = [name for name in running if name not in (*base, *jobs)]
        for group in (others, jobs, base):
            if group:
                with ThreadPoolExecutor(len(group)) as pool:
                    list(pool.map(self.stop, group))

    def _postgres(self) -> PostgresServer:
        return PostgresServer(
            self._root,
            port=self._port("postgres"),
            fsync=self._options.fsync,
            give_up=self._give_up,
        )

    def _kafka(self) -> KafkaBroker | EmbeddedKafka:
        plan, port = Plan.load(self._root), self._port("kafka")
        if plan is not None and plan.kafka_kind == EMBEDDED:
            env = {**os.environ, **self._options.env}
            return EmbeddedKafka(self._root, port=port, env=env, give_up=self._give_up)
        return KafkaBroker(self._root, port=port, give_up=self._give_up)

    def _port(self, name: str) -> int | None:
        plan = Plan.load(self._root)
        return plan.ports.get(name) if plan else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one command at a time works on a state directory."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackProblem(
                    f"another command is at work in {self._root}: wait until it is done"
                ) from None
            yield


def state_dir() -> Path:
    """`PUNCTUAL_STATE_DIR`, else `.punctual/` of the checkout, else of the current folder."""
    named = os.environ.get("PUNCTUAL_STATE_DIR")
    if named:
        return Path(named).absolute()
    checkout = services.working_directory()
    home = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return home / ".punctual"
