"""What is read from an answer: how long to wait, which trace, and how much of the body is kept."""

import base64
import gzip
import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.calling import JOB
from worker_service.domain.outcome import from_value
from worker_service.guarded_http.answers import MAX_BODY_BYTES, KeptBody, readable
from worker_service.handlers.http_call.answering import MAX_RETRY_AFTER_SECONDS, retry_after
from worker_service.handlers.http_call.sending import child_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
JSON = "application/json"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, None, None),
        ("5", None, 5.0),
        (" 120 ", None, 120.0),
        ("0", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("soon", None, None),
        ("", None, None),
        ("9999999999", None, MAX_RETRY_AFTER_SECONDS),
        ("9" * 400, None, None),
        ("Sat, 21 Nov 2026 12:00:07 GMT", None, 7.0),
        ("Sat, 21 Nov 2026 11:59:00 GMT", None, None),
        ("Sun, 21 Nov 2027 12:00:00 GMT", None, MAX_RETRY_AFTER_SECONDS),
        ("Sat, 21 Nov 2026 12:00:07 GMT", "Sat, 21 Nov 2026 12:00:04 GMT", 3.0),
        ("Sat, 21 Nov 2026 12:00:07 GMT", "nonsense", 7.0),
        ("Saturday, 21-Nov-26 12:00:07 GMT", None, 7.0),
        ("Sat Nov 21 12:00:07 2026", None, 7.0),
        ("Sat, 99 Nov 2026 12:00:07 GMT", None, None),
    ],
)
def test_retry_after(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date, NOON) == seconds


@pytest.mark.parametrize(
    ("given", "trace", "flags"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE, "01"),
        (f"00-{TRACE}-00f067aa0ba902b7-00", TRACE, "00"),
        (f"01-{TRACE}-00f067aa0ba902b7-01-more", TRACE, "01"),
        (None, JOB.hex, "01"),
        ("", JOB.hex, "01"),
        ("00-xyz", JOB.hex, "01"),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", JOB.hex, "01"),
        (f"00-{TRACE}-00f067aa0ba902b7-01\r\nx: y", JOB.hex, "01"),
    ],
)
def test_the_trace_is_that_of_the_job_or_one_for_all_its_tries(
    given: str | None, trace: str, flags: str
) -> None:
    assert child_of(given, JOB, "1111111111111111") == f"00-{trace}-1111111111111111-{flags}"


def body_of(
    data: bytes, content_type: str = "", *, truncated: bool = False, **headers: str
) -> KeptBody:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = httpx.Response(200, headers={"content-type": content_type, **named})
    return readable(answer, data, truncated)


@pytest.mark.parametrize(
    ("data", "content_type", "kind", "value"),
    [
        (b"", JSON, "none", None),
        (b'{"a": [1, null]}', JSON, "json", {"a": [1, None]}),
        (b"[1]", "application/problem+json; charset=utf-8", "json", [1]),
        (b"null", JSON, "json", None),
        (b"{nonsense", JSON, "text", "{nonsense"),
        (b"[NaN]", JSON, "text", "[NaN]"),
        (b"1e999", JSON, "text", "1e999"),
        (b"9" * 5_000, JSON, "text", "9" * 5_000),
        (rb'"\ud800"', JSON, "text", r'"\ud800"'),
        (rb'"\u0000"', JSON, "text", r'"\u0000"'),
        (b"[" * 60 + b"]" * 60, JSON, "text", "[" * 60 + "]" * 60),
        (b"[" * 30_000, JSON, "text", "[" * 30_000),
        (b'{"a": 1}', "text/plain", "text", '{"a": 1}'),
        ("grüß".encode(), "text/plain", "text", "grüß"),
        ("grüß".encode("latin-1"), "text/plain; charset=ISO-8859-1", "text", "grüß"),
        ("grüß".encode("latin-1"), "text/plain", "base64", "Z3L83w=="),
        (b"a\0b", "text/plain", "text", "a\ufffdb"),
        (b"\x89PNG\xff", "image/png", "base64", base64.b64encode(b"\x89PNG\xff").decode()),
        (b"x", "text/plain; charset=zlib", "text", "x"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_is_json_text_or_base64(
    data: bytes, content_type: str, kind: str, value: Any
) -> None:
    kept = body_of(data, content_type)
    assert (kept.kind, kept.value, kept.truncated) == (kind, value, False)


def test_what_is_compressed_unasked_is_not_unpacked() -> None:
    data = gzip.compress(b"0" * 10_000_000)
    kept = body_of(data[:1_000], "text/plain", content_encoding="gzip")
    assert kept == KeptBody("base64", base64.b64encode(data[:1_000]).decode(), False)


def test_a_character_cut_in_two_is_left_out() -> None:
    data = ("a" * (MAX_BODY_BYTES - 1) + "€").encode()[:MAX_BODY_BYTES]
    kept = body_of(data, "text/plain", truncated=True)
    assert (kept.kind, kept.truncated) == ("text", True)
    assert re.fullmatch("a+", str(kept.value))


WORST = {
    "plain": b"a" * MAX_BODY_BYTES,
    "control characters": b"\x01" * MAX_BODY_BYTES,
    "NUL": b"\0" * MAX_BODY_BYTES,
    "quotes": b'"' * MAX_BODY_BYTES,
    "binary": b"\xff" * MAX_BODY_BYTES,
    "latin": b"\xe4" * MAX_BODY_BYTES,
    "emoji": "😀".encode() * (MAX_BODY_BYTES // 4),
    "numbers": b"[" + b"1," * (MAX_BODY_BYTES // 2 - 2) + b"1]",
}


@pytest.mark.parametrize("name", WORST)
@pytest.mark.parametrize("content_type", [JSON, "text/plain", "text/plain; charset=latin-1"])
def test_what_is_kept_is_small_enough_for_a_result(name: str, content_type: str) -> None:
    kept = body_of(WORST[name], content_type)
    assert len(json.dumps(kept.value, ensure_ascii=False).encode()) <= MAX_BODY_BYTES
    ended = from_value({"body": kept.value})
    assert (ended.reason, ended.error) == ("succeeded", None)
