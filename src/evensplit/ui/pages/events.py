"""What was captured: events as they come in, a list of them with filters, one event, and what was refused."""

from collections.abc import AsyncIterator

import msgspec

from evensplit import clock
from evensplit.errors import NotFound
from evensplit.ingest.reasons import NOTED, REFUSED
from evensplit.model.instant import rfc3339
from evensplit.query import events
from evensplit.storage.base import StoredEvent
from evensplit.storage.catalog.rejects import NEWEST
from evensplit.ui.replies import Reply, link, stream
from evensplit.ui.visit import Visit
from evensplit.web.live import Live

PAGE = 50
LONGEST = 300  # characters of the properties in a list
FILTERS = ("event_type", "user_id", "since", "until")
MEANINGS = {**REFUSED, **NOTED, "duplicate": "an event with this message_id is stored already"}

_encode = msgspec.json.Encoder().encode


class Shown(msgspec.Struct, frozen=True):
    """An event in a list; `created_at` as RFC 3339, `properties` their text, cut."""

    id: int
    event_type: str
    user_id: str | None
    session_id: str | None
    properties: str
    created_at: str


async def page(visit: Visit) -> Reply:
    """The newest first; which ones stands in the address."""
    query = visit.query
    asked = {name: text for name in FILTERS if (text := query.text(name).strip())}
    filter_ = events.EventFilter(
        event_type=asked.get("event_type"),
        user_id=asked.get("user_id"),
        since=asked.get("since"),
        until=asked.get("until"),
        limit=PAGE,
        cursor=query.text("cursor") or None,
    )
    found, following = await listed(visit, filter_)
    older = link("/events", **asked, cursor=following) if following else ""
    stream_of = {name: text for name, text in asked.items() if name in FILTERS[:2]}
    return visit.page(
        "events.html",
        found=found,
        asked={name: asked.get(name, "") for name in FILTERS},
        older=older,
        newest=link("/events", **asked) if query.text("cursor") else "",
        streamed=link("/events/stream", **stream_of),
    )


async def one(visit: Visit) -> Reply:
    """One event as it stands in the record, digit for digit."""
    text = visit.parts["id"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    found = await visit.services.store.events.by_id([number])
    if not found:
        raise NotFound(f"no event has the id {text[:40]}")
    return visit.page("event.html", event=_shown(found[0]), text=exact(found[0]))


async def rejects(visit: Visit) -> Reply:
    """What was refused or noted, newest first, and how often each reason came up."""
    reason = visit.query.text("reason") or None
    before = visit.query.whole("before") if visit.query.text("before") else NEWEST
    found = visit.catalog.rejects.page(before, reason, PAGE)
    asked = {} if reason is None else {"reason": reason}
    older = link("/events/rejects", **asked, before=str(found[-1].id)) if len(found) == PAGE else ""
    counts = visit.catalog.rejects.counts()
    return visit.page("rejects.html", found=found, counts=counts, meanings=MEANINGS, reason=reason, older=older)


async def live(visit: Visit) -> Reply:
    """Events from now on, as server-sent events."""
    types, users = visit.query.text("event_type"), visit.query.text("user_id")
    return stream(told(visit.services.live, types or None, users or None))


async def told(live: Live, event_type: str | None, user_id: str | None) -> AsyncIterator[bytes]:
    """What one listener is sent: `event` with one event, `skipped` with how many more there were than are shown.

    A comment at first and in silence keeps the line open."""
    async for news in live.listen():
        chosen = [
            event
            for event in news.events
            if user_id in (None, event.user_id) and event_type in (None, event.event_type)
        ]
        pieces = [b"event: event\ndata: %b\n\n" % _encode(_shown(event)) for event in chosen]
        if news.skipped:
            pieces.append(b'event: skipped\ndata: {"count":%d}\n\n' % news.skipped)
        yield b"".join(pieces) or b": listening\n\n"


async def listed(visit: Visit, asked: events.EventFilter) -> tuple[list[Shown], str | None]:
    """A page of events, and the cursor of the next one. Raises InvalidReport."""
    services = visit.services
    page = await events.page(services.store, asked, clock.now_ms())
    rows = {row.id: row for row in await services.store.events.by_id([each.id for each in page.events])}
    return [_shown(rows[each.id]) for each in page.events if each.id in rows], page.next_cursor


def exact(event: StoredEvent) -> str:
    """As the JSON interface sends it, on several lines; numbers keep their digits. What is no JSON is a string."""
    properties = b"null" if event.properties is None else event.properties.encode("utf-8", "replace")
    try:
        laid_out = msgspec.json.format(properties, indent=2)
        msgspec.json.decode(properties)
    except (msgspec.DecodeError, RecursionError):
        laid_out = _encode(event.properties)
    fields = {
        "id": event.id,
        "event_type": event.event_type,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "properties": msgspec.Raw(laid_out),
        "timestamp": rfc3339(event.created_at),
    }
    lines = [f'  "{name}": {_text(value)}' for name, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _text(value: object) -> str:
    return _encode(value).decode().replace("\n", "\n  ")


def _shown(event: StoredEvent) -> Shown:
    properties = event.properties or ""
    return Shown(
        event.id,
        event.event_type,
        event.user_id,
        event.session_id,
        properties if len(properties) <= LONGEST else f"{properties[:LONGEST]}…",
        rfc3339(event.created_at),
    )
