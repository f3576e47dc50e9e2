"""Every call of the OpenAPI documents with thousands of requests that Schemathesis makes up, good and bad ones:
no answer may be a server error, or one that the document does not say.

python -m tests.support.fuzz --examples 200 --seed 7
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.support.stacks import RunningStack, running_stack

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
SERVICES = ("job-1", "worker-1", "scheduler-1")
ENOUGH_CASES = 5_000
LIMIT_SECONDS = 3_600.0

Document = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What came of one document. `failures`: as Schemathesis tells of them."""

    cases: int
    failures: list[str]


def fuzz(
    stack: RunningStack, service: str, *, examples: int, seed: int, phases: Sequence[str]
) -> Told:
    """Run Schemathesis over the document of one service, `examples` requests for each call."""
    url = stack.stack.plan.url(service)
    document = httpx.get(f"{url}/openapi.json", timeout=20).json()
    _lead_to(document, _planted(stack))
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder) / "openapi.json", Path(folder) / "report.json"
        file.write_text(json.dumps(document))
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", str(file), "--url", url),
            *("--checks", ",".join(CHECKS), "--phases", ",".join(phases)),
            *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"),
            *("--report", "json", "--report-json-path", str(report)),
            *("--suppress-health-check", "all", "--generation-database", "none"),
            *("--warnings", "off", "--no-color", "--no-shrink"),
        ]
        ran = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        if not report.exists():
            raise AssertionError(f"Schemathesis did not run:\n{ran.stdout}\n{ran.stderr}")
        found = json.loads(report.read_text())
    failures = [*found["failures"], *found["errors"]]
    told = [json.dumps(failure, indent=1)[:3_000] for failure in failures]
    if ran.returncode != 0 and not told:
        told = [ran.stdout[-3_000:]]
    return Told(found["test_cases"]["generated"], told)


def _planted(stack: RunningStack) -> list[str]:
    """Jobs for the calls to meet: due in a long time, done, failed for good."""
    waiting = stack.create_many(5, scheduledTime="2999-01-01T00:00:00Z")
    ended = stack.create_many(3, payload={"sleepMs": 0})
    ended += stack.create_many(3, payload={"sleepMs": 0, "fail": "no"}, maxAttempts=1)
    stack.wait_settled(ended, within=30)
    return [*waiting, *ended]


def _lead_to(document: Document, job_ids: list[str]) -> None:
    """Make up types and ids that are there, beside others: else nearly all requests end at the door."""
    schemas = document["components"]["schemas"]
    if "CreateJob" in schemas:
        schemas["CreateJob"]["properties"]["jobType"] = {"enum": ["DUMMY", "DUMMY", "NOBODY"]}
    for of_path in document["paths"].values():
        for operation in of_path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "job_id":
                    parameter["schema"] = {"enum": [*job_ids, str(uuid4())]}


def main(words: Sequence[str]) -> int:
    """All three documents; 1 if an answer was wrong, or if there were too few to say so."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--examples", type=int, default=200, help="requests for each call")
    reader.add_argument("--seed", type=int, default=random.randrange(10**9))
    asked = reader.parse_args(words)
    cases, failures = 0, 0
    with running_stack(workers=2) as stack:
        for service in SERVICES:
            told = fuzz(
                stack,
                service,
                examples=asked.examples,
                seed=asked.seed,
                phases=("coverage", "fuzzing", "stateful"),
            )
            print(f"{service}: {told.cases} cases, {len(told.failures)} failures")
            print(*told.failures, sep="\n")
            cases, failures = cases + told.cases, failures + len(told.failures)
    print(f"seed={asked.seed} cases={cases} failures={failures}")
    return 1 if failures or cases < ENOUGH_CASES else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
