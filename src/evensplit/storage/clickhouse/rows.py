"""Rows laid out as columns of the tables: events of a batch, values of metrics, rows that the record holds as text."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from evensplit import clock
from evensplit.model.event import Reject
from evensplit.storage.base import NewMetric
from evensplit.storage.clickhouse.properties import NOTHING, Columns
from evensplit.storage.clickhouse.properties import columns as properties_columns

EVENT_COLUMNS = 5  # entries an event in a batch
INSTANT = "DateTime64"

Column = Sequence[object]


def of_events(values: Sequence[str | None]) -> list[Column]:
    """From values laid flat as in a Batch; all columns of `schema.EVENTS` but the id."""
    types, users, sessions, properties, times = (values[at::EVENT_COLUMNS] for at in range(EVENT_COLUMNS))
    held = [_held(text) for text in properties]
    props, texts = [columns.props for columns in held], [columns.texts for columns in held]
    return [types, users, sessions, properties, props, texts, [milliseconds(str(at)) for at in times]]


def duplicate(values: Sequence[str | None], position: int) -> Reject:
    """What is noted of an event of a Batch that was stored before."""
    names = ("event_type", "user_id", "session_id", "properties", "created_at")
    found = values[position * EVENT_COLUMNS : (position + 1) * EVENT_COLUMNS]
    event = {name: value for name, value in zip(names, found, strict=True) if value is not None}
    return Reject("duplicate", "an event with this message_id is stored already", json.dumps(event)[:4096])


def of_metrics(rows: Sequence[NewMetric]) -> list[Column]:
    """All columns of `schema.METRICS` but the id."""
    return [
        [row.test_id for row in rows],
        [row.variant_id for row in rows],
        [row.metric_name for row in rows],
        [row.value for row in rows],
        [milliseconds(row.created_at) for row in rows],
        [row.user_id for row in rows],
    ]


def of_recorded_events(rows: Sequence[Sequence[object]]) -> tuple[list[Column], list[int]]:
    """All columns of `schema.EVENTS`, and the ids of rows without a time that can be read."""
    ids, types, users, sessions, properties, times = _columns(rows, 6)
    instants = [_cell(at, INSTANT) for at in times]
    kept = [at for at, instant in enumerate(instants) if instant is not None]
    held = [_held(None if properties[at] is None else str(properties[at])) for at in kept]
    columns: list[Column] = [[column[at] for at in kept] for column in (ids, types, users, sessions, properties)]
    columns += [[each.props for each in held], [each.texts for each in held], [instants[at] for at in kept]]
    return columns, [int(str(ids[at])) for at, instant in enumerate(instants) if instant is None]


def of_recorded_metrics(rows: Sequence[Sequence[object]]) -> tuple[list[Column], list[int]]:
    """All columns of `schema.METRICS`, and the ids of rows without a time or value that can be read."""
    types = ("Int64", "Int64", "Int64", "String", "Float64", INSTANT, "String")
    columns = [[_cell(value, kind) for value in column] for column, kind in zip(_columns(rows, 7), types, strict=True)]
    kept = [at for at, values in enumerate(zip(*columns[:6], strict=True)) if None not in values]
    left = set(range(len(rows))) - set(kept)
    return [[column[at] for at in kept] for column in columns], [int(str(rows[at][0])) for at in sorted(left)]


def _columns(rows: Sequence[Sequence[object]], count: int) -> list[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * count


def of_record(rows: Sequence[Sequence[object]], types: Mapping[str, str]) -> list[Column]:
    """Rows as `Tail` reads them. What is not of the column's type becomes NULL: another program may have written it."""
    return [
        [_cell(value, kind) for value in column]
        for column, kind in zip(zip(*rows, strict=True), types.values(), strict=True)
    ]


def milliseconds(text: str) -> int:
    """`YYYY-MM-DD HH:MM:SS.SSS` as milliseconds since 1970-01-01 UTC. Raises ValueError."""
    if len(text) == 23:
        return _second(text[:19]) + int(text[20:])  # many events share their second
    return clock.from_text(text)


@lru_cache(maxsize=4096)
def _second(text: str) -> int:
    return clock.from_text(text)


def _held(text: str | None) -> Columns:
    try:
        return properties_columns(text)
    except ValueError:
        return NOTHING  # another program's text, which no column can hold: `properties` has it all the same


def _cell(value: object, kind: str) -> object:
    if value is None:
        return None
    try:
        if INSTANT in kind:
            return milliseconds(str(value))
        if "Int64" in kind:
            return int(str(value))
        if "Float64" in kind:
            return float(str(value))
    except ValueError:
        return None
    return str(value)
