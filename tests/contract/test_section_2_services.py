"""contract.md section 2: the worker, the scheduler, and what all three services have."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.contract import OUR_EXECUTION_MEMBERS, good, refused
from tests.support.stacks import RunningStack

EXECUTIONS = "/api/v1/executions"
SERVICES = ("job-1", "scheduler-1", "worker-1", "worker-2")


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, stack: RunningStack) -> str:
    """The address of each of them in turn."""
    return stack.stack.plan.url(request.param)


def test_executions_of_this_node_and_of_every_node(
    stack: RunningStack, worker: httpx.Client, done: dict[str, Any]
) -> None:
    """`GET /api/v1/executions` (this node's, newest first; `?all=true` every node's)"""
    stack.wait_settled(stack.create_many(6, payload={"sleepMs": 0}), within=20)
    everywhere = good(worker.get(EXECUTIONS, params={"all": "true", "limit": 200}))
    here = good(worker.get(EXECUTIONS, params={"limit": 200}))
    for page in (everywhere, here):
        ids = [item["executionId"] for item in page["items"]]
        assert ids == sorted(ids, reverse=True)
        assert all(set(item) == OUR_EXECUTION_MEMBERS for item in page["items"])
    assert len({item["node"] for item in here["items"]}) <= 1
    assert {item["executionId"] for item in here["items"]} <= {
        item["executionId"] for item in everywhere["items"]
    }
    assert done["jobId"] in {item["jobId"] for item in everywhere["items"]}
    first = good(worker.get(EXECUTIONS, params={"all": "true", "limit": 2}))
    rest = {"all": "true", "limit": 200, "cursor": first["nextCursor"]}
    assert good(worker.get(EXECUTIONS, params=rest))["items"] == everywhere["items"][2:]


def test_executions_of_a_job_and_one_of_them(
    jobs: httpx.Client, stack: RunningStack, done: dict[str, Any]
) -> None:
    """`/executions/job/{jobId}`, `/executions/{executionId}`: from whichever worker one asks"""
    runs = good(jobs.get(f"/api/v1/jobs/{done['jobId']}/executions"))
    for name in ("worker-1", "worker-2"):
        with httpx.Client(base_url=stack.stack.plan.url(name), timeout=20) as http:
            assert good(http.get(f"{EXECUTIONS}/job/{done['jobId']}")) == runs
            one = good(http.get(f"{EXECUTIONS}/{runs[0]['executionId']}"))
            assert set(one) == OUR_EXECUTION_MEMBERS
            assert (one["executionId"], one["status"]) == (runs[0]["executionId"], "SUCCESS")
            refused(http.get(f"{EXECUTIONS}/job/{uuid4()}"), 404, "not-found")
            refused(http.get(f"{EXECUTIONS}/{uuid4()}"), 404, "not-found")


def test_the_scan_call(scheduler: httpx.Client) -> None:
    """`POST /api/v1/scheduler/scan` runs one claim-and-publish round now; 200, `data:
    {"claimed","published"}`"""
    data = good(scheduler.post("/api/v1/scheduler/scan"))
    assert set(data) == {"claimed", "published"}
    assert all(isinstance(count, int) for count in data.values())


def test_probes(service: str) -> None:
    """All three: `/livez`, `/readyz`"""
    for probe in ("/livez", "/readyz"):
        assert good(httpx.get(service + probe)) is None


def test_metrics(service: str) -> None:
    """`/metrics`"""
    reply = httpx.get(f"{service}/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert "# TYPE punctual_" in reply.text


def test_version(service: str) -> None:
    """`/version`"""
    assert set(good(httpx.get(f"{service}/version"))) >= {"service", "version"}


def test_swagger_and_the_document(service: str) -> None:
    """Swagger UI at `/docs` and `/swagger-ui.html`, `/openapi.json`. Calls between services live under
    `/internal/v1/…` with their own OpenAPI document"""
    for path in ("/docs", "/swagger-ui.html"):
        page = httpx.get(service + path)
        assert (page.status_code, "swagger-ui" in page.text) == (200, True)
    document = httpx.get(f"{service}/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    inside = httpx.get(f"{service}/internal/v1/openapi.json").json()
    assert all(path.startswith("/internal/v1/") for path in inside["paths"])


def test_every_call_of_the_table_is_in_the_document(stack: RunningStack) -> None:
    """Section 2's table, as the documents have it."""
    found = {
        f"{method.upper()} {path}"
        for name in SERVICES[:3]
        for path, of in httpx.get(f"{stack.stack.plan.url(name)}/openapi.json")
        .json()["paths"]
        .items()
        for method in of
    }
    jobs = "/api/v1/jobs"
    assert {
        f"POST {jobs}",
        f"POST {jobs}/batch",
        f"GET {jobs}/{{job_id}}",
        f"GET {jobs}",
        f"PATCH {jobs}/{{job_id}}",
        f"PATCH {jobs}/{{job_id}}/state",
        *(f"POST {jobs}/{{job_id}}/{verb}" for verb in ("cancel", "retry", "abandon", "rerun")),
        f"DELETE {jobs}/{{job_id}}",
        *(f"GET {jobs}/{{job_id}}/{what}" for what in ("history", "executions", "why")),
        f"GET {jobs}/ready-to-schedule",
        f"GET {jobs}/ready-to-run",
        "GET /api/v1/job-types",
        "POST /api/v1/job-types/{type}/pause",
        "POST /api/v1/job-types/{type}/resume",
        "GET /api/v1/nodes",
        f"GET {EXECUTIONS}",
        f"GET {EXECUTIONS}/job/{{job_id}}",
        f"GET {EXECUTIONS}/{{execution_id}}",
        "POST /api/v1/scheduler/scan",
    } <= found, json.dumps(sorted(found), indent=1)
