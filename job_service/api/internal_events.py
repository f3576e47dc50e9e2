"""The internal route of the event feed: what the scheduler that carries it calls. Not for clients."""

from fastapi import APIRouter, Response

from job_service.operations.feed_events import Fed, FeedEvents
from shared.contracts.events import EventsReply, EventsRequest


def routes(feed: FeedEvents) -> APIRouter:
    """The router."""
    router = APIRouter(prefix="/internal/v1", tags=["internal"])

    @router.post("/events", response_model=EventsReply, summary="The next events to publish")
    async def events(body: EventsRequest) -> Response:
        return Response(written(await feed.feed(body)), media_type="application/json")

    return router


def written(fed: Fed) -> str:
    """An EventsReply as JSON text. Its events are put in as the text that they are."""
    events = ",".join(fed.events)
    around = EventsReply(**{**fed._asdict(), "events": []}).model_dump_json(by_alias=True)
    return around.replace('"events":[]', f'"events":[{events}]', 1)
