"""Pages of several processes become one."""

from pathlib import Path

from job_service.page_of_all import PageOfAll, merged

ZERO = b"""# HELP a_total What.
# TYPE a_total counter
a_total{kind="}{"} 3.0
# HELP shared From the database.
# TYPE shared gauge
shared{status="x"} 7.0
"""
ONE = b"""# HELP a_total What.
# TYPE a_total counter
a_total 4.0
# HELP shared From the database.
# TYPE shared gauge
shared{status="x"} 1.0
# HELP only_there Seldom.
# TYPE only_there gauge
only_there 1.0
"""


def test_each_series_says_its_process_and_what_is_common_stands_once() -> None:
    assert merged({1: ONE, 0: ZERO}, first=0, common={b"shared"}) == (
        b"# HELP a_total What.\n# TYPE a_total counter\n"
        b'a_total{process="0",kind="}{"} 3.0\na_total{process="1"} 4.0\n'
        b"# HELP shared From the database.\n# TYPE shared gauge\n"
        b'shared{status="x"} 7.0\n'
        b"# HELP only_there Seldom.\n# TYPE only_there gauge\n"
        b'only_there{process="1"} 1.0\n'
    )


async def test_a_process_that_is_away_is_left_out_and_one_that_came_back_is_in(
    tmp_path: Path,
) -> None:
    async def zero() -> bytes:
        return ZERO

    async def one() -> bytes:
        return ONE

    asked = PageOfAll(tmp_path, 0, 2, whole=zero, own=zero, common=["shared"])
    await asked.start()
    assert b'process="1"' not in await asked.page()
    for _ in range(2):  # the second finds the socket that the first left behind
        other = PageOfAll(tmp_path, 1, 2, whole=one, own=one, common=["shared"])
        await other.start()
        page = await asked.page()
        assert b'a_total{process="1"} 4.0' in page
        assert b'shared{status="x"} 7.0' in page
        other.stop()
    asked.stop()
