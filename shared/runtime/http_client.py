"""How scheduler and worker ask job_service: one outstanding request of each kind, every one with a limit.

A reply that did not come means *unknown* (DESIGN section 4): the caller asks again with the same ids. So
there are two kinds of failure only, and no retry in here.
"""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from shared.contracts.base import Message
from shared.runtime import failpoints
from shared.runtime.kept_http import BrokenAnswer, KeptHttp

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
        self._http = KeptHttp(base_url)

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
                status, answer = await self._http.post(
                    path, body.model_dump_json(by_alias=True).encode(), headers or {}
                )
            failpoints.hit("call.answered", path)
        except (TimeoutError, BrokenAnswer, OSError) as error:
            raise NoAnswer(f"{path}: {error!r}") from error
        if status >= 500 or status == 429:
            raise NoAnswer(f"{path}: HTTP {status}")
        if status >= 400:
            raise Refused(f"{path}: HTTP {status} {answer[:300].decode(errors='replace')}")
        try:
            return reply.model_validate_json(answer)
        except ValidationError as error:
            raise NoAnswer(f"{path}: unreadable reply: {error.errors()[0]['msg']}") from error

    async def close(self) -> None:
        """Close the connections."""
        self._http.close()
