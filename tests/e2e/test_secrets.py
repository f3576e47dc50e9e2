"""Show 8: a secret that calls were made with is nowhere: not in a row, a topic, an answer or a file.

The target sees it in each call, and gives it back in every way that targets do.
"""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.runtime.settings import Kafka
from tests.support.canaries import places_of, searched
from tests.support.components import state_directory
from tests.support.databases import run_coroutine
from tests.support.events import seen
from tests.support.http_target import Answer, Asked, Target, http_target
from tests.support.looking import count
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

SETTLED_SECONDS = 30.0
FED_SECONDS = 20.0
JSON = {"Content-Type": "application/json"}
ODD_SIGNS = '+"&<'
NAMES = ("shop-token", "query-key", "path-key", "body.key")
WITH_SECRETS: dict[str, Any] = {
    "method": "POST",
    "templates": True,
    "headers": {"Authorization": "Bearer secret://shop-token", "X-Job": "{jobId}"},
    "body": {"password": "secret://body.key", "job": "{jobId}"},
}


@pytest.fixture(scope="module")
def canaries() -> dict[str, str]:
    """Values that are nowhere else. What follows the last letter is escaped wherever it goes."""
    made = {name: f"canary/{secrets.token_hex(16)}{ODD_SIGNS}" for name in NAMES}
    return {**made, "shop-token": f"canary-{secrets.token_urlsafe(24)}"}


@pytest.fixture(scope="module")
def directory(canaries: dict[str, str]) -> Iterator[Path]:
    """The secrets of the worker, away from what the stack writes."""
    with state_directory() as mounted:
        for name, value in canaries.items():
            (mounted / name).write_text(f"{value}\n")
        (mounted / "elsewhere").write_text("canary-for-another-host")
        (mounted / "elsewhere.hosts").write_text("other.example\n")
        yield mounted


@pytest.fixture(scope="module")
def stack(directory: Path) -> Iterator[RunningStack]:
    env = {
        "PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS": "127.0.0.0/8",
        "PUNCTUAL_SECRETS__DIRECTORY": str(directory),
        "PUNCTUAL_RETRY__BASE": "100ms",
        "PUNCTUAL_LOG__LEVEL": "debug",
    }
    with running_stack(env=env) as running:
        yield running


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with http_target() as running:
        yield running


def url_of(target: Target, path: str) -> str:
    """With a secret in the path and one in the query."""
    return f"{target.url(path)}/secret://path-key?key=secret://query-key"


def run(stack: RunningStack, url: str, **fields: Any) -> dict[str, Any]:
    payload = {"url": url, **WITH_SECRETS, **fields}
    job = stack.create("HTTP_CALL", payload=payload, maxAttempts=2)
    (settled,) = stack.wait_settled([job["jobId"]], within=SETTLED_SECONDS)
    return settled


def test_a_secret_is_in_the_call_and_nowhere_else(
    stack: RunningStack, target: Target, canaries: dict[str, str]
) -> None:
    """Success, failure, retry, redirects and echoes, then a search through everything."""
    told = _calls(stack, target, canaries)
    asked = [one for path in target.paths() for one in target.asked(path)]
    assert len(asked) >= len(told)
    for name in ("shop-token", "body.key"):
        in_calls = [one for one in asked if canaries[name] in _all(one)]
        assert len(in_calls) >= 8, name
    _wait_fed(stack)
    sizes = searched(stack)
    print(sizes)
    assert min(sizes["rows"], sizes["records"], sizes["answers"]) >= 40
    assert sizes["files"] >= 20
    cores = [value.removesuffix(ODD_SIGNS) for value in canaries.values()]
    assert places_of(stack, *cores, "canary-for-another-host") == []


def test_the_search_finds_what_is_there(stack: RunningStack) -> None:
    """The control: a text that a payload holds is in rows, answers and files."""
    leaked = f"leak-{secrets.token_urlsafe(24)}"
    job = stack.create(payload={"sleepMs": 0, "fail": f"a text with {leaked} in it"}, maxAttempts=1)
    stack.wait_settled([job["jobId"]], within=SETTLED_SECONDS)
    found = " ".join(places_of(stack, leaked))
    assert "rows of public.jobs" in found
    assert "rows of public.executions_" in found
    assert f"/api/v1/jobs/{job['jobId']}" in found
    assert "file postgres/" in found


def _calls(stack: RunningStack, target: Target, canaries: dict[str, str]) -> list[dict[str, Any]]:
    """Every way in which a call can end, with an echo in each."""
    token, body_key = canaries["shop-token"], canaries["body.key"]
    echo = json.dumps({"you": {"sent": [token, body_key], token: 1}}).encode()
    shown = f"Bearer {token}, and {body_key}; {base64.b64encode(token.encode()).decode()}".encode()
    location = {"Location": f"/landed?t={token}", "X-Request-Id": token, "ETag": f'"{token}"'}
    target.answer("/landed", Answer(200, echo, {**JSON, **location}))
    answers: dict[str, tuple[list[Answer], dict[str, Any]]] = {
        "/fine": ([Answer(200, echo, {**JSON, **location})], {}),
        "/text": ([Answer(200, shown)], {}),
        "/latin": ([Answer(200, shown, {"Content-Type": "text/plain; charset=latin-1"})], {}),
        "/binary": ([Answer(200, b"\xff\xfe" + token.encode("utf-16-le") + shown)], {}),
        "/packed": ([Answer(200, shown, {"Content-Encoding": "br"})], {}),
        "/cut": ([Answer(200, b"x" * 65_520 + shown * 10)], {}),
        "/again": ([Answer(503, shown, location), Answer(200, echo, JSON)], {}),
        "/never": ([Answer(500, shown)], {}),
        "/final": ([Answer(404, echo, JSON)], {}),
        "/headers": ([Answer(400, b"", location)], {}),
        "/redirect": ([Answer(302, shown, location)], {"followRedirects": True}),
        "/unfollowed": ([Answer(307, shown, location)], {}),
        "/nowhere": ([Answer(302, b"", {"Location": f"http://{token}:x/"})], {}),
        "/private": (
            [Answer(302, b"", {"Location": f"http://10.0.0.1/{token}?{token}"})],
            {"followRedirects": True},
        ),
        "/other": (
            [Answer(307, b"", {"Location": target.url("/landed", "localhost") + f"?{token}"})],
            {"followRedirects": True},
        ),
        "/dropped": ([Answer(drops=True)], {}),
        "/slow": ([Answer(hangs="first")], {"timeoutSeconds": 0.5}),
    }
    told = []
    for path, (said, fields) in answers.items():
        target.answer_below(path, *said)
        told.append(run(stack, url_of(target, path), **fields))
    states = {path: job["status"] for path, job in zip(answers, told, strict=True)}
    well = {"/fine", "/text", "/latin", "/binary", "/packed", "/cut", "/again", "/redirect"}
    assert {path for path, state in states.items() if state == "SUCCESS"} == well
    assert told[0]["result"]["body"] == {
        "you": {
            "sent": ["[secret://shop-token]", "[secret://body.key]"],
            "[secret://shop-token]": 1,
        }
    }
    assert [job["result"]["bodyKind"] for job in told[3:5]] == ["base64", "withheld"]
    missing = run(stack, url_of(target, "/fine"), body="secret://not-there")
    assert (
        "secret://not-there is not known to this worker; put it into the file" in missing["error"]
    )
    assert missing["attempt"] == 2
    elsewhere = run(stack, url_of(target, "/fine"), body="secret://elsewhere")
    assert "secret://elsewhere is not for 127.0.0.1" in elsewhere["error"]
    assert elsewhere["attempt"] == 1
    return [*told, missing, elsewhere]


def _all(asked: Asked) -> str:
    return f"{asked.headers} {json.loads(asked.body or b'null')}" + asked.body.decode()


def _wait_fed(stack: RunningStack) -> None:
    """Until the event topic has what the history has."""
    wanted = count(stack, "SELECT count(*) FROM job_history")
    kafka = Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)

    def fed() -> bool:
        records = run_coroutine(seen(kafka))
        return len({(r.event.job_id, r.event.version) for r in records}) >= wanted

    wait_until(fed, within=FED_SECONDS, every=0.5, what="the history on the event topic")
