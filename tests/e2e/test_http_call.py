"""HTTP_CALL on the real stack: the reference flow, a try again, an end for good, and the guard."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.support.http_target import Answer, Target, http_target
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

SETTINGS = {"PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS": "127.0.0.0/8", "PUNCTUAL_RETRY__BASE": "100ms"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GONE_SECONDS = 5.0
UNKNOWN_PLACES = [
    {"url": "http://a/", "templates": True, "headers": {"A": "{secret}"}},
    {"url": "http://a/", "templates": True, "body": {"a": [{"b": "{unknown}"}]}},
    {"url": "http://a/", "body": {"a": ["secret://../../etc/passwd"]}},
]


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(env=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with http_target() as running:
        yield running


def test_the_reference_flow_keeps_the_answer(stack: RunningStack, target: Target) -> None:
    """The payload is a string that holds an object."""
    url = target.answer("/ok", Answer(200, b'{"hello": 1}', {"Content-Type": "application/json"}))
    job = stack.create(
        "HTTP_CALL", payload=json.dumps({"url": url}), scheduledTime="2024-01-01T10:00:00"
    )
    (settled,) = stack.wait_settled([job["jobId"]], within=15)
    assert (settled["status"], settled["attempt"]) == ("SUCCESS", 1)
    assert settled["result"]["status"] == 200
    assert settled["result"]["body"] == {"hello": 1}
    assert len(target.asked("/ok")) == 1


def test_a_503_is_tried_again_with_the_same_key(stack: RunningStack, target: Target) -> None:
    url = target.answer("/503", Answer(503, b"down"), Answer(200, b"up"))
    job = stack.create("HTTP_CALL", payload={"url": url, "method": "POST", "body": {"a": 1}})
    (settled,) = stack.wait_settled([job["jobId"]], within=15)
    assert (settled["status"], settled["attempt"], settled["failures"]) == ("SUCCESS", 2, 1)
    assert settled["result"]["body"] == "up"
    first, second = (asked.headers for asked in target.asked("/503"))
    assert first["idempotency-key"] == second["idempotency-key"] == f"{job['jobId']}:http-call"
    tokens = [first["punctual-fencing-token"], second["punctual-fencing-token"]]
    assert tokens == [f"{job['jobId']}.1.1", f"{job['jobId']}.1.2"]


def test_retry_after_is_obeyed(stack: RunningStack, target: Target) -> None:
    url = target.answer("/wait", Answer(429, headers={"Retry-After": "2"}), Answer(200))
    job = stack.create("HTTP_CALL", payload={"url": url})
    (settled,) = stack.wait_settled([job["jobId"]], within=20)
    assert settled["status"] == "SUCCESS"
    first, second = stack.executions(job["jobId"])
    waited = datetime.fromisoformat(second["startedAt"]) - datetime.fromisoformat(first["endedAt"])
    assert waited.total_seconds() >= 1.9


def test_a_404_fails_for_good(stack: RunningStack, target: Target) -> None:
    url = target.answer("/404", Answer(404, b"no such order"))
    job = stack.create("HTTP_CALL", payload={"url": url})
    (settled,) = stack.wait_settled([job["jobId"]], within=15)
    assert (settled["status"], settled["attempt"]) == ("FAILED", 1)
    assert settled["nextAttemptAt"] is None
    assert settled["error"] == f"GET {url}: 404 Not Found, expected 2xx; no such order"
    assert len(target.asked("/404")) == 1


def test_a_private_address_is_refused(stack: RunningStack) -> None:
    job = stack.create("HTTP_CALL", payload={"url": "http://169.254.169.254/latest/meta-data/"})
    (settled,) = stack.wait_settled([job["jobId"]], within=15)
    assert (settled["status"], settled["attempt"]) == ("FAILED", 1)
    assert settled["error"] == (
        "GET http://169.254.169.254/latest/meta-data/: 169.254.169.254 is a cloud's metadata address; "
        "PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS names networks to let through"
    )


def test_a_port_of_another_service_is_refused(stack: RunningStack) -> None:
    job = stack.create("HTTP_CALL", payload={"url": "http://127.0.0.1:22/"})
    (settled,) = stack.wait_settled([job["jobId"]], within=15)
    assert (settled["status"], settled["attempt"]) == ("FAILED", 1)
    assert settled["error"].endswith(
        "port 22 is not among those that may be called; PUNCTUAL_HTTP_CALL__ALLOW_PORTS names them"
    )


def test_the_trace_of_the_create_reaches_the_target(stack: RunningStack, target: Target) -> None:
    url = target.answer("/trace", Answer(200))
    response = stack.http.post(
        "/api/v1/jobs",
        json={"name": "traced", "jobType": "HTTP_CALL", "payload": {"url": url}},
        headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )
    assert response.status_code == 201
    stack.wait_settled([response.json()["data"]["jobId"]], within=15)
    (asked,) = target.asked("/trace")
    assert asked.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert "00f067aa0ba902b7" not in asked.headers["traceparent"]


def test_a_cancel_hangs_up(stack: RunningStack) -> None:
    with http_target() as slow:
        url = slow.answer("/slow", Answer(hangs="first"))
        job = stack.create("HTTP_CALL", payload={"url": url})
        wait_until(slow.reached.is_set, within=10, what="the call to arrive")
        stack.http.post(f"/api/v1/jobs/{job['jobId']}/cancel")
        (settled,) = stack.wait_settled([job["jobId"]], within=10)
        assert settled["status"] == "CANCELLED"
        assert slow.left.wait(GONE_SECONDS)


@pytest.mark.parametrize(
    "payload",
    [
        {"url": "ftp://example.com/"},
        {"url": "http://a/", "headers": {"Host": "b"}},
        None,
        *UNKNOWN_PLACES,
    ],
)
def test_a_payload_that_does_not_fit_is_refused_at_create(
    stack: RunningStack, payload: object
) -> None:
    body = {"name": "bad", "jobType": "HTTP_CALL", "payload": payload}
    response = stack.http.post("/api/v1/jobs", json=body)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/payload-invalid")
