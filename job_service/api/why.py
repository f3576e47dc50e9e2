"""Public route that says why a job is not running, or what it is doing."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic.alias_generators import to_camel

from job_service.api.documented import Shape, problems
from job_service.api.replies import JobId, success
from job_service.domain.why import Why
from job_service.operations.explain_job import ExplainJob
from shared.contracts.base import PublicTime, rfc3339


class PublicWhy(Shape):
    """The reason that holds. Slugs are stable; which facts there are depends on the reason."""

    state: str
    reason: str
    text: str
    since: PublicTime | None
    next_at: PublicTime | None
    facts: dict[str, Any]


class WhyReply(Shape):
    """The reply."""

    success: Literal[True]
    message: str
    data: PublicWhy


def public_why(why: Why) -> dict[str, Any]:
    """The answer in its public form."""
    return PublicWhy(
        state=why.state.value,
        reason=why.reason,
        text=why.text,
        since=why.since,
        next_at=why.next_at,
        facts={to_camel(name): _shown(value) for name, value in why.facts.items()},
    ).model_dump(mode="json", by_alias=True)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return str(value) if isinstance(value, UUID) else value


def routes(explain: ExplainJob) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @router.get(
        "/{job_id}/why",
        summary="Why a job is not running, or what it is doing",
        responses={200: {"model": WhyReply}, **problems(404)},
    )
    async def why_job(job_id: JobId) -> Response:
        why = await explain.explain(job_id)
        return success(why.text, public_why(why))

    return router
