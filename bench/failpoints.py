"""What failpoints cost while they are off, as a share of what a job costs.

    python -m bench.failpoints [--jobs 600]

Two numbers of one run. A stack runs jobs that are created one by one, so that batches are small and there are
as many hits for each job as there ever are; each service counts its hits and its CPU. Then one hit is timed,
off, as the services have it. The ratio is hits for each job, times the cost of one, by CPU for each job.

It is not measured by running the same work with and without the points: the difference would be lost in what
any two such runs differ by. The exit code is 1 if it is 1 % or more.
"""

import argparse
import os
import struct
import sys
import tempfile
import timeit
from pathlib import Path

from shared.runtime import failpoints
from tests.support.stacks import RunningStack, running_stack

LIMIT = 0.01
JOBS = 600
SETTLE_LIMIT_SECONDS = 120.0
CALLS = 1_000_000
REPEATS = 7
ROLES = ("job", "scheduler", "worker")
FIELD = struct.Struct("Q")
COUNTER = """
import mmap, os, struct
from shared.runtime import failpoints

_file = open(os.path.join({directory!r}, str(os.getpid())), "w+b")
_file.write(bytes(8))
_file.flush()
_count = mmap.mmap(_file.fileno(), 8)
_hits = 0
_hit = failpoints.hit


def hit(point, where=""):
    global _hits
    _hits += 1
    struct.pack_into("Q", _count, 0, _hits)
    _hit(point, where)


failpoints.hit = hit
"""
"""What each service imports when it starts: it counts hits where another process can read them."""


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.failpoints", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    jobs: int = parser.parse_args().jobs
    hits, cpu = per_job(jobs)
    each = seconds_of_a_hit()
    share = hits * each / cpu
    print(f"hits for each job              {hits:.1f}")
    print(f"one hit, off                   {each * 1e9:.0f} ns")
    print(f"CPU of the services for a job  {cpu * 1e3:.2f} ms")
    print(f"share of failpoints            {share:.4%}")
    return int(share >= LIMIT)


def per_job(jobs: int) -> tuple[float, float]:
    """Hits, and seconds of CPU of all services, for each of so many jobs."""
    with tempfile.TemporaryDirectory(prefix="failpoints-") as folder:
        directory = Path(folder)
        (directory / "sitecustomize.py").write_text(COUNTER.format(directory=folder))
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        with running_stack(workers=2, env={"PYTHONPATH": path}) as stack:
            stack.wait_settled(_create(stack, jobs // 10), within=SETTLE_LIMIT_SECONDS)
            pids = _services(stack)
            hits, cpu = _hits(directory, pids), _cpu_seconds(pids)
            stack.wait_settled(_create(stack, jobs), within=SETTLE_LIMIT_SECONDS)
            return (
                (_hits(directory, pids) - hits) / jobs,
                (_cpu_seconds(pids) - cpu) / jobs,
            )


def seconds_of_a_hit() -> float:
    """The least of several looks, each without the loop around it; the dearer form, with two arguments."""
    names = {"failpoints": failpoints}
    with_it = timeit.repeat(
        'failpoints.hit("call.answered", "/internal/v1/leases")',
        globals=names, number=CALLS, repeat=REPEATS,
    )  # fmt: skip
    without = timeit.repeat("pass", number=CALLS, repeat=REPEATS)
    return (min(with_it) - min(without)) / CALLS


def _create(stack: RunningStack, jobs: int) -> list[str]:
    return stack.create_many(jobs, payload={"sleepMs": 0})


def _services(stack: RunningStack) -> list[int]:
    names = [name for name in stack.stack.running() if name.startswith(ROLES)]
    return [pid for name in names if (pid := stack.stack.pid(name)) is not None]


def _hits(directory: Path, pids: list[int]) -> int:
    return sum(FIELD.unpack((directory / str(pid)).read_bytes())[0] for pid in pids)


def _cpu_seconds(pids: list[int]) -> float:
    """User and system, of all their threads."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
