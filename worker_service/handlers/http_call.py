"""HTTP_CALL: one HTTP request. What deserves another try is tried again, all else fails for good.

It may be sent more than once (an answer that is lost looks like a call that is), so every try carries the
same `Idempotency-Key`, and a fencing token that rises with each try.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from worker_service.handler_api import (
    AddressRefused,
    Context,
    Fail,
    Retry,
    job_type,
    read_bounded,
    readable,
)

MAX_URL_CHARS = 2_048
MAX_HEADERS = 50
MAX_HEADER_CHARS = 4_096
MAX_CALL_SECONDS = 3_600.0
MAX_REDIRECTS = 3
MAX_KEPT_HEADER_CHARS = 500
MAX_RETRY_AFTER_SECONDS = 86_400.0
EXCERPT_CHARS = 500
EXCERPT_SECONDS = 2.0
"""How long the body of an answer that is a failure anyway is waited for."""

TRIED_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
FENCING_TOKEN = "Punctual-Fencing-Token"  # noqa: S105 - a header's name
KEPT_HEADERS = (
    "content-type", "content-length", "content-encoding", "content-location", "date", "etag",
    "last-modified", "location", "x-request-id",
)  # fmt: skip
NOT_TO_SET = (
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "traceparent", "tracestate", FENCING_TOKEN.lower(),
)  # fmt: skip
"""Headers that belong to the connection or to Punctual."""
KEPT_OVER_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""Headers of the payload that a redirect to another origin still gets; others may be secrets."""

_URL = r"^[hH][tT][tT][pP][sS]?://[^\x00-\x20\x7f/?#@\\]+([/?#][^\x00-\x20\x7f\\]*)?$"
_TOKEN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"  # noqa: S105 - a token of HTTP's grammar
_VALUE = r"^([!-~]([\t -~]*[!-~])?)?$"
_RANGE = "^([2-5]xx|[2-5][0-9][0-9]-[2-5][0-9][0-9])$"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def _any_case(names: tuple[str, ...]) -> str:
    """A pattern for names in any case, for validators that know no flags."""
    return (
        "^("
        + "|".join(
            "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in name) for name in names
        )
        + ")$"
    )


def _header_name(name: str) -> str:
    if not re.fullmatch(_TOKEN, name):
        raise ValueError("a header's name is letters, digits and -")
    if name.lower() in NOT_TO_SET:
        raise ValueError(f"{name} is not for the payload to set")
    return name


def _target(url: str) -> str:
    """Whether a URL can be called, beyond its pattern."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"this is no URL that can be called: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or not 0 < _port(parsed) < 65_536:
        raise ValueError("write http:// or https://, a host, and a port from 1 to 65535 if any")
    if parsed.userinfo:
        raise ValueError("no user and password in a URL; send an Authorization header")
    return url


def _port(url: httpx.URL) -> int:
    return url.port if url.port is not None else 80


def _ascending(text: str) -> str:
    low, _, high = text.partition("-")
    if high and int(low) > int(high):
        raise ValueError(f"{text} is empty; write the smaller status first")
    return text


Name = Annotated[
    str,
    AfterValidator(_header_name),
    WithJsonSchema(
        {
            "type": "string",
            "allOf": [{"pattern": _TOKEN}, {"not": {"pattern": _any_case(NOT_TO_SET)}}],
        }
    ),
]
Value = Annotated[str, Field(max_length=MAX_HEADER_CHARS, pattern=_VALUE)]
Status = Annotated[int, Field(ge=200, le=599)]
StatusRange = Annotated[str, Field(pattern=_RANGE), AfterValidator(_ascending)]


class HttpCall(BaseModel):
    """One request. `body`: a string is sent as it is, any other value as JSON.

    `expectedStatus`: a status, a range (`200-204`, `2xx`), or a list of them. `timeoutSeconds`: of one try,
    from resolving the name to the last byte.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    url: Annotated[str, Field(max_length=MAX_URL_CHARS, pattern=_URL), AfterValidator(_target)] = (
        Field(examples=["https://example.com/hook"])
    )
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[Name, Value] = Field(default_factory=dict, max_length=MAX_HEADERS)
    body: JsonValue = None
    expected_status: (
        Status
        | StatusRange
        | Annotated[list[Status | StatusRange], Field(min_length=1, max_length=20)]
    ) = "2xx"
    timeout_seconds: float = Field(default=30.0, gt=0, le=MAX_CALL_SECONDS)
    follow_redirects: bool = False

    @field_validator("headers")
    @classmethod
    def _once_each(cls, headers: dict[str, str]) -> dict[str, str]:
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("the same header is given twice")
        return headers

    def expects(self, status: int) -> bool:
        """Whether an answer with this status is the success that was asked for."""
        return any(_covers(item, status) for item in self._expected())

    def expectation(self) -> str:
        """`expectedStatus`, to be read."""
        return ", ".join(str(item) for item in self._expected())

    def content(self) -> tuple[bytes | None, str]:
        """The body's bytes and their type."""
        if self.body is None:
            return None, ""
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return json.dumps(self.body, ensure_ascii=False).encode(), "application/json"

    def _expected(self) -> Sequence[int | str]:
        wanted = self.expected_status
        return wanted if isinstance(wanted, list) else [wanted]


def _covers(item: int | str, status: int) -> bool:
    if isinstance(item, int):
        return item == status
    low, _, high = item.replace("xx", "00").partition("-")
    return int(low) <= status <= (int(high) if high else int(low) + 99)


@job_type("HTTP_CALL", payload=HttpCall, timeout_seconds=300)
async def http_call(payload: HttpCall, context: Context) -> dict[str, Any]:
    """Call, and keep the answer if it is the one expected."""
    place = f"{payload.method} {_shown(httpx.URL(payload.url))}"
    began = time.monotonic()
    try:
        async with asyncio.timeout(payload.timeout_seconds), context.http.client() as client:
            answer, hops = await _send(client, payload, context)
            async with aclosing(answer):
                if not payload.expects(answer.status_code):
                    raise await _failure(answer, payload, place)
                kept = await _kept(answer)
    except TimeoutError:
        raise Fail(f"{place}: no answer in {payload.timeout_seconds:g} s") from None
    except AddressRefused as error:
        raise Fail(f"{place}: {error}", permanent=True) from error
    except (httpx.LocalProtocolError, UnicodeError) as error:
        raise Fail(f"{place}: this cannot be sent: {error}", permanent=True) from error
    except httpx.TransportError as error:
        raise Fail(f"{place}: {error or type(error).__name__}") from error
    return {**kept, "redirects": hops, "tookMs": round((time.monotonic() - began) * 1_000)}


async def _send(
    client: httpx.AsyncClient, payload: HttpCall, context: Context
) -> tuple[httpx.Response, int]:
    """The answer with its body unread, and how many redirects led to it."""
    content, content_type = payload.content()
    headers = httpx.Headers(
        {
            "User-Agent": "Punctual",
            "Accept-Encoding": "identity",
            "Idempotency-Key": context.idempotency_key("http-call"),
        }
    )
    if content_type:
        headers["Content-Type"] = content_type
    headers.update(payload.headers)
    headers["traceparent"] = child_of(context.traceparent, context.job_id, secrets.token_hex(8))
    headers[FENCING_TOKEN] = context.token
    request = client.build_request(payload.method, payload.url, headers=headers, content=content)
    for hops in range(MAX_REDIRECTS + 1):
        answer = await client.send(request, stream=True)
        if not payload.follow_redirects or answer.next_request is None:
            return answer, hops
        await answer.aclose()
        request = _redirected(request, answer.next_request, payload)
    raise Fail(f"{_shown(request.url)} is one redirect more than {MAX_REDIRECTS}", permanent=True)


def _redirected(before: httpx.Request, after: httpx.Request, payload: HttpCall) -> httpx.Request:
    """The next request, without what another origin should not see."""
    try:
        _target(str(after.url))
    except ValueError as error:
        raise Fail(f"a redirect to {_shown(after.url)}: {error}", permanent=True) from None
    if before.url.scheme == "https" and after.url.scheme == "http":
        raise Fail(f"a redirect from https to {_shown(after.url)} is not followed", permanent=True)
    if _origin(before.url) != _origin(after.url):
        for name in payload.headers:
            if name.lower() not in KEPT_OVER_ORIGINS:
                after.headers.pop(name, None)
    return after


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _failure(answer: httpx.Response, payload: HttpCall, place: str) -> Fail:
    """What an answer with another status means."""
    text = ""
    with suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(EXCERPT_SECONDS):
            data, _ = await read_bounded(answer)
            text = data[: 4 * EXCERPT_CHARS].decode(errors="replace")[:EXCERPT_CHARS].strip()
    status = answer.status_code
    said = f"{place}: {status} {answer.reason_phrase}".strip()
    if status in TRIED_AGAIN:
        wait = retry_after(
            answer.headers.get("retry-after"), answer.headers.get("date"), datetime.now(UTC)
        )
        return Retry(f"{said}; {text}" if text else said, after=wait)
    if answer.next_request is not None:
        text = f"a redirect to {_shown(answer.next_request.url)}, and followRedirects is false"
    said = f"{said}, expected {payload.expectation()}"
    return Fail(f"{said}; {text}" if text else said, permanent=True)


async def _kept(answer: httpx.Response) -> dict[str, Any]:
    """The answer as the job's result."""
    data, truncated = await read_bounded(answer)
    body = readable(answer, data, truncated)
    return {
        "status": answer.status_code,
        "url": str(answer.url)[:MAX_URL_CHARS],
        "headers": {
            name: answer.headers[name][:MAX_KEPT_HEADER_CHARS]
            for name in KEPT_HEADERS
            if name in answer.headers
        },
        "body": body.value,
        "bodyKind": body.kind,
        "truncated": body.truncated,
    }


def _shown(url: httpx.URL) -> str:
    """A URL for messages: without user, password and query, where secrets may stand."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:EXCERPT_CHARS]


def child_of(traceparent: str | None, job_id: UUID, span_id: str) -> str:
    """The W3C `traceparent` of the call: the job's trace, or one that all tries of the job share."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id, flags = (match[1], match[2]) if match else (job_id.hex, "01")
    return f"00-{trace_id}-{span_id}-{flags}"


def retry_after(value: str | None, date: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` (seconds or an HTTP date) asks for, at most a day; None if it asks for
    nothing that can be read, or for now. A date counts from the answer's own `Date`, if it has one."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,10}", value.strip()):
        wait = float(value)
    else:
        then, since = _moment(value), _moment(date or "") or now
        if then is None:
            return None
        wait = (then - since).total_seconds()
    return min(wait, MAX_RETRY_AFTER_SECONDS) if wait > 0 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
