"""Stories out of ordered streams, whatever the sizes of pages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from punctual.audit.merge import Page, stories

JOBS = [UUID(int=n) for n in range(1, 6)]


def _paged(rows: Sequence[dict[str, Any]], size: int) -> Page:
    left = list(rows)

    async def next_page() -> Sequence[Any]:
        page = left[:size]
        del left[:size]
        return page

    return next_page


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_each_row_comes_to_its_job(size: int) -> None:
    """Jobs without history, history without a job, and many rows of one."""
    history = [{"job_id": job, "version": v} for job in JOBS[1:4] for v in range(3)]
    pages = {
        "job": _paged([{"job_id": job} for job in JOBS[:3]], size),
        "history": _paged(history, size),
        "due": _paged([{"job_id": JOBS[4]}], size),
    }
    found = {story.job_id: story async for story in stories(pages)}
    assert list(found) == JOBS
    assert [story.job is not None for story in found.values()] == [True] * 3 + [False] * 2
    assert [len(story.history) for story in found.values()] == [0, 3, 3, 3, 0]
    assert [row["version"] for row in found[JOBS[2]].history] == [0, 1, 2]
    assert found[JOBS[4]].due == {"job_id": JOBS[4]}


async def test_nothing_at_all() -> None:
    assert [story async for story in stories({"job": _paged([], 1)})] == []
