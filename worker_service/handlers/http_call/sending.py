"""The request of HTTP_CALL, and those that redirects make of it."""

import re
import secrets as randomness
from collections.abc import Iterable, Mapping
from uuid import UUID

import httpx

from worker_service.handler_api import Context, Fail
from worker_service.handlers.http_call.filling import Filler, has_secret, places_of
from worker_service.handlers.http_call.payload import (
    FENCING_TOKEN,
    VALUE,
    HttpCall,
    checked_target,
)

MAX_REDIRECTS = 3
MAX_SENT_HEADER_CHARS = 16_384
"""Of one header, its places filled."""
MAX_SENT_BYTES = 1_048_576
"""Of a body, its places filled."""
SHOWN_CHARS = 500
KEPT_OVER_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
"""Headers of the payload that a redirect to another origin still gets; others may be secrets."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def build(
    client: httpx.AsyncClient, payload: HttpCall, context: Context, secrets: Mapping[str, str]
) -> httpx.Request:
    """The first request, all places filled.

    Raises:
        Fail: what was filled in makes it one that cannot be sent.
    """
    key = context.idempotency_key("http-call")
    filler = Filler(places_of(context, key) if payload.templates else None, secrets)
    content, content_type = payload.content(filler)
    if content is not None and len(content) > MAX_SENT_BYTES:
        raise Fail(
            f"the body has {len(content)} bytes, at most {MAX_SENT_BYTES} are sent", permanent=True
        )
    headers = httpx.Headers(
        {"User-Agent": "Punctual", "Accept-Encoding": "identity", "Idempotency-Key": key}
    )
    if content_type:
        headers["Content-Type"] = content_type
    headers.update(
        {name: _fit(name, filler.text(value)) for name, value in payload.headers.items()}
    )
    headers["traceparent"] = child_of(context.traceparent, context.job_id, randomness.token_hex(8))
    headers[FENCING_TOKEN] = context.token
    return client.build_request(
        payload.method, filler.url(payload.url), headers=headers, content=content
    )


async def send(
    client: httpx.AsyncClient, request: httpx.Request, payload: HttpCall
) -> tuple[httpx.Response, int]:
    """The answer with its body unread, and how many redirects led to it.

    Raises:
        Fail: a redirect may not be followed, or is one too many.
    """
    for hops in range(MAX_REDIRECTS + 1):
        answer = await _sent(client, request)
        if not payload.follow_redirects or answer.next_request is None:
            return answer, hops
        await answer.aclose()
        request = _redirected(request, answer.next_request, payload)
    raise Fail(f"{shown(request.url)} is one redirect more than {MAX_REDIRECTS}", permanent=True)


async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    try:
        return await client.send(request, stream=True)
    except httpx.RemoteProtocolError as error:
        # httpx reads the `Location` of every redirect, whether it is followed or not.
        if "in location header" in str(error):
            raise Fail(f"a redirect to what is no URL: {error}", permanent=True) from None
        raise


def shown(url: httpx.URL) -> str:
    """A URL for messages: without user, password and query, where secrets may stand."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))[:SHOWN_CHARS]


def child_of(traceparent: str | None, job_id: UUID, span_id: str) -> str:
    """The W3C `traceparent` of the call: the job's trace, or one that all tries of the job share."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id, flags = (match[1], match[2]) if match else (job_id.hex, "01")
    return f"00-{trace_id}-{span_id}-{flags}"


def _fit(name: str, value: str) -> str:
    """The value of a header, if it still is one."""
    if len(value) > MAX_SENT_HEADER_CHARS or not re.fullmatch(VALUE, value):
        raise Fail(
            f"the header {name} cannot be sent: what is filled into it must be printable ASCII, and not "
            f"longer than {MAX_SENT_HEADER_CHARS} characters in all"
        )
    return value


def _redirected(before: httpx.Request, after: httpx.Request, payload: HttpCall) -> httpx.Request:
    """The next request, without what another origin should not see."""
    try:
        checked_target(after.url)
    except ValueError as error:
        raise Fail(f"a redirect to {shown(after.url)}: {error}", permanent=True) from None
    if before.url.scheme == "https" and after.url.scheme == "http":
        raise Fail(f"a redirect from https to {shown(after.url)} is not followed", permanent=True)
    # Those of the answer, which httpx keeps for one call.
    after.headers.pop("Cookie", None)
    if _origin(before.url) != _origin(after.url):
        if has_secret(payload.body) and after.method == before.method:
            raise Fail(
                f"a redirect to {shown(after.url)} is not followed: the body holds a secret that is not "
                "for another host",
                permanent=True,
            )
        for name in _not_for_others(payload.headers.items()):
            after.headers.pop(name, None)
    return after


def _not_for_others(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [n for n, value in headers if n.lower() not in KEPT_OVER_ORIGINS or has_secret(value)]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
