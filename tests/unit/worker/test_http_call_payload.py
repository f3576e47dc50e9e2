"""What HTTP_CALL takes and refuses; the JSON Schema that create validates with says the same."""

import json
from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from worker_service.handlers.http_call import http_call
from worker_service.handlers.http_call.filling import Filler
from worker_service.handlers.http_call.payload import HttpCall

URL = "https://example.com/hook"
SCHEMA: dict[str, Any] = dict(http_call.payload_schema)

TAKEN: list[dict[str, Any]] = [
    {"url": URL},
    {"url": "HTTP://EXAMPLE.com"},
    {"url": "http://example.com:8080/a/b?c=d@e#f"},
    {"url": "http://[2606:4700:4700::1111]:80/"},
    {"url": "http://bücher.example/straße"},
    {"url": "http://10.0.0.1/"},
    {"url": URL, "method": "DELETE"},
    {"url": URL, "headers": {"Authorization": "Bearer a.b-c", "X-Empty": ""}},
    {"url": URL, "headers": {"Idempotency-Key": "order-17"}},
    {"url": URL, "body": {"a": [1, None, True]}, "method": "POST"},
    {"url": URL, "body": "plain", "method": "PUT"},
    {"url": URL, "expectedStatus": 204},
    {"url": URL, "expectedStatus": "3xx"},
    {"url": URL, "expectedStatus": [200, "404-410", "5xx"]},
    {"url": URL, "retryStatus": 409},
    {"url": URL, "retryStatus": [404, "5xx"]},
    {"url": URL, "timeoutSeconds": 0.5},
    {"url": URL, "timeoutSeconds": 3600},
    {"url": URL, "followRedirects": True},
]
REFUSED: list[Any] = [
    None,
    "optional data",
    [],
    {},
    {"url": None},
    {"url": ""},
    {"url": "example.com"},
    {"url": "//example.com/"},
    {"url": "ftp://example.com/"},
    {"url": "file:///etc/passwd"},
    {"url": "gopher://example.com/"},
    {"url": "javascript:alert(1)"},
    {"url": "http://"},
    {"url": "http:///path"},
    {"url": "http://user@example.com/"},
    {"url": "http://user:secret@example.com/"},
    {"url": "http://example.com@10.0.0.1/"},
    {"url": "http://example.com\\@10.0.0.1/"},
    {"url": "http://example.com/a b"},
    {"url": "http://example.com/\r\nHost: inside"},
    {"url": " http://example.com/"},
    {"url": "http://example.com/" + "a" * 2_048},
    {"url": URL, "method": "get"},
    {"url": URL, "method": "TRACE"},
    {"url": URL, "method": "CONNECT"},
    {"url": URL, "headers": {"Host": "inside"}},
    {"url": URL, "headers": {"hOsT": "inside"}},
    {"url": URL, "headers": {"Connection": "close"}},
    {"url": URL, "headers": {"Transfer-Encoding": "chunked"}},
    {"url": URL, "headers": {"Content-Length": "3"}},
    {"url": URL, "headers": {"Proxy-Authorization": "x"}},
    {"url": URL, "headers": {"Upgrade": "websocket"}},
    {"url": URL, "headers": {"TE": "trailers"}},
    {"url": URL, "headers": {"traceparent": "x"}},
    {"url": URL, "headers": {"punctual-fencing-token": "x"}},
    {"url": URL, "headers": {"": "x"}},
    {"url": URL, "headers": {"a b": "x"}},
    {"url": URL, "headers": {"a:b": "x"}},
    {"url": URL, "headers": {"a": "x\r\nb: y"}},
    {"url": URL, "headers": {"a": " x"}},
    {"url": URL, "headers": {"a": "ü"}},
    {"url": URL, "headers": {"a": 1}},
    {"url": URL, "headers": {"a": "x" * 4_097}},
    {"url": URL, "headers": {f"a{n}": "x" for n in range(51)}},
    {"url": URL, "expectedStatus": 99},
    {"url": URL, "expectedStatus": 100},
    {"url": URL, "expectedStatus": 600},
    {"url": URL, "expectedStatus": "200"},
    {"url": URL, "expectedStatus": "6xx"},
    {"url": URL, "expectedStatus": []},
    {"url": URL, "expectedStatus": [200] * 21},
    {"url": URL, "expectedStatus": True},
    {"url": URL, "retryStatus": []},
    {"url": URL, "retryStatus": "1xx"},
    {"url": URL, "timeoutSeconds": 0},
    {"url": URL, "timeoutSeconds": 3_601},
    {"url": URL, "timeoutSeconds": "5"},
    {"url": URL, "followRedirects": "yes"},
    {"url": URL, "follow_redirects": True},
    {"url": URL, "verify": False},
]
REFUSED_BY_THE_WORKER_ONLY: list[dict[str, Any]] = [
    {"url": "http://example.com:0/"},
    {"url": "http://example.com:99999/"},
    {"url": "http://example.com:x/"},
    {"url": "http://0177.0.0.1/"},
    {"url": "http://[127.0.0.1]/"},
    {"url": "http://xn--/"},
    {"url": URL, "headers": {"a": "1", "A": "2"}},
    {"url": URL, "expectedStatus": "300-200"},
]


def by_model(payload: Any) -> bool:
    """As the worker reads it."""
    try:
        HttpCall.model_validate_json(json.dumps(payload))
    except ValidationError:
        return False
    return True


def by_schema(payload: Any) -> bool:
    """As create does."""
    return jsonschema_rs.validator_for(SCHEMA).is_valid(payload)


@pytest.mark.parametrize("payload", TAKEN, ids=json.dumps)
def test_what_is_taken(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (True, True)


@pytest.mark.parametrize("payload", REFUSED, ids=lambda p: json.dumps(p)[:80])
def test_what_is_refused_at_create_and_by_the_worker(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (False, False)


@pytest.mark.parametrize("payload", REFUSED_BY_THE_WORKER_ONLY, ids=json.dumps)
def test_what_a_schema_cannot_say_is_refused_by_the_worker(payload: Any) -> None:
    assert (by_model(payload), by_schema(payload)) == (False, True)


def test_names_of_the_schema_are_those_of_the_payload() -> None:
    assert list(SCHEMA["properties"]) == [
        "url",
        "method",
        "headers",
        "body",
        "templates",
        "expectedStatus",
        "retryStatus",
        "timeoutSeconds",
        "followRedirects",
    ]
    assert SCHEMA["required"] == ["url"]
    assert SCHEMA["additionalProperties"] is False


@pytest.mark.parametrize(
    ("expected", "status", "fits"),
    [
        ("2xx", 200, True),
        ("2xx", 299, True),
        ("2xx", 300, False),
        ("2xx", 199, False),
        (204, 204, True),
        (204, 200, False),
        ("200-204", 204, True),
        ("200-204", 205, False),
        ([200, "4xx"], 404, True),
        ([200, "4xx"], 500, False),
        (["300-302", 304], 303, False),
    ],
)
def test_expected_status(expected: Any, status: int, fits: bool) -> None:
    payload = HttpCall.model_validate({"url": URL, "expectedStatus": expected})
    assert payload.expects(status) is fits


@pytest.mark.parametrize(
    ("wanted", "again", "final"),
    [
        (None, [408, 425, 429, 500, 501, 503, 599], [400, 401, 404, 409, 410, 422, 302]),
        (409, [409], [408, 500]),
        ([404, "5xx"], [404, 502], [429]),
    ],
)
def test_retry_status(wanted: Any, again: list[int], final: list[int]) -> None:
    given = {} if wanted is None else {"retryStatus": wanted}
    payload = HttpCall.model_validate({"url": URL, **given})
    assert [payload.retries(status) for status in again] == [True] * len(again)
    assert [payload.retries(status) for status in final] == [False] * len(final)


@pytest.mark.parametrize(
    ("body", "content", "content_type"),
    [
        (None, None, ""),
        ("ü", "ü".encode(), "text/plain; charset=utf-8"),
        ("", b"", "text/plain; charset=utf-8"),
        ({"ü": [1]}, '{"ü": [1]}'.encode(), "application/json"),
        (0, b"0", "application/json"),
        (False, b"false", "application/json"),
    ],
)
def test_a_string_is_sent_as_it_is_and_other_values_as_json(
    body: Any, content: bytes | None, content_type: str
) -> None:
    payload = HttpCall.model_validate({"url": URL, "body": body})
    assert payload.content(Filler(None, {})) == (content, content_type)
