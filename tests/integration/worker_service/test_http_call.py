"""HTTP_CALL against a real server: what is sent, what is kept, what is tried again, and what is let go."""

import asyncio
import re
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trustme

from tests.support.calling import JOB, LOOPBACK, call
from tests.support.http_target import ENDLESS_BYTES, Answer, Target, http_target
from worker_service.handler_api import Fail, GuardedHttp
from worker_service.handlers.http_call.sending import MAX_REDIRECTS

JSON = {"Content-Type": "application/json"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CLIENT_GONE_SECONDS = 5.0


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with http_target() as running:
        yield running


@pytest.fixture
def fresh_target() -> Iterator[Target]:
    with http_target() as running:
        yield running


async def failure(payload: dict[str, Any], http: GuardedHttp | None = None) -> Fail:
    with pytest.raises(Fail) as raised:
        await call(payload, http)
    return raised.value


async def at_loopback(host: str, port: int) -> Sequence[str]:
    """A resolver to which every name is this machine."""
    return ["127.0.0.1"]


async def test_what_is_sent(target: Target) -> None:
    url = target.answer("/sent", Answer(201))
    payload = {
        "url": f"{url}?a=1#part",
        "method": "POST",
        "headers": {"Authorization": "Bearer x", "X-Own": "1"},
        "body": {"ü": [1, None]},
    }
    await call(payload, attempt=2, traceparent=PARENT)
    (asked,) = target.asked("/sent")
    assert (asked.method, asked.path) == ("POST", "/sent?a=1")
    assert asked.body.decode() == '{"ü": [1, null]}'
    trace = asked.headers["traceparent"]
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", trace)
    assert trace != PARENT
    assert {
        "host": f"127.0.0.1:{target.port}",
        "content-type": "application/json",
        "authorization": "Bearer x",
        "x-own": "1",
        "idempotency-key": f"{JOB}:http-call",
        "punctual-fencing-token": f"{JOB}.1.2",
        "user-agent": "Punctual",
        "accept-encoding": "identity",
    }.items() <= asked.headers.items()


async def test_each_try_has_the_same_key_and_trace_and_a_span_and_token_of_its_own(
    target: Target,
) -> None:
    url = target.answer("/tries", Answer(200))
    for attempt in (1, 2):
        await call({"url": url}, attempt=attempt)
    first, second = (asked.headers for asked in target.asked("/tries"))
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["punctual-fencing-token"] != second["punctual-fencing-token"]
    traces = [headers["traceparent"].split("-") for headers in (first, second)]
    assert traces[0][1] == traces[1][1] == JOB.hex
    assert traces[0][2] != traces[1][2]


async def test_a_payload_may_bring_a_key_and_a_type_of_its_own(target: Target) -> None:
    url = target.answer("/own", Answer(200))
    headers = {"idempotency-key": "order-17", "content-type": "text/csv", "User-Agent": "me"}
    await call({"url": url, "method": "PUT", "headers": headers, "body": "a,b"})
    (asked,) = target.asked("/own")
    assert asked.headers["idempotency-key"] == "order-17"
    assert asked.headers["content-type"] == "text/csv"
    assert asked.headers["user-agent"] == "me"


async def test_what_is_kept(target: Target) -> None:
    answer = Answer(200, b'{"ok": true}', {**JSON, "ETag": '"1"', "Set-Cookie": "secret=1"})
    result = await call({"url": target.answer("/kept", answer)})
    assert result.pop("tookMs") >= 0
    assert result["headers"].pop("date")
    assert result == {
        "status": 200,
        "url": target.url("/kept"),
        "headers": {"content-type": "application/json", "content-length": "12", "etag": '"1"'},
        "body": {"ok": True},
        "bodyKind": "json",
        "truncated": False,
        "redirects": 0,
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method(target: Target, method: str) -> None:
    url = target.answer(f"/{method}", Answer(200, b"hi"))
    result = await call({"url": url, "method": method})
    assert [asked.method for asked in target.asked(f"/{method}")] == [method]
    assert result["body"] == (None if method == "HEAD" else "hi")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 505])
async def test_a_status_that_may_pass_is_tried_again(target: Target, status: int) -> None:
    url = target.answer(f"/{status}", Answer(status, b"not now"))
    failed = await failure({"url": f"{url}?secret=1"})
    assert (failed.permanent, failed.retry_after_seconds) == (False, None)
    assert re.match(rf"GET {url}: {status} .*; not now$", str(failed))


@pytest.mark.parametrize("status", [201, 204, 206])
async def test_every_2xx_is_a_success_unless_said_otherwise(target: Target, status: int) -> None:
    url = target.answer("/fine", Answer(status))
    assert (await call({"url": url}))["status"] == status
    failed = await failure({"url": url, "expectedStatus": 200})
    assert failed.permanent is True
    assert f": {status} " in str(failed)
    assert str(failed).endswith("expected 200")


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 409, 410, 418, 422])
async def test_another_status_fails_for_good(target: Target, status: int) -> None:
    failed = await failure({"url": target.answer("/bad", Answer(status))})
    assert failed.permanent is True


async def test_an_expected_status_is_a_success_also_if_it_is_one_of_those_tried_again(
    target: Target,
) -> None:
    url = target.answer("/expected", Answer(503, b"down"))
    result = await call({"url": url, "expectedStatus": [200, "5xx"]})
    assert (result["status"], result["body"]) == (503, "down")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "999999"}, 86_400),
        ({"Retry-After": "later"}, None),
    ],
)
async def test_retry_after_in_seconds(
    target: Target, headers: dict[str, str], seconds: float | None
) -> None:
    failed = await failure({"url": target.answer("/wait", Answer(429, headers=headers))})
    assert (failed.permanent, failed.retry_after_seconds) == (False, seconds)


async def test_retry_after_as_a_date(target: Target) -> None:
    then = datetime.now(UTC) + timedelta(seconds=90)
    answer = Answer(503, headers={"Retry-After": format_datetime(then, usegmt=True)})
    failed = await failure({"url": target.answer("/date", answer)})
    assert failed.retry_after_seconds is not None
    assert 80 <= failed.retry_after_seconds <= 91


async def test_retry_after_of_a_final_status_is_not_obeyed(target: Target) -> None:
    failed = await failure(
        {"url": target.answer("/final", Answer(404, headers={"Retry-After": "7"}))}
    )
    assert (failed.permanent, failed.retry_after_seconds) == (True, None)


async def test_a_connection_that_is_closed_unanswered_is_tried_again(target: Target) -> None:
    assert (await failure({"url": target.answer("/drop", Answer(drops=True))})).permanent is False


async def test_nobody_who_listens_is_tried_again() -> None:
    with http_target() as gone:
        url = gone.url("/")
    assert (await failure({"url": url})).permanent is False


@pytest.mark.parametrize("hangs", ["first", "midway"])
async def test_a_slow_answer_ends_with_the_time_of_the_try(
    fresh_target: Target, hangs: str
) -> None:
    url = fresh_target.answer("/slow", Answer(body=b"abc", hangs=hangs))
    failed = await failure({"url": url, "timeoutSeconds": 1})
    assert failed.permanent is False
    assert str(failed) == f"GET {url}: no answer in 1 s"
    assert fresh_target.left.wait(CLIENT_GONE_SECONDS)


async def test_a_failure_with_a_slow_body_is_told_by_its_status(fresh_target: Target) -> None:
    url = fresh_target.answer("/slow", Answer(404, body=b"abc", hangs="midway"))
    failed = await failure({"url": url, "timeoutSeconds": 10})
    assert (failed.permanent, str(failed)) == (True, f"GET {url}: 404 Not Found, expected 2xx")
    assert fresh_target.left.wait(CLIENT_GONE_SECONDS)


@pytest.mark.parametrize("hangs", ["first", "midway"])
async def test_a_cancel_closes_the_connection(fresh_target: Target, hangs: str) -> None:
    url = fresh_target.answer("/slow", Answer(body=b"abc", hangs=hangs))
    calling = asyncio.create_task(call({"url": url}))
    assert await asyncio.to_thread(fresh_target.reached.wait, CLIENT_GONE_SECONDS)
    assert not fresh_target.left.is_set()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await asyncio.to_thread(fresh_target.left.wait, CLIENT_GONE_SECONDS)


@pytest.mark.parametrize("status", [200, 404, 503])
async def test_a_huge_body_is_read_no_further_than_what_is_kept(
    fresh_target: Target, status: int
) -> None:
    url = fresh_target.answer("/huge", Answer(status, endless=True))
    if status == 200:
        result = await call({"url": url})
        assert (result["bodyKind"], result["truncated"]) == ("text", True)
        assert len(result["body"]) > 30_000
    else:
        assert str(await failure({"url": url})).endswith("x" * 500)
    assert await asyncio.to_thread(fresh_target.left.wait, CLIENT_GONE_SECONDS)
    assert fresh_target.sent < ENDLESS_BYTES


async def test_a_redirect_is_not_followed_unasked(target: Target) -> None:
    url = target.answer("/away", Answer(302, headers={"Location": "/there?secret=1"}))
    failed = await failure({"url": url})
    assert failed.permanent is True
    assert str(failed).endswith(
        f"a redirect to {target.url('/there')}, and followRedirects is false"
    )
    assert (await call({"url": url, "expectedStatus": 302}))["headers"][
        "location"
    ] == "/there?secret=1"


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        (301, "GET", b""),
        (302, "GET", b""),
        (303, "GET", b""),
        (307, "POST", b"x"),
        (308, "POST", b"x"),
    ],
)
async def test_a_redirect_is_followed_if_asked(
    fresh_target: Target, status: int, method: str, body: bytes
) -> None:
    fresh_target.answer("/there", Answer(200, b"here"))
    url = fresh_target.answer("/away", Answer(status, headers={"Location": "/there"}))
    result = await call(
        {
            "url": url,
            "method": "POST",
            "body": "x",
            "followRedirects": True,
            "headers": {"Authorization": "Bearer x"},
        }
    )
    assert (result["body"], result["redirects"]) == ("here", 1)
    assert result["url"] == fresh_target.url("/there")
    (asked,) = fresh_target.asked("/there")
    assert (asked.method, asked.body) == (method, body)
    assert asked.headers["authorization"] == "Bearer x"


async def test_a_redirect_to_another_origin_gets_no_header_of_the_payload(
    target: Target, fresh_target: Target
) -> None:
    there = fresh_target.answer("/there", Answer(200))
    url = target.answer("/away", Answer(307, headers={"Location": there, "Set-Cookie": "a=1"}))
    headers = {"Authorization": "Bearer x", "X-Api-Key": "secret", "Cookie": "b=2", "Accept": "a/b"}
    await call({"url": url, "headers": headers, "followRedirects": True})
    (asked,) = fresh_target.asked("/there")
    assert not {"authorization", "x-api-key"} & set(asked.headers)
    assert "cookie" not in asked.headers
    assert asked.headers["accept"] == "a/b"
    assert asked.headers["idempotency-key"] == f"{JOB}:http-call"


async def test_redirects_in_a_circle_end(fresh_target: Target) -> None:
    url = fresh_target.answer("/round", Answer(302, headers={"Location": "/round"}))
    failed = await failure({"url": url, "followRedirects": True})
    assert failed.permanent is True
    assert len(fresh_target.asked("/round")) == MAX_REDIRECTS + 1


async def test_without_leave_nothing_of_this_machine_is_reached(target: Target) -> None:
    target.answer("/private", Answer(200))
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        failed = await failure({"url": target.url("/private", host)}, GuardedHttp())
        assert failed.permanent is True
        assert "a loopback address; PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS" in str(failed)
    assert target.asked("/private") == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_server(authority: trustme.CA, name: str, seen: list[str | None]) -> ssl.SSLContext:
    """A server of that name, which notes the names it was asked for."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server)
    server.sni_callback = lambda _socket, asked, _context: seen.append(asked)
    return server


def trusting(authority: trustme.CA) -> GuardedHttp:
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return GuardedHttp(LOOPBACK, resolve=at_loopback, tls=client)


async def test_tls_keeps_the_name(authority: trustme.CA) -> None:
    names: list[str | None] = []
    with http_target(tls_server(authority, "target.example", names)) as target:
        target.answer("/tls", Answer(200, b"safe"))
        result = await call({"url": target.url("/tls", "target.example")}, trusting(authority))
        (asked,) = target.asked("/tls")
    assert result["body"] == "safe"
    assert names == ["target.example"]
    assert asked.headers["host"] == f"target.example:{target.port}"


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_does_not_fit_is_refused(
    authority: trustme.CA, trusted: bool
) -> None:
    """Of another name, or of an authority that nobody trusts."""
    name = "other.example" if trusted else "target.example"
    http = trusting(authority if trusted else trustme.CA())
    with http_target(tls_server(authority, name, [])) as target:
        target.answer("/tls", Answer(200))
        failed = await failure({"url": target.url("/tls", "target.example")}, http)
        assert "certificate verify failed" in str(failed).lower()
        assert target.asked("/tls") == []


async def test_a_redirect_from_tls_to_plain_is_not_followed(
    authority: trustme.CA, target: Target
) -> None:
    plain = target.answer("/plain", Answer(200))
    with http_target(tls_server(authority, "target.example", [])) as secure:
        secure.answer("/tls", Answer(302, headers={"Location": plain}))
        payload = {"url": secure.url("/tls", "target.example"), "followRedirects": True}
        failed = await failure(payload, trusting(authority))
    assert "from https to http" in str(failed)
    assert failed.permanent is True
    assert target.asked("/plain") == []


async def test_many_calls_at_once(fresh_target: Target) -> None:
    url = fresh_target.answer("/many", Answer(200, b"hi"))
    http = GuardedHttp(LOOPBACK)
    results = await asyncio.gather(*(call({"url": url}, http) for _ in range(50)))
    assert [result["body"] for result in results] == ["hi"] * 50
