"""Whether two stores give the same answers: counts by type and day, values of metrics, and reports asked of both.

Counts and sets must agree exactly, what is computed from fractions to a relative 1e-9. Not here: copying (`copier`).
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import Protocol

import msgspec

from evensplit.query import catalogue
from evensplit.query.run.kinds import KINDS
from evensplit.storage.base import Watermark

CLOSE = 1e-9
TYPES_ASKED = 5  # of events, the most frequent ones
SHOWN = 5  # differences a question
DAYS = 400  # beyond, reports go by month

Key = tuple[object, ...]

_TREND = next(kind for kind in KINDS if kind.name == "trend")

# The same text on both engines; the first columns are the key, `keys` of them.
QUESTIONS = (
    (
        "events by type and day",
        2,
        "SELECT event_type, CAST(CAST(created_at AS DATE) AS VARCHAR), count(*), count(DISTINCT user_id), "
        "count(DISTINCT session_id) FROM events WHERE created_at IS NOT NULL GROUP BY 1, 2",
    ),
    (
        "values of metrics",
        3,
        "SELECT test_id, variant_id, metric_name, count(*), count(DISTINCT user_id), min(value), max(value), "
        "sum(value) FROM ab_metrics WHERE created_at IS NOT NULL AND value IS NOT NULL GROUP BY 1, 2, 3",
    ),
    (
        "assignments",
        2,
        "SELECT test_id, variant_id, count(*), count(DISTINCT user_id) FROM ab_assignments GROUP BY 1, 2",
    ),
)


class Side(Protocol):
    """A store that can be asked."""

    engine: str

    async def fresh(self) -> Watermark: ...

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]: ...


class Compared(msgspec.Struct, frozen=True):
    """One question: how many numbers were compared, and where the sides differ: (what, here, there)."""

    question: str
    numbers: int
    differences: list[tuple[str, str, str]]


async def compare(here: Side, there: Side, now_ms: int) -> list[Compared]:
    """Everything that is asked of both."""
    asked = [await _asked(question, keys, sql, here, there) for question, keys, sql in QUESTIONS]
    reports = await _reports(here)
    return asked + [await _reported(name, report, here, there, now_ms) for name, report in reports.items()]


async def _asked(question: str, keys: int, sql: str, here: Side, there: Side) -> Compared:
    sides = []
    for side in (here, there):
        await side.fresh()
        sides.append({row[:keys]: row[keys:] for row in await side.query(sql, [])})
    return _compared(question, sides[0], sides[1])


async def _reports(side: Side) -> dict[str, dict[str, object]]:
    """Trends of the most frequent types of events, named: persons, and the sums and values of their properties."""
    types = (await catalogue.event_types(side)).events
    firsts = [each.first_seen[:10] for each in types if each.first_seen]
    lasts = [each.last_seen[:10] for each in types if each.last_seen]
    if not firsts:
        return {}
    span = _days(max(lasts)) - _days(min(firsts))
    common = {"since": min(firsts), "until": max(lasts), "interval": "day" if span <= DAYS else "month"}
    reports: dict[str, dict[str, object]] = {}
    for each in types[:TYPES_ASKED]:
        series: list[dict[str, object]] = [{"event": each.event_type, "measure": "users"}]
        for use in (await catalogue.properties(side, each.event_type)).properties[:3]:
            if set(use.types) == {"number"}:
                series.append({"event": each.event_type, "measure": "sum", "property": [use.name]})
            else:
                split = {"property": [use.name], "limit": 10}
                name = f"{each.event_type} by {use.name}"
                reports[name] = {**common, "series": [{"event": each.event_type}], "breakdown": [split]}
        reports[f"{each.event_type}: persons and sums"] = {**common, "series": series}
    return reports


async def _reported(name: str, report: dict[str, object], here: Side, there: Side, now_ms: int) -> Compared:
    """The numbers of a trend by their line and bucket."""
    sides: list[dict[Key, Key]] = []
    for side in (here, there):
        answer = msgspec.to_builtins(await _TREND.asked(side, msgspec.json.encode(report), now_ms))
        lines = {(line["label"], *line["breakdown"]): (line["total"], *line["values"]) for line in answer["series"]}
        sides.append(lines)
    return _compared(f"trend of {name}", sides[0], sides[1])


def _compared(question: str, here: dict[Key, Key], there: dict[Key, Key]) -> Compared:
    differences = [
        (" ".join(map(str, key)), _shown(here.get(key)), _shown(there.get(key)))
        for key in sorted(here.keys() | there.keys(), key=str)
        if not _same(here.get(key), there.get(key))
    ]
    return Compared(question, sum(map(len, here.values())), differences)


def _same(one: Key | None, other: Key | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return one is other
    return all(
        math.isclose(a, b, rel_tol=CLOSE) if isinstance(a, float) and isinstance(b, float) else a == b
        for a, b in zip(one, other, strict=True)
    )


def _shown(values: Key | None) -> str:
    return "nothing" if values is None else ", ".join(map(str, values))


def _days(day: str) -> int:
    return date.fromisoformat(day).toordinal()
