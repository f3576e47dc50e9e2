"""HTTP_CALL: one HTTP request. What deserves another try is tried again, all else fails for good.

It may be sent more than once (an answer that is lost looks like a call that is), so every try carries the
same `Idempotency-Key`, and a fencing token that rises with each try.

A payload names secrets and never holds them. They are looked up right before the call, and blacked out of all
that is left of it: result and error.
"""

import asyncio
import time
from contextlib import aclosing
from typing import Any

import httpx

from worker_service.handler_api import (
    AddressRefused,
    Context,
    Fail,
    Redactor,
    Retry,
    SecretProblem,
    job_type,
)
from worker_service.handlers.http_call.answering import failure, kept
from worker_service.handlers.http_call.payload import HttpCall
from worker_service.handlers.http_call.sending import build, send, shown


@job_type("HTTP_CALL", payload=HttpCall, timeout_seconds=300)
async def http_call(payload: HttpCall, context: Context) -> dict[str, Any]:
    """Call, and keep the answer if it is the one expected."""
    place = f"{payload.method} {shown(httpx.URL(payload.url))}"
    secrets = await _secrets(payload, context, place)
    redactor = Redactor(secrets)
    try:
        return await _call(payload, context, secrets, redactor, place)
    except Fail as failed:
        problem = failed
    except TimeoutError:
        problem = Fail(f"{place}: no answer in {payload.timeout_seconds:g} s")
    except AddressRefused as error:
        problem = Fail(f"{place}: {error}", permanent=True)
    except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        problem = Fail(f"{place}: this cannot be sent: {error}", permanent=True)
    except httpx.TransportError as error:
        problem = Fail(f"{place}: {error or type(error).__name__}")
    except Exception as error:
        problem = Fail(f"{place}: {type(error).__name__}: {error}")
    # Outside of `except`, so that no exception with a secret in its text hangs on to this one.
    raise _without_secrets(problem, redactor)


def _without_secrets(problem: Fail, redactor: Redactor) -> Fail:
    text = redactor.text(str(problem))
    if isinstance(problem, Retry):
        return Retry(text, after=problem.retry_after_seconds)
    return Fail(text, permanent=problem.permanent)


async def _call(
    payload: HttpCall,
    context: Context,
    secrets: dict[str, str],
    redactor: Redactor,
    place: str,
) -> dict[str, Any]:
    began = time.monotonic()
    async with asyncio.timeout(payload.timeout_seconds), context.http.client() as client:
        request = build(client, payload, context, secrets)
        answer, hops = await send(client, request, payload)
        async with aclosing(answer):
            if not payload.expects(answer.status_code):
                raise await failure(answer, payload, place, redactor)
            result = await kept(answer, hops, redactor)
    return {**result, "tookMs": round((time.monotonic() - began) * 1_000)}


async def _secrets(payload: HttpCall, context: Context, place: str) -> dict[str, str]:
    """What the payload names, by name. One that is missing may be there at the next try."""
    names = payload.secrets()
    if not names:
        return {}
    host = httpx.URL(payload.url).raw_host.decode()

    def read() -> dict[str, str]:
        return {name: context.http.secrets.read(name, host) for name in names}

    try:
        return await asyncio.to_thread(read)
    except SecretProblem as problem:
        raise Fail(f"{place}: {problem}", permanent=problem.lasting) from None
