"""A database that only the product wrote is clean, whatever happened in it."""

from job_service.domain.lifecycle import EDGES
from shared.contracts.states import JobStatus as S
from tests.integration.audit.conftest import Copy
from tests.support.auditing import assert_clean

NOT_BUILT_YET = {S.WAITING, S.STOPPED}
TAKEN = "SELECT DISTINCT from_status, to_status, reason FROM job_history WHERE version > 0"


async def test_every_kind_of_history_is_clean(copy: Copy) -> None:
    """Every edge that is built, for every reason, is among them, so none of them is an offence by mistake."""
    answer = await assert_clean(copy.url)
    assert answer["rows"] == await copy.raw.fetchval("SELECT count(*) FROM job_history")
    assert answer["jobs"] == len(copy.kinds) - 1  # one was deleted
    taken = {tuple(row) for row in await copy.raw.fetch(TAKEN)}
    built = {
        (edge.source.value, edge.target.value, reason)
        for edge in EDGES
        if not {edge.source, edge.target} & NOT_BUILT_YET
        for reason in edge.reasons
    }
    assert built - taken == set()
