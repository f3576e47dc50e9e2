"""The common form of everything on the wire: camelCase, strict, frozen, no unknown fields."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel


@lru_cache(maxsize=1_000)
def _second(year: int, month: int, day: int, hour: int, minute: int, second: int) -> str:
    """Many times of a reply are in one second, and Python takes long to write a time."""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as every public reply writes times: `2026-11-21T10:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    second = _second(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )
    return f"{second}.{moment.microsecond // 1000:03}Z"


class Message(BaseModel):
    """A message between our own processes. Times keep microseconds: lateness is judged by them."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )


PublicTime = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A time in a public reply."""

AttemptNumber = Annotated[int, Field(ge=1, le=2_147_483_647)]
"""Which attempt of its job; the first is 1."""

JobVersion = Annotated[int, Field(ge=0, le=2_147_483_647)]
"""How often the job was changed; 0 when it was created."""

JobTypeName = Annotated[str, Field(min_length=1, max_length=100)]
"""The name of a job type, known here or not."""
