"""Cancel: how long from a client's request until the handler of a running job hears of it.

    python -m bench.cancel --jobs 1000

Starts a stack of its own. A third of the jobs runs, a third is held by the worker ahead of its due time, and a
third is cancelled soon after it was created, while it may be claimed, published, leased or started. Prints
percentiles, by the clock of an outside sink. Exit code 1 if a job that was answered 200 ever started, or one
ended otherwise than its history says.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from bench.lateness import figures, machine
from tests.support.looking import rows, wait_all_settled
from tests.support.sink import Sink, listening_sink
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

CLIENTS = 8
WORK_MS = 300_000
"""How long a handler works unless it is cancelled."""
LEAD_SECONDS = 10.0
"""How long before its due time a job is published, and then held: as long as may be set."""
HELD_SECONDS = 2 * LEAD_SECONDS
FRESH_SECONDS = 0.3
"""At most so long after its create a job of the last third is cancelled."""
PUSHED_WITHIN_SECONDS = 1.0
"""A cancel that was answered so long before a start comes in time to prevent it."""
READY_WITHIN_SECONDS = 120.0
SETTLED_WITHIN_SECONDS = 60.0
CALL_LIMIT_SECONDS = 20.0
ENV = {
    "PUNCTUAL_WORKER__SLOTS": "2000",
    "PUNCTUAL_WORKER__HOLD_SLOTS": "2000",
    "PUNCTUAL_CLAIM__LOOKAHEAD": "60s",
    "PUNCTUAL_SCHEDULER__LEAD": f"{LEAD_SECONDS}s",
}
"""One worker takes them all."""

LEASED = "SELECT count(*) AS n FROM inflight WHERE job_id = ANY ($1) AND worker IS NOT NULL"
ENDS = """
SELECT j.id, j.status, h.to_status, h.reason, extract(epoch FROM h.at)::float8 AS at,
       EXISTS (SELECT FROM job_history AS r WHERE r.job_id = j.id AND r.to_status = 'RUNNING') AS ran
FROM jobs AS j JOIN job_history AS h ON h.job_id = j.id AND h.version = j.version
WHERE j.id = ANY ($1)
"""


@dataclass
class Asked:
    """Cancels: when each was sent and answered (seconds since 1970), and with which status."""

    sent: dict[UUID, float] = field(default_factory=dict)
    answered: dict[UUID, float] = field(default_factory=dict)
    status: dict[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cancelled:
    """What was seen. `to_handler`: milliseconds, sorted, from the request until a running handler heard of
    it, by the sink; `to_end`: until the end of a held job was recorded, by the database. `broken`: promises
    that were not kept.
    """

    to_handler: Sequence[float]
    to_end: Sequence[float]
    answers: dict[str, dict[int, int]]
    broken: Sequence[str]

    def lines(self) -> list[str]:
        """For a person."""
        shown = [f"{kind:<8} answers {counts}" for kind, counts in self.answers.items()]
        for name, values in (("handler", self.to_handler), ("held end", self.to_end)):
            told = "  ".join(f"{label} {value:.0f} ms" for label, value in figures(values))
            shown.append(f"{name:<8} {len(values)} jobs: {told}")
        return [*shown, *self.broken, f"broken promises: {len(self.broken)}"]


class Clients:
    """Several at once, each with a connection of its own."""

    def __init__(self, url: str, sink_port: int) -> None:
        limits = httpx.Limits(max_connections=CLIENTS)
        self._http = httpx.Client(
            base_url=url, timeout=CALL_LIMIT_SECONDS, limits=limits, trust_env=False
        )
        self._port = sink_port
        self._pool = ThreadPoolExecutor(CLIENTS, thread_name_prefix="client")
        self._lock = threading.Lock()

    def create(self, count: int, *, in_seconds: float = 0.0) -> list[UUID]:
        """SINK jobs in one batch, due in so many seconds; their ids."""
        payload = {"port": self._port, "sleep_ms": WORK_MS, "tell_cancel": True}
        item: dict[str, Any] = {"name": "bench", "jobType": "SINK", "payload": payload}
        if in_seconds:
            due = datetime.fromtimestamp(time.time() + in_seconds, UTC)
            item["scheduledTime"] = due.isoformat()
        reply = self._http.post("/api/v1/jobs/batch", json={"jobs": [item] * count})
        reply.raise_for_status()
        return [UUID(job["jobId"]) for job in reply.json()["data"]]

    def cancel(self, jobs: Sequence[UUID], asked: Asked) -> None:
        """Cancel all of them, as fast as the clients can."""
        list(self._pool.map(lambda job: self._cancel(job, asked), jobs))

    def create_and_cancel(self, count: int, asked: Asked) -> list[UUID]:
        """Jobs that are due now, each cancelled soon after it was created; their ids."""

        def one(_: int) -> UUID:
            (job,) = self.create(1)
            time.sleep(random.uniform(0.0, FRESH_SECONDS))
            self._cancel(job, asked)
            return job

        return list(self._pool.map(one, range(count)))

    def close(self) -> None:
        """End."""
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def _cancel(self, job: UUID, asked: Asked) -> None:
        sent = time.time()
        reply = self._http.post(f"/api/v1/jobs/{job}/cancel")
        with self._lock:
            asked.sent[job], asked.answered[job] = sent, time.time()
            asked.status[job] = reply.status_code


def measure(stack: RunningStack, sink: Sink, *, jobs: int) -> Cancelled:
    """A third each: running, held, and cancelled at once."""
    clients = Clients(stack.stack.plan.url("job-1"), sink.port)
    asked = Asked()
    try:
        running = clients.create(jobs // 3)
        wait_until(
            lambda: len({told.job for told in sink.told()}) >= len(running),
            within=READY_WITHIN_SECONDS,
            what="all handlers to run",
        )
        fresh = clients.create_and_cancel(jobs - 2 * (jobs // 3), asked)
        held = clients.create(jobs // 3, in_seconds=HELD_SECONDS)
        _wait_leased(stack, [*running, *held])
        clients.cancel(held, asked)
        clients.cancel(running, asked)
    finally:
        clients.close()
    wait_all_settled(stack, asked.sent, within=SETTLED_WITHIN_SECONDS)
    return _judge(stack, sink, {"running": running, "held": held, "fresh": fresh}, asked)


def _wait_leased(stack: RunningStack, jobs: Sequence[UUID]) -> None:
    wait_until(
        lambda: rows(stack, LEASED, list(jobs))[0]["n"] == len(jobs),
        within=READY_WITHIN_SECONDS,
        what=f"{len(jobs)} jobs to be leased",
    )


def _judge(
    stack: RunningStack, sink: Sink, kinds: dict[str, list[UUID]], asked: Asked
) -> Cancelled:
    sent, status = asked.sent, asked.status
    ends = {row["id"]: row for row in rows(stack, ENDS, list(sent))}
    began = {told.job: told.received_at for told in sink.told() if not told.cancelled}
    heard = {told.job: told.received_at for told in sink.told() if told.cancelled}
    broken = []
    for job, code in status.items():
        end = ends[job]
        if code not in {200, 202}:
            broken.append(f"{job} was answered {code}")
        if code == 200 and (job in began or end["ran"]):
            broken.append(f"{job} was answered 200 and started")
        if not end["status"] == end["to_status"] == "CANCELLED":
            broken.append(f"{job} is {end['status']}, history says {end['to_status']}")
        if job in began and job not in heard:
            broken.append(f"{job} began, and its handler never heard of the cancel")
    broken += [
        f"{job} was held and started"
        for job in kinds["held"]
        if job in began and began[job] > asked.answered[job] + PUSHED_WITHIN_SECONDS
    ]
    answers: dict[str, dict[int, int]] = {}
    for kind, jobs in kinds.items():
        codes = [status[job] for job in jobs]
        answers[kind] = {code: codes.count(code) for code in sorted(set(codes))}
    return Cancelled(
        to_handler=sorted(
            (heard[job] - sent[job]) * 1000 for job in kinds["running"] if job in heard
        ),
        to_end=sorted((ends[job]["at"] - sent[job]) * 1000 for job in kinds["held"]),
        answers=answers,
        broken=broken,
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="bench.cancel", description="From a cancel to its handler."
    )
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    facts = machine()
    with running_stack(workers=1, env=ENV) as stack, listening_sink() as sink:
        found = measure(stack, sink, jobs=asked.jobs)
    if asked.json:
        row: dict[str, Any] = {"jobs": asked.jobs, "broken": len(found.broken), "machine": facts}
        row |= {f"{label}_ms": round(value, 1) for label, value in figures(found.to_handler)}
        print(json.dumps(row))
    else:
        print("\n".join([*found.lines(), f"machine: {facts}"]))
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
