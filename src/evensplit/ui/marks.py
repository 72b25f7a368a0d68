"""Annotations on charts over time: which bucket each stands in, as a line of the chart and as a list under it.

Here: where they stand. Not here: keeping them (`storage.catalog.saved`), or drawing (`static/chart.js`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from evensplit.model.report import Answer
from evensplit.model.report.funnel import FunnelAnswer
from evensplit.model.report.lifecycle import LifecycleAnswer
from evensplit.model.report.sessions import SessionsAnswer
from evensplit.model.report.trend import TrendAnswer
from evensplit.model.saved import Annotation, moment
from evensplit.query.zones import day_start, instant, local, zone
from evensplit.storage.catalog import Catalog

MOST = 50  # on one chart
DAY = len("2026-11-01")
DAY_MS = 86_400_000


class Mark(msgspec.Struct, frozen=True):
    """An annotation in the bucket `x` of a chart."""

    x: str
    day: str
    text: str


def marks(answer: Answer, catalog: Catalog) -> list[Mark]:
    """The annotations within the buckets of an answer that has any, by time; the newest where there are very many."""
    if not isinstance(answer, TrendAnswer | LifecycleAnswer | SessionsAnswer | FunnelAnswer) or not answer.buckets:
        return []
    buckets = answer.buckets
    tz = zone(answer.report.timezone)
    starts = [_start(label, tz) for label in buckets]
    until = _end(answer.report.until, starts[-1])
    # A day stands at its start in UTC there and in the chart's zone here.
    found = catalog.annotations.between(starts[0] - DAY_MS, until + DAY_MS)
    placed = [(_stands(annotation, tz), annotation) for _, annotation in found]
    return [
        Mark(buckets[bisect_right(starts, at) - 1], local(at, tz).date().isoformat(), annotation.text)
        for at, annotation in placed
        if starts[0] <= at < until
    ][-MOST:]


def lined(layout: dict[str, Any], found: Sequence[Mark]) -> dict[str, Any]:
    """The layout with a line for each."""
    if not found:
        return layout
    lines = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": mark.x, "x1": mark.x, "y0": 0, "y1": 1, "name": "mark"}
        for mark in found
    ]
    return {**layout, "shapes": [*layout.get("shapes", ()), *lines]}


def _stands(annotation: Annotation, tz: ZoneInfo) -> int:
    """A day stands at its start in the chart's zone, so that it is on that day's bucket in every zone."""
    if len(annotation.at) == DAY:
        return day_start(datetime.fromisoformat(annotation.at).date(), tz)
    return moment(annotation.at) or 0


def _start(label: str, tz: ZoneInfo) -> int:
    """When the bucket with that label begins."""
    if len(label) == DAY:
        return day_start(datetime.fromisoformat(label).date(), tz)
    return instant(datetime.fromisoformat(label))


def _end(until: str | None, last: int) -> int:
    """When the answer's range ends; an answer says it as an instant."""
    try:
        return instant(datetime.fromisoformat(until or ""))
    except ValueError:
        return last + 1
