"""Hot routes are answered in a short way, past most of the framework.

A query, of which they know nothing, sends a request the long way: both must say the same.
"""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.stacks import RunningStack

JOB = {"name": "n", "jobType": "DUMMY", "payload": {"sleepMs": 0}}
CHANGES = {"jobId", "createdAt", "updatedAt", "scheduledTime", "instance"}
"""Members that differ from one answer to the next."""

ONE: list[tuple[str, bytes, list[tuple[str, str]]]] = [
    ("good", json.dumps(JOB).encode(), []),
    ("traced", json.dumps(JOB).encode(), [("traceparent", "00-" + "1" * 32 + "-" + "2" * 16 + "-01")]),
    ("empty", b"", []),
    ("no JSON", b"{", []),
    ("no object", b"[1]", []),
    ("NaN", b'{"name": "n", "jobType": "DUMMY", "payload": {"sleepMs": NaN}}', []),
    ("UTF-16", json.dumps(JOB).encode("utf-16"), []),
    ("unknown member", json.dumps({**JOB, "nmae": 1}).encode(), []),
    ("unknown type", json.dumps({**JOB, "jobType": "DUMY"}).encode(), []),
    ("payload does not fit", json.dumps({**JOB, "payload": {"sleepMs": "x"}}).encode(), []),
    ("long header", json.dumps(JOB).encode(), [("traceparent", "x" * 201)]),
    ("empty key", json.dumps(JOB).encode(), [("idempotency-key", "")]),
    ("traced twice", json.dumps(JOB).encode(), [("traceparent", "a"), ("traceparent", "b")]),
]  # fmt: skip
BATCH: list[tuple[str, bytes, list[tuple[str, str]]]] = [
    ("good", json.dumps({"jobs": [JOB, JOB]}).encode(), []),
    ("a bad one", json.dumps({"jobs": [JOB, {"name": "n"}, {**JOB, "jobType": "NO"}]}).encode(), []),
    ("none", b'{"jobs": []}', []),
    ("no object", b'"jobs"', []),
    ("with a key", json.dumps({"jobs": [JOB]}).encode(), [("idempotency-key", "k")]),
]  # fmt: skip


def _told(answer: httpx.Response) -> tuple[int, dict[str, str], bool, Any]:
    kept = {"content-type", "etag", "retry-after"}
    headers = {k: v for k, v in answer.headers.items() if k in kept}
    return answer.status_code, headers, "location" in answer.headers, _without(answer.json())


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in CHANGES}
    return [_without(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [pytest.param("/api/v1/jobs", body, headers, id=name) for name, body, headers in ONE]
    + [
        pytest.param("/api/v1/jobs/batch", body, headers, id=f"batch {name}")
        for name, body, headers in BATCH
    ],
)
def test_both_ways_say_the_same(
    stack: RunningStack, path: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    """Status, members and headers, whether the request is good or not."""
    url = stack.stack.plan.url("job-1") + path
    sent = [("content-type", "application/json"), *headers]
    with httpx.Client() as client:
        short, long = (
            client.post(url + query, content=body, headers=sent) for query in ("", "?long=1")
        )
    assert _told(short) == _told(long)


@pytest.mark.parametrize(("first", "second"), [("", "?long=1"), ("?long=1", "")])
def test_a_key_counts_both_ways(stack: RunningStack, first: str, second: str) -> None:
    """The same request by the other way is a repeat."""
    url = stack.stack.plan.url("job-1") + "/api/v1/jobs"
    headers = {"idempotency-key": str(uuid4())}
    made = httpx.post(url + first, json=JOB, headers=headers)
    again = httpx.post(url + second, json=JOB, headers=headers)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["data"]["jobId"] == again.json()["data"]["jobId"]
