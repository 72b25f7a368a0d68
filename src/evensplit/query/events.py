"""Which events a list shows: ids, newest first, page by page. Not here: the events themselves (the record has them)."""

import base64
import binascii
from typing import cast

import msgspec

from evensplit.errors import InvalidReport
from evensplit.query import ranges
from evensplit.query.dialect import speak
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.reading import Reading
from evensplit.query.zones import zone

MOST = 1_000


class EventFilter(msgspec.Struct, frozen=True):
    """What a list is asked for; `since` and `until` as in reports, dates in UTC. `ids`: of one of these users."""

    user_id: str | None = None
    event_type: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = 100
    cursor: str | None = None
    ids: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True):
    """An event's id and its time, milliseconds since 1970-01-01 UTC."""

    id: int
    created_ms: int


class EventPage(msgspec.Struct, frozen=True):
    """One page, newest first; `next_cursor` asks for the next one."""

    events: list[Listed]
    next_cursor: str | None


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    created_ms: int
    id: int


async def page(store: Reading, asked: EventFilter, now_ms: int) -> EventPage:
    """The page after the cursor. Raises InvalidReport: `invalid_limit`, `invalid_cursor`, `invalid_time`."""
    if not 1 <= asked.limit <= MOST:
        raise InvalidReport("invalid_limit", f"limit {asked.limit} is not from 1 to {MOST}")
    dialect, utc = speak(store.engine, {}), zone("UTC")
    parts = [
        Fragment(f"{column} = ?", (value,))
        for column, value in (("user_id", asked.user_id), ("event_type", asked.event_type))
        if value is not None
    ]
    if asked.ids:
        parts.append(Fragment(f"user_id IN ({', '.join('?' * len(asked.ids))})", asked.ids))
    if asked.since is not None:
        parts.append(dialect.times.compared(">=", ranges.resolve(asked.since, "since", now_ms, utc)))
    if asked.until is not None:
        parts.append(dialect.times.compared("<", ranges.resolve(asked.until, "until", now_ms, utc)))
    if asked.cursor is not None:
        cursor = _read(asked.cursor)
        parts.append(dialect.times.before(cursor.created_ms, cursor.id))
    where = join(" AND ", parts) if parts else Fragment("TRUE")
    await store.fresh()
    question = fill(
        "SELECT id, {} FROM events WHERE {} ORDER BY created_at DESC NULLS LAST, id DESC LIMIT {}",
        dialect.times.as_ms(),
        where,
        Fragment("?", (asked.limit + 1,)),
    )
    rows = cast("list[tuple[int, int | None]]", await store.query(question.sql, question.values))
    found = [Listed(row_id, created or 0) for row_id, created in rows[: asked.limit]]
    return EventPage(found, _write(found[-1]) if len(rows) > asked.limit else None)


def _write(last: Listed) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Cursor(last.created_ms, last.id))).decode().rstrip("=")


def _read(text: str) -> _Cursor:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _unknown(text) from None
    if not (0 <= found.id < 2**63 and -(2**43) < found.created_ms < 2**43):
        raise _unknown(text)
    return found


def _unknown(text: str) -> InvalidReport:
    return InvalidReport("invalid_cursor", f"cursor {text[:100]!r} was not given out by this server")
