"""The common form of everything on the wire: camelCase, strict, frozen, no unknown fields."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as every public reply writes times: `2026-11-21T10:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


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
