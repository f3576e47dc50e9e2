"""The way of an attempt from its due time to its handler's call, as moments of the database clock.

Each process stamps by its lower bound of that clock (R5), never by a clock of its machine. So a stamp is early
by what a reply takes on its way at most, and two stamps of different processes may stand in the wrong order by
that much: a leg of less than nothing counts as nothing.
"""

from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, Field

from shared.contracts.base import Message

PUBLISHED_HEADER, CLAIMED_HEADER = "ce_time", "ce_claimedat"
"""CloudEvents attributes of a dispatch record: when it was sent, and when the scheduler had the claim."""
MAX_STAMP_BYTES = 40


class Stamps(Message):
    """What is known of the way before the lease; null what a record did not tell."""

    claimed_at: AwareDatetime | None = None
    published_at: AwareDatetime | None = None
    received_at: AwareDatetime | None = None


class WayMs(Message):
    """Milliseconds after the due time; negative is before it. A leg is the difference of two of them."""

    claimed: float | None = Field(description="the scheduler had the claim's answer")
    published: float | None = Field(description="the scheduler sent the record")
    received: float | None = Field(description="a worker had read the record")
    leased: float | None = Field(description="the attempt was leased")
    began: float | None = Field(description="the handler was called")


def way_ms(
    due: datetime, stamps: Stamps, *, leased_at: datetime | None, started_at: datetime | None
) -> WayMs:
    """The moments counted from `due`."""

    def after(moment: datetime | None) -> float | None:
        return None if moment is None else round((moment - due).total_seconds() * 1000, 3)

    return WayMs(
        claimed=after(stamps.claimed_at),
        published=after(stamps.published_at),
        received=after(stamps.received_at),
        leased=after(leased_at),
        began=after(started_at),
    )


def header_of(name: str, moment: datetime) -> tuple[str, bytes]:
    """A record's header that says when."""
    return name, moment.isoformat(timespec="microseconds").encode()


def told_by(headers: Iterable[tuple[str, bytes]]) -> tuple[datetime | None, datetime | None]:
    """When a record's job was claimed and when it was sent; None for what cannot be read. Anybody may have
    written them: they decide only how long before its due time a job is published, within bounds (the lead),
    and whether one that comes late takes a slot or a hold slot of its worker."""
    claimed = published = None
    for name, value in headers:
        if name == PUBLISHED_HEADER:
            published = _moment(value)
        elif name == CLAIMED_HEADER:
            claimed = _moment(value)
    return claimed, published


def _moment(value: bytes | None) -> datetime | None:
    if not value or len(value) > MAX_STAMP_BYTES:
        return None
    try:
        moment = datetime.fromisoformat(value.decode())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and 2000 <= moment.year < 3000 else None
