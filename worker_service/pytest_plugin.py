"""Fixtures for pytest, which finds them when Punctual is installed: no more of Punctual is imported before a
test asks for one.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from worker_service.testing import Clock, EffectLedger


@pytest.fixture
def job_clock() -> "Clock":
    """A clock to turn: `run_job(…, clock=job_clock)`."""
    from worker_service.testing import Clock

    return Clock()


@pytest.fixture
def effect_ledger() -> "EffectLedger":
    """A database in memory, for handlers that write through `context.once`."""
    from worker_service.testing import EffectLedger

    return EffectLedger()
