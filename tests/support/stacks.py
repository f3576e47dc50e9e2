"""A whole stack of real processes for one test, and a client that creates jobs and waits for them."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from punctual.local.processes import log_tail
from punctual.local.stack import Options, Stack
from tests.support.waiting import wait_until

SETTLED = frozenset({"SUCCESS", "CANCELLED", "EXPIRED", "ABANDONED", "STOPPED"})
HTTP_LIMIT_SECONDS = 20.0
HANDLERS = Path(__file__).parent / "handlers"
"""Job types of the tests' own: a sink caller, a killer, a blocker."""


def is_settled(job: Mapping[str, Any]) -> bool:
    """Terminal, STOPPED, or FAILED for good."""
    return job["status"] in SETTLED or (job["status"] == "FAILED" and job["nextAttemptAt"] is None)


@dataclass
class RunningStack:
    """A stack that is up, with a client of its job_service."""

    stack: Stack
    http: httpx.Client
    root: Path

    def create(self, job_type: str = "DUMMY", **fields: Any) -> dict[str, Any]:
        """Create a job; its public form."""
        body = {"name": "test", "jobType": job_type, **fields}
        job: dict[str, Any] = self._data(self.http.post("/api/v1/jobs", json=body))
        return job

    def create_many(self, count: int, job_type: str = "DUMMY", **fields: Any) -> list[str]:
        """Create jobs one by one; their ids."""
        return [self.create(job_type, **fields)["jobId"] for _ in range(count)]

    def job(self, job_id: str) -> dict[str, Any]:
        """The job now."""
        job: dict[str, Any] = self._data(self.http.get(f"/api/v1/jobs/{job_id}"))
        return job

    def history(self, job_id: str) -> list[dict[str, Any]]:
        """Its transitions."""
        rows: list[dict[str, Any]] = self._data(self.http.get(f"/api/v1/jobs/{job_id}/history"))
        return rows

    def executions(self, job_id: str) -> list[dict[str, Any]]:
        """Its attempts."""
        rows: list[dict[str, Any]] = self._data(self.http.get(f"/api/v1/jobs/{job_id}/executions"))
        return rows

    def states(self, job_id: str) -> list[str]:
        """The states it went through, in order."""
        return [row["to"] for row in self.history(job_id)]

    def wait_settled(self, job_ids: Sequence[str], within: float) -> list[dict[str, Any]]:
        """Wait until all of them are settled; the jobs."""
        done: dict[str, dict[str, Any]] = {}

        def look() -> bool:
            for job_id in job_ids:
                if job_id not in done and is_settled(job := self.job(job_id)):
                    done[job_id] = job
            return len(done) == len(set(job_ids))

        wait_until(look, within=within, what=f"{len(job_ids)} jobs to settle")
        return [done[job_id] for job_id in job_ids]

    def nodes(self, role: str, state: str = "live") -> list[dict[str, Any]]:
        """Nodes of a role in a state."""
        every = self._data(self.http.get("/api/v1/nodes"))["items"]
        return [n for n in every if n["role"] == role and n["state"] == state]

    @staticmethod
    def _data(response: httpx.Response) -> Any:
        assert response.status_code < 300, response.text
        return response.json()["data"]


@contextmanager
def running_stack(
    *,
    workers: int = 1,
    schedulers: int = 1,
    kafka_kind: str = "apache",
    env: Mapping[str, str] | None = None,
) -> Iterator[RunningStack]:
    """A stack on free ports with a state directory of its own; nothing of it is left behind. The broker is
    never replaced by the embedded one unless a test asks for it.

    The logs are printed when the test fails inside the block.
    """
    root = Path(tempfile.mkdtemp(prefix="punctual-test-"))
    root.chmod(0o755)
    options = Options(
        root=root,
        workers=workers,
        schedulers=schedulers,
        auto_ports=True,
        database_url=os.environ.get("PUNCTUAL_TEST_STACK_DATABASE_URL"),
        kafka_kind=kafka_kind,
        fsync=True,
        env={"PUNCTUAL_WORKER__HANDLERS": str(HANDLERS), **(env or {})},
    )
    stack = Stack(options)
    try:
        plan = stack.up()
        with httpx.Client(base_url=plan.url("job-1"), timeout=HTTP_LIMIT_SECONDS) as http:
            yield RunningStack(stack, http, root)
    except BaseException:
        for log in sorted((root / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log_tail(log)}")
        raise
    finally:
        stack.reset()
        shutil.rmtree(root, ignore_errors=True)
