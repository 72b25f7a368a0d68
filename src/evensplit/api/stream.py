"""Events while they come in, as server-sent events. Not here: how the newest are found (`web.live`)."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from litestar import Request, get
from litestar.response.sse import ServerSentEvent, ServerSentEventMessage

from evensplit.api.events import shown
from evensplit.storage.base import StoredEvent
from evensplit.web.live import Live

_encode = msgspec.json.Encoder().encode


@get(
    "/v1/events/stream",
    summary="Events as they come in",
    description="Server-sent events: `event` is one event as in `GET /v1/events`, `skipped` says how many more came "
    "at once than are shown. Both parameters choose among them; a comment every 15 seconds keeps the line open.",
    media_type="text/event-stream",
    tags=["Events"],
)
async def stream(
    request: Request[Any, Any, Any], user_id: str | None = None, event_type: str | None = None
) -> ServerSentEvent:
    def wanted(event: StoredEvent) -> bool:
        return user_id in (None, event.user_id) and event_type in (None, event.event_type)

    return ServerSentEvent(messages(request.app.state.services.live, wanted))


async def messages(live: Live, wanted: Callable[[StoredEvent], bool]) -> AsyncIterator[ServerSentEventMessage]:
    """What is sent to one listener."""
    async for news in live.listen():
        chosen = [event for event in news.events if wanted(event)]
        for event in chosen:
            yield ServerSentEventMessage(_encode(shown(event)), event="event", id=event.id)
        if news.skipped:
            yield ServerSentEventMessage(_encode({"count": news.skipped}), event="skipped")
        if not (chosen or news.skipped):
            yield ServerSentEventMessage(None, comment="listening")


HANDLERS = [stream]
