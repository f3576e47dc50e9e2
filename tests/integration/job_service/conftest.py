"""A job_service with a database of its own, whose books are checked, and audited, when the test is over."""

from collections.abc import AsyncIterator

import pytest

from tests.support.auditing import NOT_OF_CRANKED_SERVICES, assert_clean
from tests.support.books import assert_counts, assert_histories, assert_one_narrow_row
from tests.support.given import Actors
from tests.support.job_service import Service, open_service


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    """One replica. At the end every history is complete and every narrow row in its place (R6)."""
    async with open_service(database_url) as running:
        yield running
        await assert_one_narrow_row(running.raw)
        await assert_histories(running.raw)
        await assert_counts(running.raw)
        await assert_clean(running.url, but=NOT_OF_CRANKED_SERVICES)


@pytest.fixture
async def actors(service: Service) -> Actors:
    """The same with one scheduler and one worker."""
    return Actors(service, await service.scheduler(), await service.worker())
