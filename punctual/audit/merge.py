"""Puts stories together out of streams that are ordered by job id. Holds one page of each stream and one
story."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from punctual.audit.story import Story

Page = Callable[[], Awaitable[Sequence[Any]]]
"""The next rows of a stream; none at its end."""

T = TypeVar("T")


class Stream:
    """One table in the order of job ids."""

    def __init__(self, next_page: Page) -> None:
        self._next_page = next_page
        self._rows: Sequence[Any] = ()
        self._at = 0
        self.head: UUID | None = None
        """The job of the next row; None at the end."""

    async def turn(self) -> None:
        """Read the next page."""
        self._rows, self._at = await self._next_page(), 0
        self.head = self._rows[0]["job_id"] if self._rows else None

    async def take(self, job_id: UUID) -> list[Any]:
        """The rows of that job, if it is at the head."""
        taken: list[Any] = []
        while self.head == job_id:
            rows, at = self._rows, self._at + 1
            while at < len(rows) and rows[at]["job_id"] == job_id:
                at += 1
            taken += rows[self._at : at]
            if at == len(rows):
                await self.turn()
            else:
                self._at, self.head = at, rows[at]["job_id"]
        return taken


async def stories(pages: Mapping[str, Page]) -> AsyncIterator[Story]:
    """Every job of any stream, in the order of ids. `pages` by the names of `Story`, `job` and the others."""
    streams = {name: Stream(page) for name, page in pages.items()}
    for stream in streams.values():
        await stream.turn()
    while heads := [stream.head for stream in streams.values() if stream.head is not None]:
        job_id = min(heads)
        story = Story(job_id)
        for name, stream in streams.items():
            if stream.head == job_id:
                rows = await stream.take(job_id)
                setattr(story, name, rows if name in _MANY else rows[0])
        yield story


_MANY = frozenset({"history", "executions"})
"""The others have the job's id as their key."""
