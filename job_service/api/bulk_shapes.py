"""The public shapes of bulk actions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from job_service.api.dead_letters import ReasonFilter
from job_service.api.documented import Shape
from job_service.api.list_jobs import DEFAULT_PAGE, MAX_PAGE
from job_service.api.models import (
    MAX_NAME_CHARS,
    Labels,
    PublicJob,
    RequestModel,
    RequestTime,
    Text,
)
from job_service.domain.bulk import Bulk, BulkItem, BulkState, BulkVerb
from job_service.domain.letters import REASONS, LetterWish
from shared.contracts.base import PublicTime, rfc3339
from shared.contracts.cursors import MAX_CURSOR_CHARS


class LetterFilter(RequestModel):
    """Which dead letters; all that is given must hold, and nothing given is all of them. Both ends of a range
    belong to it."""

    job_type: Text | None = Field(default=None, min_length=1, max_length=100)
    reason: ReasonFilter | None = Field(
        default=None, max_length=40, description=f"Why it failed for good: {', '.join(REASONS)}."
    )
    name: Text | None = Field(
        default=None, min_length=1, max_length=MAX_NAME_CHARS, description="How the name begins."
    )
    labels: Labels = Field(default_factory=dict)
    created_from: RequestTime | None = None
    created_to: RequestTime | None = None
    finished_from: RequestTime | None = None
    finished_to: RequestTime | None = None

    def wish(self) -> LetterWish:
        """The filter."""
        return LetterWish(**{name: getattr(self, name) for name in type(self).model_fields})


class BeginBody(RequestModel):
    """A bulk action over the dead letters that match when it begins. `dryRun`: only find them. `mostJobs`: so
    many at most, the newest."""

    action: Annotated[BulkVerb, Field(strict=False)]
    filter: LetterFilter
    dry_run: bool = False
    most_jobs: int | None = Field(default=None, ge=1)


class PublicBulk(Shape):
    """A bulk action. It matches first and then deals with each job that `matched`: `done` (retried, abandoned),
    `skipped` (it had changed, was deleted, or stayed locked), `failed` (the database refused it); `left` are
    those that it has not come to, also when it was stopped."""

    bulk_action_id: UUID
    action: BulkVerb
    filter: LetterFilter
    dry_run: bool
    most_jobs: int
    state: BulkState
    matched: int
    done: int
    skipped: int
    failed: int
    left: int
    created_at: PublicTime
    updated_at: PublicTime
    finished_at: PublicTime | None


class BulkReply(Shape):
    """One action."""

    success: Literal[True]
    message: str
    data: PublicBulk


class BulkItems(Shape):
    """A page."""

    items: list[PublicBulk]
    next_cursor: str | None


class BulkPageReply(Shape):
    """The reply of the list."""

    success: Literal[True]
    message: str
    data: BulkItems


class BulkPage(BaseModel):
    """Where the page begins, and how long it is."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    limit: int = Field(default=DEFAULT_PAGE, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CURSOR_CHARS,
        description="`nextCursor` of the page before.",
    )


class ReportQuery(BulkPage):
    """And of which outcome the jobs are."""

    outcome: Literal["done", "skipped", "failed", "left"] | None = None


class ReportItem(Shape):
    """What became of one job. `version` is the one at which it matched; `outcome` is null where the action has
    not come to it; `note` says why it was skipped (`changed`, `deleted`, `locked`) or failed."""

    job_id: UUID
    version: int
    outcome: Literal["done", "skipped", "failed"] | None
    note: str | None


class ReportLine(ReportItem):
    """A line of an export: `job` as it is now, null if it was deleted. `cursor` goes on after it."""

    job: PublicJob | None
    cursor: str


class ReportItems(Shape):
    """A page."""

    items: list[ReportItem]
    next_cursor: str | None


class ReportReply(Shape):
    """The reply of the report."""

    success: Literal[True]
    message: str
    data: ReportItems


def public_bulk(bulk: Bulk) -> dict[str, Any]:
    """A bulk action in its public form."""
    dealt_with = bulk.done + bulk.skipped + bulk.failed
    return {
        "bulkActionId": str(bulk.id),
        "action": bulk.verb,
        "filter": _public_filter(bulk.wish),
        "dryRun": bulk.dry_run,
        "mostJobs": bulk.most_jobs,
        "state": bulk.state,
        "matched": bulk.matched,
        "done": bulk.done,
        "skipped": bulk.skipped,
        "failed": bulk.failed,
        "left": bulk.matched - dealt_with,
        "createdAt": rfc3339(bulk.created_at),
        "updatedAt": rfc3339(bulk.updated_at),
        "finishedAt": None if bulk.finished_at is None else rfc3339(bulk.finished_at),
    }


def public_item(item: BulkItem) -> dict[str, Any]:
    """A line of the report in its public form."""
    return {
        "jobId": str(item.job_id),
        "version": item.version,
        "outcome": item.outcome,
        "note": item.note,
    }


def _public_filter(wish: LetterWish) -> dict[str, Any]:
    """What was asked for, as it was written."""
    return {
        to_camel(name): rfc3339(value) if isinstance(value, datetime) else value
        for name, value in vars(wish).items()
        if value
    }
