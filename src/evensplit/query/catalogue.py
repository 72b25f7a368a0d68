"""What has been sent so far: event types, and the properties of one type with their kinds and frequent values."""

from typing import cast

import msgspec

from evensplit.query.dialect import speak
from evensplit.query.reading import Reading

LOOKED_AT = 50_000  # events
MOST_PROPERTIES = 1_000
FREQUENT = 10  # values a property


class EventType(msgspec.Struct, frozen=True):
    """One type of event; times as `2026-11-22T10:11:12.345Z`."""

    event_type: str
    count: int
    first_seen: str | None
    last_seen: str | None


class EventTypes(msgspec.Struct, frozen=True):
    """All of them, the most frequent first."""

    events: list[EventType]


class FrequentValue(msgspec.Struct, frozen=True):
    """A text form and how many events have it."""

    value: str
    count: int


class PropertyUse(msgspec.Struct, frozen=True):
    """`count` events have it set; `types` says how many have it as text, number, boolean, object or array."""

    name: str
    count: int
    types: dict[str, int]
    values: list[FrequentValue]


class PropertyUses(msgspec.Struct, frozen=True):
    """The most frequent first. Every number is about the newest events; `complete`: those are all there are."""

    properties: list[PropertyUse]
    events: int
    complete: bool


async def event_types(store: Reading) -> EventTypes:
    """Every type of event with its count and the times of its first and last event."""
    await store.fresh()
    shown = speak(store.engine, {}).times.shown
    sql = (
        f"SELECT event_type, count(*), {shown('min(created_at)')}, {shown('max(created_at)')} "
        "FROM events GROUP BY event_type ORDER BY count(*) DESC, event_type"
    )
    rows = cast("list[tuple[str, int, str | None, str | None]]", await store.query(sql, []))
    return EventTypes([EventType(*row) for row in rows])


async def properties(store: Reading, event_type: str | None = None) -> PropertyUses:
    """The properties of that type's newest 50,000 events (None: of any type)."""
    watermark = await store.fresh()
    dialect = speak(store.engine, {})
    counted = dialect.asks.newest(event_type, watermark.events, LOOKED_AT)
    ((there, lowest),) = cast("list[tuple[int, int]]", await store.query(counted.sql, counted.values))
    question = dialect.asks.property_uses(event_type, lowest, watermark.events, FREQUENT)
    rows = cast("list[tuple[str, str, int, str | None, int]]", await store.query(question.sql, question.values))
    return PropertyUses(_uses(rows), there, there < LOOKED_AT)


def _uses(rows: list[tuple[str, str, int, str | None, int]]) -> list[PropertyUse]:
    """From rows (name, kind, events of that kind, frequent text, events with that text)."""
    kinds: dict[str, dict[str, int]] = {}
    values: dict[str, dict[str, int]] = {}
    for name, kind, count, text, frequency in rows:
        kinds.setdefault(name, {})[kind] = count
        if text is not None:
            there = values.setdefault(name, {})
            there[text] = there.get(text, 0) + frequency
    ordered = sorted(kinds, key=lambda name: (-sum(kinds[name].values()), name))[:MOST_PROPERTIES]
    return [
        PropertyUse(name, sum(kinds[name].values()), dict(sorted(kinds[name].items())), _frequent(values.get(name, {})))
        for name in ordered
    ]


def _frequent(counts: dict[str, int]) -> list[FrequentValue]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    return [FrequentValue(value, count) for value, count in ordered]
