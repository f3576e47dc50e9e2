"""Places in a payload: what is filled where, and what a payload may not say."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.support.calling import JOB, call
from tests.support.wire import PUBLIC, Names, Wire
from tests.unit.worker.test_http_call_payload import URL, by_model, by_schema
from worker_service.guarded_http.secrets import Secrets
from worker_service.handler_api import Fail, GuardedHttp
from worker_service.handlers.http_call.filling import PLACES, Filler, secrets_named

WHERE = {place: f"<{place}>" for place in PLACES}

TAKEN: list[dict[str, Any]] = [
    {"url": URL, "templates": True},
    {"url": URL, "templates": True, "headers": {"A": "{jobId}/{attempt}"}, "body": "{token} {{}}"},
    {"url": URL, "templates": True, "body": {"a": ["{idempotencyKey}", {"b": "{dueAt}"}, 1, None]}},
    {"url": URL, "templates": True, "body": {"{unknown}": "keys are no places"}},
    {"url": URL, "headers": {"A": "{unknown}"}, "body": "query { user {id} }"},
    {"url": URL, "templates": False, "body": {"a": "{unknown} {"}},
    {"url": URL, "headers": {"Authorization": "Bearer secret://shop-token"}},
    {"url": URL, "headers": {"Authorization": "secret://a secret://b.c_d-e"}},
    {"url": URL, "body": {"user": "u", "password": "secret://shop"}},
    {"url": URL, "body": "no secrets:// here"},
    {"url": f"{URL}?key=secret://shop&a=b"},
    {"url": "https://hooks.example/services/secret://path/more"},
]
REFUSED: list[dict[str, Any]] = [
    {"url": URL, "templates": True, "headers": {"A": "{unknown}"}},
    {"url": URL, "templates": True, "headers": {"A": "{jobId"}},
    {"url": URL, "templates": True, "headers": {"A": "jobId}"}},
    {"url": URL, "templates": True, "headers": {"A": "{}"}},
    {"url": URL, "templates": True, "headers": {"A": "{jobId.hex}"}},
    {"url": URL, "templates": True, "headers": {"A": "{jobId!r:>10}"}},
    {"url": URL, "templates": True, "headers": {"A": "{{jobId}"}},
    {"url": URL, "templates": True, "body": "{unknown}"},
    {"url": URL, "templates": True, "body": [[{"a": ["{unknown}"]}]]},
    {"url": URL, "templates": True, "body": {"a": {"b": "{ jobId }"}}},
    {"url": URL, "templates": "yes"},
    {"url": URL, "headers": {"A": "secret://"}},
    {"url": URL, "headers": {"A": "secret:// x"}},
    {"url": URL, "headers": {"A": "secret://../etc/passwd"}},
    {"url": URL, "headers": {"A": "secret:///etc/passwd"}},
    {"url": URL, "headers": {"A": "secret://a/../../etc/passwd"}},
    {"url": URL, "headers": {"A": "secret://a%2fb"}},
    {"url": URL, "headers": {"A": "secret://" + "a" * 101}},
    {"url": URL, "body": "secret://"},
    {"url": URL, "body": [{"a": ["secret://.hidden"]}]},
    {"url": URL, "body": {"a": "secret://a\\b"}},
    {"url": f"{URL}?key=secret://"},
    {"url": f"{URL}?key=secret://../a"},
    {"url": f"{URL}#" + "secret://" + "a" * 101},
]
BY_THE_WORKER_ONLY: list[dict[str, Any]] = [
    {"url": URL, "body": " ".join(f"secret://name-{n}" for n in range(21))},
]


@pytest.mark.parametrize("payload", TAKEN, ids=json.dumps)
def test_what_is_taken(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (True, True)


@pytest.mark.parametrize("payload", REFUSED, ids=lambda p: json.dumps(p)[:90])
def test_what_is_refused_at_create_and_by_the_worker(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (False, False)


@pytest.mark.parametrize("payload", BY_THE_WORKER_ONLY, ids=lambda p: json.dumps(p)[:90])
def test_what_a_schema_cannot_say_is_refused_by_the_worker(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (False, True)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("", ""),
        ("{jobId}-{attempt}", "<jobId>-<attempt>"),
        ("{{jobId}}", "{jobId}"),
        ("{{{jobId}}}", "{<jobId>}"),
        ("}}{{", "}{"),
        ("secret://a b", "{token} b"),
        ("{{secret://a}}", "{{token}}"),
    ],
)
def test_a_text_is_filled_once(text: str, filled: str) -> None:
    """A secret that looks like a place stays as it is."""
    assert Filler(WHERE, {"a": "{token}"}).text(text) == filled


def test_without_templates_braces_are_braces() -> None:
    filler = Filler(None, {"a": "value"})
    assert filler.text("{jobId} {{ secret://a") == "{jobId} {{ value"
    assert filler.value({"{jobId}": ["secret://a", 1, None]}) == {"{jobId}": ["value", 1, None]}


def test_a_secret_in_a_url_is_quoted_for_its_place_and_never_the_host() -> None:
    filler = Filler(WHERE, {"a": "x/../y?z&k=1#f", "b": "://evil.example/"})
    assert filler.url("https://h.example/p/secret://a?k=secret://a&l={token}#secret://b") == (
        "https://h.example/p/x/../y%3Fz%26k%3D1%23f?k=x%2F..%2Fy%3Fz%26k%3D1%23f&l={token}"
        "#%3A%2F%2Fevil.example%2F"
    )
    assert filler.url("https://secret://b/") == "https://secret://b/"


def test_the_secrets_of_a_payload_are_each_named_once() -> None:
    headers = {"A": "secret://one secret://two.", "B": "secret://one"}
    body: JsonValue = {"secret://key": ["secret://three", {"x": "secret://two"}]}
    assert secrets_named("https://h.example/?a=secret://four", headers, body) == [
        "four", "one", "two", "three",
    ]  # fmt: skip


@given(st.text(), st.sampled_from(PLACES))
def test_text_around_a_place_comes_through(text: str, place: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    filled = (
        Filler(WHERE, {}).text(f"{doubled}{{{place}}}{doubled}") if "secret://" not in text else ""
    )
    assert filled in ("", f"{text}<{place}>{text}")


class Names1(Names):
    """One name of the internet."""

    def __init__(self) -> None:
        super().__init__(outside=[[PUBLIC]])


async def test_what_is_sent_with_places() -> None:
    sent: list[bytes] = []
    wire = Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", sent=sent)
    payload = {
        "url": "http://outside.example/",
        "method": "POST",
        "templates": True,
        "headers": {"X-Job": "{jobId}", "X-Try": "{attempt} of {token}"},
        "body": {"key": "{idempotencyKey}", "n": 1, "braces": "{{}}"},
    }
    await call(payload, GuardedHttp(resolve=Names1(), inner=wire), attempt=3)
    request = b"".join(sent).decode()
    assert f"X-Job: {JOB}\r\n" in request
    token = request.partition("Punctual-Fencing-Token: ")[2].partition("\r\n")[0]
    assert f"X-Try: 3 of {token}\r\n" in request
    assert json.loads(request.partition("\r\n\r\n")[2]) == {
        "key": f"{JOB}:http-call",
        "n": 1,
        "braces": "{}",
    }


async def test_a_secret_that_is_no_header_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("value\r\nX-Injected: yes")
    wire = Wire()
    http = GuardedHttp(resolve=Names1(), inner=wire, secrets=Secrets(tmp_path))
    with pytest.raises(Fail, match="the header A cannot be sent") as failed:
        await call({"url": "http://outside.example/", "headers": {"A": "secret://evil"}}, http)
    assert "Injected" not in str(failed.value)
    assert wire.connected == []
