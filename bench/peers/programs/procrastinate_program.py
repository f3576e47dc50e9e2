"""Procrastinate. Its settings for `work` come from BENCH_CONCURRENCY and BENCH_POLL (seconds)."""

import asyncio
import os
from datetime import UTC, datetime

from procrastinate import App, PsycopgConnector

from bench.peers.programs import common

app = App(connector=PsycopgConnector(conninfo=common.DATABASE, max_size=common.CONNECTIONS))


async def _begin(port: int, job: str) -> None:
    common.begin(port, job)


task = app.task(name="begin")(_begin)


async def _create(jobs: int, way: str) -> None:
    async with app.open_async():
        with common.timed():
            await (_batches(jobs) if way == "batch" else _one_by_one(jobs))


async def _batches(jobs: int) -> None:
    for first in range(0, jobs, common.BATCH):
        size = min(common.BATCH, jobs - first)
        await task.batch_defer_async(*({"port": 0, "job": ""} for _ in range(size)))


async def _one_by_one(jobs: int) -> None:
    left = iter(range(jobs))

    async def client() -> None:
        for _ in left:
            await task.defer_async(port=0, job="")

    await asyncio.gather(*(client() for _ in range(common.CONNECTIONS)))


async def _work() -> None:
    async with app.open_async():
        await app.run_worker_async(
            concurrency=int(os.environ["BENCH_CONCURRENCY"]),
            fetch_job_polling_interval=float(os.environ["BENCH_POLL"]),
        )


def main() -> None:
    """The command."""
    asked = common.asked()
    if asked.verb == "work":
        asyncio.run(_work())
    elif asked.verb == "create":
        asyncio.run(_create(asked.jobs, asked.way))
    else:
        with app.open():
            if asked.verb == "prepare":
                app.schema_manager.apply_schema()
            else:
                common.paced(asked, lambda job, due: _later(asked.sink, job, due))


def _later(sink: int, job: str, due: float) -> None:
    at = datetime.fromtimestamp(due, UTC)
    task.configure(schedule_at=at).defer(port=sink, job=job)


if __name__ == "__main__":
    main()
