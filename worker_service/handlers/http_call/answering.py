"""What HTTP_CALL makes of an answer: the result of the job, or a failure."""

import asyncio
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx

from worker_service.handler_api import (
    MAX_RESULT_BYTES,
    Fail,
    Redactor,
    Retry,
    kept_body,
    read_unpacked,
)
from worker_service.handlers.http_call.payload import MAX_CALL_SECONDS, MAX_URL_CHARS, HttpCall
from worker_service.handlers.http_call.sending import shown

MAX_KEPT_HEADER_CHARS = 500
MAX_RETRY_AFTER_SECONDS = 86_400.0
EXCERPT_BYTES = 2_000
EXCERPT_CHARS = 500
EXCERPT_SECONDS = 2.0
"""How long the body of an answer that is a failure anyway is waited for."""
REASON_CHARS = 100
ROOM_BYTES = 64
"""Of a result beside its parts: the name of the body and what stands around it."""

KEPT_HEADERS = (
    "content-type", "content-length", "content-encoding", "content-location", "date", "etag",
    "last-modified", "location", "x-request-id",
)  # fmt: skip


async def failure(
    answer: httpx.Response, payload: HttpCall, place: str, redactor: Redactor
) -> Fail:
    """What an answer with another status means."""
    text = ""
    with suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(EXCERPT_SECONDS):
            text = await _excerpt(answer, redactor)
    status = answer.status_code
    said = f"{place}: {status} {answer.reason_phrase[:REASON_CHARS]}".strip()
    if payload.retries(status):
        wait = retry_after(
            answer.headers.get("retry-after"), answer.headers.get("date"), datetime.now(UTC)
        )
        return Retry(f"{said}; {text}" if text else said, after=wait)
    if answer.next_request is not None:
        text = f"a redirect to {shown(answer.next_request.url)}, and followRedirects is false"
    said = f"{said}, expected {payload.expectation()}"
    return Fail(f"{said}; {text}" if text else said, permanent=True)


async def kept(answer: httpx.Response, hops: int, redactor: Redactor) -> dict[str, Any]:
    """The answer as the job's result, without secrets, and not larger than a result may be."""
    body = await read_unpacked(answer, MAX_RESULT_BYTES)
    head = {
        "status": answer.status_code,
        "url": redactor.text(str(answer.url))[:MAX_URL_CHARS],
        "headers": {
            name: redactor.text(answer.headers[name])[:MAX_KEPT_HEADER_CHARS]
            for name in KEPT_HEADERS
            if name in answer.headers
        },
        "redirects": hops,
        "tookMs": int(MAX_CALL_SECONDS * 1_000),
        "bodyKind": "withheld",
        "truncated": body.truncated,
    }
    room = MAX_RESULT_BYTES - ROOM_BYTES - len(json.dumps(head, ensure_ascii=False).encode())
    # In a thread, because looking for many secrets in all of it may take long.
    look = partial(kept_body, answer, body, max_bytes=room, redactor=redactor)
    shown_body = await asyncio.to_thread(look) if redactor else look()
    return {
        **head,
        "body": shown_body.value,
        "bodyKind": shown_body.kind,
        "truncated": shown_body.truncated,
    }


async def _excerpt(answer: httpx.Response, redactor: Redactor) -> str:
    body = await read_unpacked(answer, EXCERPT_BYTES)
    if redactor and not body.plain:
        return ""
    data = redactor.data(body.data, cut=body.truncated)
    return redactor.text(data.decode(errors="replace"))[:EXCERPT_CHARS].strip()


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
