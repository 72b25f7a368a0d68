"""What was captured, read back: events newest first, one user, what was refused. Capture itself is `api.capture`."""

import base64
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import Provide
from litestar.params import Parameter

from evensplit import clock
from evensplit.errors import Invalid
from evensplit.model.instant import rfc3339
from evensplit.query import catalogue, events, ranges, users
from evensplit.query.zones import zone
from evensplit.storage.base import StoredEvent
from evensplit.storage.catalog.rejects import NEWEST

MOST = 1_000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it stands in the record; `properties` are the text that was sent."""

    id: int
    event_type: str
    user_id: str | None
    session_id: str | None
    properties: msgspec.Raw
    timestamp: str
    created_at: str


class EventPage(msgspec.Struct, frozen=True):
    events: list[Event]
    next_cursor: str | None


class Assignment(msgspec.Struct, frozen=True):
    experiment: str
    variant: str
    assigned_at: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of the person behind one id; `person` is the id that reports name."""

    user_id: str
    person: str
    traits: dict[str, Any]
    first_seen: str | None
    last_seen: str | None
    events: int
    linked_ids: list[str]
    assignments: list[Assignment]


class RejectedEvent(msgspec.Struct, frozen=True):
    id: int
    reason: str
    message: str
    event: str
    received_at: str


class Rejects(msgspec.Struct, frozen=True):
    """What was refused or noted lately, newest first, and how often ever."""

    rejects: list[RejectedEvent]
    counts: dict[str, int]
    next_cursor: str | None


Limit = Annotated[int, Parameter(ge=1, le=MOST, description="At most so many.")]


def _asked(
    user_id: str | None = None,
    event_type: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: Limit = 100,
    cursor: str | None = None,
) -> events.EventFilter:
    return events.EventFilter(user_id, event_type, since, until, limit, cursor)


@get(
    "/v1/events",
    summary="Events, newest first",
    tags=["Events"],
    dependencies={"asked": Provide(_asked, sync_to_thread=False)},
)
async def list_events(request: Request[Any, Any, Any], asked: events.EventFilter) -> EventPage:
    services = request.app.state.services
    page = await events.page(services.store, asked, clock.now_ms())
    rows = {row.id: row for row in await services.store.events.by_id([found.id for found in page.events])}
    listed = [shown(rows[found.id]) for found in page.events if found.id in rows]
    return EventPage(listed, page.next_cursor)


@get("/v1/users/{user_id:str}", summary="One user", tags=["Events"])
async def one_user(request: Request[Any, Any, Any], user_id: str) -> User:
    services = request.app.state.services
    circle = services.catalog.links.circle(user_id)
    seen = await users.seen(services.store, circle)
    stored = services.catalog.assignments.of_user(user_id)
    return User(
        user_id=user_id,
        person=circle[0],
        traits={name: msgspec.Raw(raw.encode()) for name, raw in services.catalog.identity.traits(circle).items()},
        first_seen=seen.first_seen,
        last_seen=seen.last_seen,
        events=seen.events,
        linked_ids=[one for one in circle if one != user_id],
        assignments=[Assignment(row.experiment, row.variant, rfc3339(row.assigned_at)) for row in stored],
    )


@get("/v1/catalog/events", summary="Event types in use", tags=["Events"])
async def event_types(request: Request[Any, Any, Any]) -> catalogue.EventTypes:
    return await catalogue.event_types(request.app.state.services.store)


@get("/v1/catalog/properties", summary="Properties in use, with their frequent values", tags=["Events"])
async def properties(request: Request[Any, Any, Any], event_type: str | None = None) -> catalogue.PropertyUses:
    return await catalogue.properties(request.app.state.services.store, event_type)


@get("/v1/rejects", summary="What was refused, and why", tags=["Events"])
async def rejects(
    request: Request[Any, Any, Any],
    since: str | None = None,
    reason: str | None = None,
    limit: Limit = 100,
    cursor: str | None = None,
) -> Rejects:
    refused = request.app.state.services.catalog.rejects
    rows = refused.page(_position(cursor), reason, limit, None if since is None else _since(since))
    found = [RejectedEvent(row.id, row.reason, row.message, row.event, rfc3339(row.received_at)) for row in rows]
    following = base64.urlsafe_b64encode(str(found[-1].id).encode()).decode() if len(found) == limit else None
    return Rejects(found, refused.counts(), following)


def shown(row: StoredEvent) -> Event:
    """As the routes show it."""
    return Event(
        id=row.id,
        event_type=row.event_type,
        user_id=row.user_id,
        session_id=row.session_id,
        properties=msgspec.Raw(_json(row.properties)),
        timestamp=rfc3339(row.created_at),
        created_at=rfc3339(row.created_at),
    )


def _json(text: str | None) -> bytes:
    """The properties as they stand; text that is not JSON (another program's) is shown as a string."""
    if text is None:
        return b"null"
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return msgspec.json.encode(text)
    return text.encode()


def _position(cursor: str | None) -> int:
    if cursor is None:
        return NEWEST
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise Invalid(f"cursor: {cursor[:40]!r} was not given out by this route") from None


def _since(text: str) -> str:
    return clock.to_text(ranges.resolve(text, "since", clock.now_ms(), zone("UTC")))


HANDLERS = [list_events, one_user, event_types, properties, rejects]
