"""How scheduler and worker ask job_service: one outstanding request of each kind, every one with a limit.

A reply that did not come means *unknown* (DESIGN section 4): the caller asks again with the same ids. So
there are two kinds of failure only, and no retry in here.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import httpx
from pydantic import ValidationError

from shared.contracts.base import Message
from shared.runtime import failpoints

Reply = TypeVar("Reply", bound=Message)


class CallFailed(Exception):
    """A call to job_service brought no usable answer.

    CallFailed
     +- NoAnswer   nothing definite came: repeat with the same ids
     +- Refused    job_service said no to the request itself: a bug or a version mismatch
    """


class NoAnswer(CallFailed):
    """Time limit, connection lost, 429 or 5xx: whether the call took effect is unknown."""


class Refused(CallFailed):
    """A 4xx: repeating the same bytes will not help."""


class InternalClient:
    """Calls of one kind to job_service. Each instance has a connection of its own, so that a long-poll
    never stands in the way of a renewal."""

    def __init__(self, base_url: str, *, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(timeout_seconds),
            limits=httpx.Limits(max_connections=4, keepalive_expiry=60),
            trust_env=False,
        )

    async def call(
        self,
        path: str,
        body: Message,
        reply: type[Reply],
        *,
        extra_seconds: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """POST `body` and read the reply; `extra_seconds` is what a long-poll may wait on top.

        Raises:
            NoAnswer: unknown outcome.
            Refused: a 4xx.
        """
        limit = self._timeout + extra_seconds
        try:
            async with asyncio.timeout(limit):
                response = await self._http.post(
                    path,
                    content=body.model_dump_json(by_alias=True),
                    headers={"content-type": "application/json", **(headers or {})},
                    timeout=limit,
                )
            failpoints.hit("call.answered", path)
        except (TimeoutError, httpx.HTTPError, OSError) as error:
            raise NoAnswer(f"{path}: {error!r}") from error
        if response.status_code >= 500 or response.status_code == 429:
            raise NoAnswer(f"{path}: HTTP {response.status_code}")
        if response.status_code >= 400:
            raise Refused(f"{path}: HTTP {response.status_code} {response.text[:300]}")
        try:
            return reply.model_validate_json(response.content)
        except ValidationError as error:
            raise NoAnswer(f"{path}: unreadable reply: {error.errors()[0]['msg']}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
