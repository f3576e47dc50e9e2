"""Celery on Redis, and with BENCH_RESULTS=sql with its results in PostgreSQL. Its worker is started by Celery's
own command."""

import os
from datetime import UTC, datetime

from celery import Celery

from bench.peers.programs import common

SQL = os.environ.get("BENCH_RESULTS") == "sql"
BACKEND = common.DATABASE.replace("postgresql://", "db+postgresql+psycopg://") if SQL else None

app = Celery("bench", broker=common.REDIS, backend=BACKEND)
app.conf.update(
    task_ignore_result=not SQL,
    worker_prefetch_multiplier=int(os.environ.get("BENCH_PREFETCH", "4")),
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


def _begin(port: int, job: str) -> None:
    common.begin(port, job)


task = app.task(name="begin")(_begin)


def _create(jobs: int) -> None:
    with app.producer_pool.acquire(block=True) as producer, common.timed():
        for _ in range(jobs):
            task.apply_async((0, ""), producer=producer)


def _later(sink: int, job: str, due: float) -> None:
    task.apply_async((sink, job), eta=datetime.fromtimestamp(due, UTC))


def main() -> None:
    """The command."""
    asked = common.asked()
    if asked.verb == "create":
        _create(asked.jobs)
    elif asked.verb == "late":
        common.paced(asked, lambda job, due: _later(asked.sink, job, due))


if __name__ == "__main__":
    main()
