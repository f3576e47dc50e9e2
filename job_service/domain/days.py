"""History and executions are cut by job id, and a UUIDv7 is ordered by time: so a day is a range of ids."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from shared.kernel.ids import first_id_of


@dataclass(frozen=True)
class Day:
    """One UTC day and the ids made in it: `first` inclusive, `end` exclusive."""

    date: datetime.date

    @property
    def first(self) -> UUID:
        """The smallest id of the day."""
        return first_id_of(self._midnight_ms(self.date))

    @property
    def end(self) -> UUID:
        """The smallest id of the day after."""
        return first_id_of(self._midnight_ms(self.date + datetime.timedelta(days=1)))

    @property
    def suffix(self) -> str:
        """For names of partitions: `20261121`."""
        return f"{self.date:%Y%m%d}"

    @staticmethod
    def _midnight_ms(day: datetime.date) -> int:
        return int(
            datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp() * 1000
        )


def day_of_id(job_id: UUID) -> Day:
    """The day on which an id was made."""
    made = datetime.datetime.fromtimestamp((job_id.int >> 80) / 1000, datetime.UTC)
    return Day(made.date())


def day_of_suffix(suffix: str) -> Day:
    """The day that a partition's name ends with."""
    return Day(datetime.datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=datetime.UTC).date())
