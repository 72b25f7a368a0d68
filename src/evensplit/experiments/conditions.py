"""Which events a metric counts and what it reads of them, checked. Not here: whose events, or when (`measure`)."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.metric import Mean, Metric, Proportion, Recorded
from evensplit.model.report import ANY
from evensplit.query import ranges
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import AllOf, Cohort, Condition, Field, Source, Trait, source, sources, understood
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, join
from evensplit.query.run import check_patterns
from evensplit.query.sql.filters import condition_sql
from evensplit.storage.base import EventStore


class Selection(msgspec.Struct, frozen=True):
    """Events of one type (None: of any) that meet a condition, and the property that is read of them."""

    event_type: str | None
    condition: Condition
    of: Source | None


def selection(metric: Proportion | Mean) -> Selection:
    """Raises InvalidReport for filters or a property that mean nothing."""
    event = metric.event
    at = f"metric {metric.name!r}"
    condition = understood(event.filters, f"{at}: filters", _instant) if event.filters else AllOf(())
    of = _property(metric, at) if isinstance(metric, Mean) else None
    for looked_at in (*sources(condition), of):
        # They change after the fact, and with them who did what a metric counts.
        if isinstance(looked_at, Trait | Cohort):
            named = f"user.{looked_at.name}" if isinstance(looked_at, Trait) else f"@cohort.{looked_at.name}"
            raise InvalidReport("unsupported_property", f"{at}: a metric looks at events, not at {named!r}")
    return Selection(None if event.event_type == ANY else event.event_type, condition, of)


def where(chosen: Selection, as_of: AsOf, dialect: Dialect) -> Fragment:
    """The condition over `events`."""
    parts = [Fragment("id <= ?", (as_of.watermark.events,))]
    if chosen.event_type is not None:
        parts.append(Fragment("event_type = ?", (chosen.event_type,)))
    parts.append(condition_sql(chosen.condition, dialect))
    return join(" AND ", parts)


async def check(store: EventStore, metrics: Iterable[Metric]) -> None:
    """Raises InvalidReport for a metric that could not be computed: its filters, its property, its patterns."""
    chosen = [selection(metric) for metric in metrics if not isinstance(metric, Recorded)]
    await check_patterns(store, [each.condition for each in chosen])


def _property(metric: Mean, at: str) -> Source | None:
    if metric.property is None:
        return None
    of = source(metric.property, f"{at}: property")
    if isinstance(of, Field) and metric.aggregate != "distinct":
        raise InvalidReport("not_a_number", f"{at}: {metric.property!r} is no number, {metric.aggregate!r} needs one")
    return of


def _instant(text: str, field: str) -> int:
    """A metric speaks of fixed times: its meaning must not move with the day it is asked."""
    if text == "now" or text.startswith("-"):
        raise InvalidReport("invalid_time", f"{field}: {text!r} moves with the clock; a metric needs a fixed time")
    return ranges.resolve(text, field, 0, ZoneInfo("UTC"))
