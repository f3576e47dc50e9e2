"""S14: calls with secrets against a real server: sent where they belong, and kept nowhere."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.calling import LOOPBACK, call
from tests.support.http_target import Answer, Target, http_target
from worker_service.guarded_http.secrets import Secrets
from worker_service.handler_api import MAX_RESULT_BYTES, Fail, GuardedHttp

VALUE = "s3cr3t/va+lue=%\"'<&>"
TOKEN = "plain-token-0123456789"
LONG = "".join(f"{n:04d}" for n in range(1_000))
MASK = "[secret://odd]"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> GuardedHttp:
    directory: Path = tmp_path_factory.mktemp("secrets")
    (directory / "odd").write_text(VALUE)
    (directory / "token").write_text(TOKEN)
    (directory / "long").write_text(LONG)
    (directory / "injects").write_text("value\r\nX-Injected: yes")
    return GuardedHttp(LOOPBACK, secrets=Secrets(directory))


@pytest.fixture
def target() -> Iterator[Target]:
    with http_target() as running:
        yield running


async def failure(payload: dict[str, Any], http: GuardedHttp) -> Fail:
    with pytest.raises(Fail) as raised:
        await call(payload, http)
    left = raised.value
    chain = f"{left!r} {left} {left.__cause__!r} {left.__context__!r}"
    assert VALUE not in chain
    assert TOKEN not in chain
    return left


async def test_a_secret_is_sent_where_it_was_named(target: Target, http: GuardedHttp) -> None:
    target.answer_below("/sent", Answer(200))
    payload = {
        "url": target.url("/sent/secret://odd") + "?key=secret://odd&b=1",
        "method": "PUT",
        "headers": {"Authorization": "Bearer secret://token", "X-Odd": "<secret://odd>"},
        "body": {"a": ["secret://odd"], "secret://odd": "secret://token"},
    }
    result = await call(payload, http)
    (asked,) = target.asked("/sent")
    assert asked.path == (
        "/sent/s3cr3t/va%2Blue%3D%25%22%27%3C%26%3E?key=s3cr3t%2Fva%2Blue%3D%25%22%27%3C%26%3E&b=1"
    )
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["x-odd"] == f"<{VALUE}>"
    assert json.loads(asked.body) == {"a": [VALUE], "secret://odd": TOKEN}
    assert result["url"] == target.url(f"/sent/{MASK}") + f"?key={MASK}&b=1"


ECHOES: dict[str, tuple[Answer, str, Any]] = {
    "JSON": (Answer(200, json.dumps({VALUE: [VALUE]}).encode(), JSON), "json", {MASK: [MASK]}),
    "escaped JSON": (
        Answer(200, ('"' + "".join(f"\\u{ord(c):04X}" for c in VALUE) + '"').encode(), JSON),
        "json",
        MASK,
    ),
    "text": (Answer(200, f"<{VALUE}>".encode()), "text", f"<{MASK}>"),
    "latin": (
        Answer(200, f"ü{VALUE}".encode("latin-1"), {"Content-Type": "text/plain; charset=latin-1"}),
        "text",
        f"ü{MASK}",
    ),
    "binary": (
        Answer(200, b"\xff" + VALUE.encode("utf-16-le")),
        "base64",
        base64.b64encode(b"\xff" + MASK.encode()).decode(),
    ),
    "brotli": (Answer(200, VALUE.encode(), {"Content-Encoding": "br"}), "withheld", None),
    "URL": (Answer(200, b"a=s3cr3t%2Fva%2Blue%3D%25%22%27%3C%26%3E&b"), "text", f"a={MASK}&b"),
}


@pytest.mark.parametrize("name", ECHOES)
async def test_an_echo_is_kept_without_the_secret(
    target: Target, http: GuardedHttp, name: str
) -> None:
    answer, kind, kept = ECHOES[name]
    url = target.answer("/echo", answer)
    result = await call({"url": url, "headers": {"A": "secret://odd"}}, http)
    assert (result["bodyKind"], result["body"]) == (kind, kept)


async def test_headers_that_are_kept_are_looked_at(target: Target, http: GuardedHttp) -> None:
    headers = {"ETag": f'"{TOKEN}"', "X-Request-Id": f"{TOKEN}-1", "Content-Location": f"/?{TOKEN}"}
    url = target.answer("/headers", Answer(200, b"", headers))
    result = await call({"url": url, "headers": {"A": "secret://token"}}, http)
    assert TOKEN not in json.dumps(result)
    assert result["headers"]["x-request-id"] == "[secret://token]-1"


@pytest.mark.parametrize("status", [404, 503])
async def test_an_excerpt_is_without_the_secret(
    target: Target, http: GuardedHttp, status: int
) -> None:
    url = target.answer("/no", Answer(status, f"bad token {TOKEN}, really".encode()))
    failed = await failure({"url": url, "headers": {"A": "secret://token"}}, http)
    assert str(failed).endswith("; bad token [secret://token], really")
    assert failed.permanent is (status == 404)


async def test_an_error_of_the_client_does_not_show_the_secret(
    target: Target, http: GuardedHttp
) -> None:
    """The port of a redirect is no number, and httpx says so with what stands there instead."""
    url = target.answer("/away", Answer(302, b"", {"Location": f"http://a:{TOKEN}/"}))
    failed = await failure({"url": url, "headers": {"A": "secret://token"}}, http)
    assert "[secret://token]" in str(failed)


async def test_a_header_with_a_line_end_is_not_sent(target: Target, http: GuardedHttp) -> None:
    url = target.answer("/injected", Answer(200))
    failed = await failure({"url": url, "headers": {"A": "secret://injects"}}, http)
    assert "the header A cannot be sent" in str(failed)
    assert target.asked("/injected") == []


async def test_a_secret_at_the_cut_is_not_kept_in_part(target: Target, http: GuardedHttp) -> None:
    """A body is read up to some byte; what stands there may be the beginning of a secret. It would be kept,
    because those before it are shorter once they are blacked out."""
    url = target.answer("/cut", Answer(200, LONG.encode() * 17))
    assert MAX_RESULT_BYTES % len(LONG) > 1_000
    result = await call({"url": url, "body": "secret://long"}, http)
    assert result["truncated"] is True
    assert result["body"] == "[secret://long]" * (MAX_RESULT_BYTES // len(LONG))


async def test_another_origin_gets_no_secret(target: Target, http: GuardedHttp) -> None:
    """Nor in a header that may cross, as those that hold no secret do."""
    with http_target() as other:
        there = other.answer("/there", Answer(200))
        url = target.answer("/away", Answer(307, b"", {"Location": there}))
        headers = {"User-Agent": "me secret://token", "Accept": "a/b", "X-Key": "secret://token"}
        await call({"url": url, "headers": headers, "followRedirects": True}, http)
        (asked,) = other.asked("/there")
    assert TOKEN in target.asked("/away")[0].headers["user-agent"]
    assert TOKEN not in str(asked)
    assert asked.headers["accept"] == "a/b"


async def test_a_body_with_a_secret_stays_with_its_host(target: Target, http: GuardedHttp) -> None:
    with http_target() as other:
        there = other.answer("/there", Answer(200))
        url = target.answer("/away", Answer(308, b"", {"Location": there}))
        payload = {"url": url, "method": "POST", "body": "secret://token", "followRedirects": True}
        failed = await failure(payload, http)
        assert failed.permanent is True
        assert "the body holds a secret" in str(failed)
        assert other.asked("/there") == []
        target.answer("/away", Answer(303, b"", {"Location": there}))
        assert (await call(payload, http))["status"] == 200
        assert other.asked("/there")[0].body == b""


async def test_a_missing_secret_is_tried_again_and_nothing_is_sent(
    target: Target, http: GuardedHttp
) -> None:
    url = target.answer("/missing", Answer(200))
    failed = await failure({"url": url, "headers": {"A": "secret://token secret://other"}}, http)
    assert failed.permanent is False
    assert str(failed) == (
        f"GET {url}: secret://other is not known to this worker; put it into the file other of "
        "PUNCTUAL_SECRETS__DIRECTORY"
    )
    assert target.asked("/missing") == []
