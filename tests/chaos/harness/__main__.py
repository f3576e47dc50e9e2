"""`python -m tests.chaos.harness --seed 1 --minutes 10`: one run and its verdict; exit code 1 on any violation.

The records stay where `--records` says, and can be judged again by `python -m tests.chaos.checker DIRECTORY`.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.checker.verdict import Verdict, judge_directory
from tests.chaos.harness.run import Wanted, run

JOBS_A_MINUTE = 2_100
ROWS_KINDS = frozenset(
    {
        *("kill-worker", "kill-scheduler", "kill-job-service", "freeze-worker", "freeze-scheduler"),
        *("drain-worker", "restart-postgres", "freeze-postgres", "terminate-backends"),
        *("cut-commits", "half-open", "reset"),
    }
)
"""Of the faults those that touch what a handler writes."""


def main(arguments: list[str]) -> int:
    """Run and judge; the exit code."""
    given = _parser().parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    jobs = given.jobs or int(JOBS_A_MINUTE * given.minutes)
    if given.rows:
        jobs *= 2
    if given.keys:
        jobs = given.keys * given.of_each
    print(f"seed={seed} minutes={given.minutes:g} jobs={jobs}", flush=True)
    records = given.records or Path(tempfile.mkdtemp(prefix="punctual-records-"))
    records.mkdir(parents=True, exist_ok=True)
    kinds = ROWS_KINDS if given.rows and given.kinds is None else given.kinds
    wanted = Wanted(
        seed, given.minutes * 60.0, jobs, given.quiet, kinds, given.long, given.keys, given.rows
    )
    # While a broker is away this client writes thousands of lines.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    asyncio.run(run(wanted, records))
    verdict = judge_directory(records)
    print(verdict.table())
    if given.records is None and not verdict.violations:
        shutil.rmtree(records)
    else:
        print(f"records: {records}")
    print(verdict.last_line())
    if given.rows and not _is_proof(verdict):
        print("no job without `once` has two rows: these faults prove nothing", file=sys.stderr)
        return 1
    return int(verdict.violations > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.harness")
    parser.add_argument("--seed", type=int, help="chooses the faults; a random one if not given")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, help="how many to create, spread over the minutes")
    parser.add_argument("--records", type=Path, help="keep all records in this directory")
    parser.add_argument(
        "--quiet", type=float, default=90.0, help="seconds to wait for the last job to settle"
    )
    parser.add_argument("--long", type=float, default=0.08, help="share of jobs that run for 6 s")
    parser.add_argument("--kinds", type=_names, help="only these kinds of faults, parted by commas")
    parser.add_argument("--keys", type=int, help="only jobs of so many ordering keys")
    parser.add_argument(
        "--rows",
        action="store_true",
        help="so many jobs insert a row through `once`, as many without",
    )
    parser.add_argument("--of-each", type=int, default=100, help="jobs of each of those keys")
    return parser


def _is_proof(verdict: Verdict) -> bool:
    """Whether a job without `once` has two rows; else `once` was not put to the test."""
    again = [row["job"] for row in verdict.records.all("row") if row["how"] == "again"]
    return len(again) > len(set(again))


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
