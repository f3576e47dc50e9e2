"""Load for the fault tests: many SINK jobs, created by a few clients that repeat what was not answered.

A create is repeated under the same `Idempotency-Key` until it is answered, so that a job counts once however
often it was asked for (C2).
"""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.sink import Sink
from tests.support.stacks import RunningStack

CLIENTS = 8
CREATE_LIMIT_SECONDS = 60.0
"""How long one create is repeated before the test fails."""
REPEAT_AFTER_SECONDS = 0.2
ANSWER_LIMIT_SECONDS = 5.0


class Load:
    """Creates jobs at one job_service. `repeats`: how often a create had to be asked again."""

    def __init__(self, url: str, *, sink_port: int, seed: int = 7) -> None:
        self._http = httpx.Client(
            base_url=url,
            timeout=ANSWER_LIMIT_SECONDS,
            limits=httpx.Limits(max_connections=CLIENTS),
            trust_env=False,
        )
        self._pool = ThreadPoolExecutor(CLIENTS, thread_name_prefix="client")
        self._over = threading.Event()
        self._sink_port = sink_port
        self._random = random.Random(seed)
        self._made: list[Future[UUID]] = []
        self._known: list[UUID] = []
        self.repeats = 0
        self._lock = threading.Lock()

    def create(
        self,
        count: int,
        *,
        sleep_ms: tuple[int, int] = (200, 2_000),
        due: tuple[float, float] | None = None,
        **payload: Any,
    ) -> None:
        """Begin to create `count` SINK jobs that sleep a random time between `sleep_ms`, due now or spread
        evenly between two moments (seconds since 1970), with more in their payload. `ids` waits for the
        answers.
        """
        for body in self._bodies(count, sleep_ms, due, payload):
            self._made.append(self._pool.submit(self._create, body, str(uuid4())))

    def create_at_once(
        self, count: int, *, sleep_ms: tuple[int, int], due: tuple[float, float]
    ) -> None:
        """The same in one request that is answered before this returns: a slow machine too has made them
        before they are due.
        """
        jobs = self._bodies(count, sleep_ms, due, {})
        answer = self._http.post("/api/v1/jobs/batch", json={"jobs": jobs}, timeout=60.0)
        assert answer.status_code == 201, answer.text
        self._known += [UUID(job["jobId"]) for job in answer.json()["data"]]

    def _bodies(
        self,
        count: int,
        sleep_ms: tuple[int, int],
        due: tuple[float, float] | None,
        payload: dict[str, Any],
    ) -> list[dict[str, Any]]:
        bodies = []
        for n in range(count):
            sleep = self._random.randint(*sleep_ms)
            body: dict[str, Any] = {
                "name": f"load {n}",
                "jobType": "SINK",
                "payload": {"port": self._sink_port, "sleep_ms": sleep, **payload},
            }
            if due is not None:
                moment = due[0] + (due[1] - due[0]) * n / count
                body["scheduledTime"] = datetime.fromtimestamp(moment, UTC).isoformat()
            bodies.append(body)
        return bodies

    def ids(self, *, within: float = CREATE_LIMIT_SECONDS) -> list[UUID]:
        """The ids of all jobs asked for so far, once every create was answered."""
        deadline = time.monotonic() + within
        late = [made.result(max(0.0, deadline - time.monotonic())) for made in self._made]
        return [*self._known, *late]

    def close(self) -> None:
        """Give up what is not answered."""
        self._over.set()
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def _create(self, body: dict[str, Any], key: str) -> UUID:
        deadline = time.monotonic() + CREATE_LIMIT_SECONDS
        while True:
            try:
                response = self._http.post(
                    "/api/v1/jobs", json=body, headers={"Idempotency-Key": key}
                )
            except httpx.TransportError as error:
                problem = repr(error)
            else:
                if response.status_code in {200, 201}:
                    return UUID(response.json()["data"]["jobId"])
                problem = f"{response.status_code} {response.text[:300]}"
                # 503 says that the database is away; anything else under a fault is a bug.
                if response.status_code != 503:
                    raise AssertionError(f"create refused: {problem}")
            if time.monotonic() > deadline or self._over.wait(REPEAT_AFTER_SECONDS):
                raise AssertionError(f"create not answered: {problem}")
            with self._lock:
                self.repeats += 1


@contextmanager
def load_on(stack: RunningStack, sink: Sink) -> Iterator[Load]:
    """A load whose clients are gone at the end."""
    load = Load(stack.stack.plan.url("job-1"), sink_port=sink.port)
    try:
        yield load
    finally:
        load.close()
