"""A service of chosen settings whose books are checked when the block ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.auditing import NOT_OF_CRANKED_SERVICES, assert_clean
from tests.support.books import assert_counts, assert_histories, assert_one_narrow_row
from tests.support.job_service import Service, open_service


@asynccontextmanager
async def checked_service(url: str, **sections: Any) -> AsyncIterator[Service]:
    """As `open_service`. At the end every narrow row is in its place and every history complete, and the
    audit finds nothing."""
    async with open_service(url, **sections) as service:
        yield service
        await assert_one_narrow_row(service.raw)
        await assert_histories(service.raw)
        await assert_counts(service.raw)
        await assert_clean(service.url, but=NOT_OF_CRANKED_SERVICES)
