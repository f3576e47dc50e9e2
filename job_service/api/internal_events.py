"""The internal route of the event feed: what the scheduler that carries it calls. Not for clients."""

from fastapi import APIRouter, Response

from job_service.api.internal import said
from job_service.operations.feed_events import FeedEvents
from shared.contracts.events import EventsReply, EventsRequest


def routes(feed: FeedEvents) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"])

    @router.post("/events", response_model=EventsReply, summary="The next events to publish")
    async def events(body: EventsRequest) -> Response:
        return said(await feed.feed(body))

    return router
