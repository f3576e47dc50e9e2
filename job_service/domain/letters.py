"""Which dead letters are meant, by a list, an export or a bulk action.

A dead letter is a job that FAILED for good: settled, with no other try to come.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from job_service.domain.job import Job
from job_service.domain.lifecycle import EDGES
from job_service.domain.listed import Wish
from shared.contracts.states import JobStatus

REASONS: tuple[str, ...] = tuple(
    sorted(
        {
            reason
            for edge in EDGES
            if edge.target is JobStatus.FAILED and edge.source is not JobStatus.FAILED
            for reason in edge.reasons
        }
    )
)
"""Why a job may have become a dead letter."""


@dataclass(frozen=True)
class LetterWish:
    """What dead letters are narrowed to; None and empty narrow nothing.

    Both ends of a range of times belong to it, at the millisecond that replies show. All of `labels` must hold.
    """

    job_type: str | None = None
    reason: str | None = None
    name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    created_from: datetime | None = None
    created_to: datetime | None = None
    finished_from: datetime | None = None
    finished_to: datetime | None = None

    @property
    def digest(self) -> bytes:
        """The same for the same wish; what a cursor is bound to."""
        return sha256(f"dead letters {self.to_json()}".encode()).digest()

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The ids of its jobs are not smaller than the first and smaller than the second."""
        range_of_creation = Wish(created_from=self.created_from, created_to=self.created_to)
        return range_of_creation.first_id, range_of_creation.end_id

    def to_json(self) -> str:
        """As it is kept."""
        said = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in vars(self).items()
            if value
        }
        return json.dumps(said, sort_keys=True)

    @staticmethod
    def from_kept(said: Mapping[str, Any]) -> "LetterWish":
        """What was kept."""
        times = ("created_from", "created_to", "finished_from", "finished_to")
        read: dict[str, Any] = {
            k: datetime.fromisoformat(v) if k in times else v for k, v in said.items()
        }
        return LetterWish(**read)


@dataclass(frozen=True)
class Letter:
    """A dead letter, and why it became one; None where older code settled it while a deploy ran."""

    job: Job
    reason: str | None


@dataclass(frozen=True)
class LetterPage:
    """Some dead letters, newest first; the next page has those with ids below `below`, None: there are no
    more."""

    letters: list[Letter]
    below: UUID | None
