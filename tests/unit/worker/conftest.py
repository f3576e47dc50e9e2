"""What the worker's tests share."""

from collections.abc import Iterator

import pytest

from tests.unit.worker.fake_job_service import FakeJobService


@pytest.fixture
def service() -> Iterator[FakeJobService]:
    """A fake job_service over real HTTP."""
    fake = FakeJobService(ttl_seconds=3.0).start()
    yield fake
    fake.stop()
