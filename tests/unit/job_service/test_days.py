"""Days as ranges of job ids."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from job_service.domain.days import Day, day_of_suffix
from shared.kernel.ids import first_id_of, new_id

dates = st.dates(date(1970, 1, 1), date(9998, 12, 31))


@given(dates, st.integers(0, 86_399_999))
def test_an_id_made_that_day_lies_in_its_range_and_in_no_other(day: date, millis: int) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    made = first_id_of(int(midnight.timestamp() * 1000) + millis)
    last = UUID(int=made.int + (1 << 80) - 1)
    assert Day(day).first <= made < last < Day(day).end
    assert Day(day).end == Day(day + timedelta(days=1)).first


@given(dates)
def test_the_name_of_a_partition_leads_back_to_its_day(day: date) -> None:
    assert day_of_suffix(Day(day).suffix) == Day(day)
    assert len(Day(day).suffix) == 8


def test_an_id_made_now_lies_in_today() -> None:
    before = datetime.now(UTC).date()
    made = new_id()
    days = {before, datetime.now(UTC).date()}
    assert any(Day(day).first <= made < Day(day).end for day in days)
