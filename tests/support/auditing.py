"""`punctual audit` from a test."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from punctual.audit.command import run
from punctual.audit.report import document
from punctual.audit.world import Terms
from tests.support.databases import run_coroutine

TERMS = Terms(keep=timedelta(days=30), armed_again_after=timedelta(minutes=10))
"""The defaults of the settings."""
NOT_OF_CRANKED_SERVICES = frozenset({"I2", "I15"})
"""Rules that a test breaks which cranks a service by hand: it tells starts before they are due, and lets time
pass without the duties."""


async def audited(
    url: str, *, terms: Terms = TERMS, since: datetime | None = None
) -> dict[str, Any]:
    """The answer of an audit of that database, as its document."""
    return document(await run(url, "the database", terms, since, lambda done, expected: None))


async def assert_clean(url: str, *, but: Collection[str] = ()) -> dict[str, Any]:
    """No promise is broken, but for those of some rules."""
    answer = await audited(url)
    broken = [found for found in answer["violations"] if found["id"] not in but]
    assert not broken, broken
    assert answer["totals"].keys() <= set(but)
    return answer


def assert_clean_now(url: str) -> dict[str, Any]:
    """The same from code where no loop runs."""
    return run_coroutine(assert_clean(url))
