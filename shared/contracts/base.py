"""The common form of everything on the wire: camelCase, strict, frozen, no unknown fields."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as every public reply writes times: `2026-11-21T10:00:00.000Z`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


class Message(BaseModel):
    """A message between our own processes. Times keep microseconds: lateness is judged by them."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )


PublicTime = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]
"""A time in a public reply."""
