"""Every service tells Prometheus what docs/metrics.md says, and nothing else of ours."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.components import missing
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack, running_stack

SERVICES = ("job-1", "scheduler-1", "worker-1")
JOBS = 30
LABEL_VALUES = 60
"""More values of one label than this are no kinds of something."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack() as stack:
        done = stack.create_many(JOBS, payload={"sleepMs": 1})
        done += [stack.create(payload={"sleepMs": 1, "fail": "no"}, maxAttempts=1)["jobId"]]
        stack.wait_settled(done, within=20)
        stack.http.get("/api/v1/nowhere/at/all")
        yield stack


def _page(stack: RunningStack, service: str) -> str:
    answer = httpx.get(f"{stack.stack.plan.url(service)}/metrics", timeout=5, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.text


def _ours(page: str) -> dict[str, Metric]:
    families = {family.name: family for family in text_string_to_metric_families(page)}
    return {name: family for name, family in families.items() if name.startswith("punctual_")}


def _documented(service: str) -> set[str]:
    text = (ROOT / "docs" / "metrics.md").read_text()
    section = text.split(f"## {service}\n")[1].split("\n## ")[0]
    everywhere = text.split("## Every service\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(punctual_\w+)`", everywhere + section, re.MULTILINE))


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_documented_is_told_and_the_other_way_round(
    stack: RunningStack, service: str
) -> None:
    told = set(_ours(_page(stack, service)))
    names = {
        "job-1": "job_service",
        "scheduler-1": "scheduler_service",
        "worker-1": "worker_service",
    }
    assert {name.removesuffix("_total") for name in _documented(names[service])} == told


@pytest.mark.parametrize("service", SERVICES)
def test_labels_have_few_values_and_no_ids(stack: RunningStack, service: str) -> None:
    values: dict[tuple[str, str], set[str]] = {}
    for family in _ours(_page(stack, service)).values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault((sample.name, label), set()).add(value)
                assert not _ID.search(value), (sample.name, label, value)
    assert {key: len(found) for key, found in values.items() if len(found) > LABEL_VALUES} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_promtool_finds_nothing(stack: RunningStack, service: str) -> None:
    promtool = shutil.which("promtool") or missing("promtool: apt-get install prometheus")
    page = _page(stack, service)
    found = subprocess.run(
        [promtool, "check", "metrics"],
        input=page,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    ours = [line for line in found.stderr.splitlines() if line.startswith("punctual_")]
    assert ours == [], found.stderr


def test_what_was_done_is_counted(stack: RunningStack) -> None:
    worker, jobs = (_ours(_page(stack, service)) for service in ("worker-1", "job-1"))
    handled = {
        sample.labels["outcome"]: sample.value
        for sample in worker["punctual_handler_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert handled == {"SUCCESS": JOBS, "FAILED": 1}
    states = {s.labels["status"]: s.value for s in jobs["punctual_jobs"].samples}
    assert (states["SUCCESS"], states["FAILED"], states["RUNNING"]) == (JOBS, 1, 0)
    routes = {s.labels["route"] for s in jobs["punctual_http_request_seconds"].samples}
    assert "/api/v1/jobs/{job_id}" in routes
    assert "/api/v1/nowhere/at/all" not in routes
