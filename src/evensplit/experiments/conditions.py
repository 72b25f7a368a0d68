"""Which events a metric counts and what it reads of them, checked. Not here: whose events, or when (`measure`)."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.metric import Funnel, Mean, Metric, Quantile, Ratio, Recorded, Side
from evensplit.model.report import ANY, EventChoice, Path
from evensplit.query import ranges
from evensplit.query.conditions import (
    AllOf,
    Cohort,
    Condition,
    Field,
    Property,
    Source,
    Trait,
    source,
    sources,
    understood,
)
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment
from evensplit.query.run import check_patterns
from evensplit.query.sql import scan
from evensplit.storage.base import EventStore


class Selection(msgspec.Struct, frozen=True):
    """Events of one type (None: of any) that meet a condition, and the property that is read of them."""

    event_type: str | None
    condition: Condition
    of: Source | None = None

    @property
    def properties(self) -> tuple[Property, ...]:
        """Every property that it looks at."""
        looked_at = (*sources(self.condition), self.of)
        return tuple(dict.fromkeys(of for of in looked_at if isinstance(of, Property)))


def selections(metric: Metric) -> tuple[Selection, ...]:
    """What the metric looks at, in the order of its definition: the two sides of a ratio, the steps of a funnel, else
    one. Raises InvalidReport for filters or a property that mean nothing."""
    at = f"metric {metric.name!r}"
    if isinstance(metric, Recorded):
        return ()
    if isinstance(metric, Funnel):
        return tuple(_selection(step, f"{at}: steps[{n}]") for n, step in enumerate(metric.steps))
    if isinstance(metric, Ratio):
        sides = {"numerator": metric.numerator, "denominator": metric.denominator}
        return tuple(_measured(side, f"{at}: {name}") for name, side in sides.items())
    if isinstance(metric, Mean):
        return (_measured(metric, at),)
    found = _selection(metric.event, at)
    if isinstance(metric, Quantile):
        found = msgspec.structs.replace(found, of=_number(metric.property, "quantile", at))
    return (_allowed(found, at),)


def where(chosen: Selection, dialect: Dialect) -> Fragment:
    """The condition over `events`, whatever the moment."""
    return scan.chosen(dialect, chosen.event_type, chosen.condition)


async def check(store: EventStore, metrics: Iterable[Metric]) -> None:
    """Raises InvalidReport for a metric that could not be computed: its filters, its property, its patterns."""
    await check_patterns(store, [each.condition for metric in metrics for each in selections(metric)])


def _measured(side: Mean | Side, at: str) -> Selection:
    """With the property that is counted or added up."""
    found = _selection(side.event, at)
    if side.property is not None:
        distinct = side.aggregate == "distinct"
        of = source(side.property, f"{at}: property") if distinct else _number(side.property, side.aggregate, at)
        found = msgspec.structs.replace(found, of=of)
    return _allowed(found, at)


def _selection(event: EventChoice, at: str) -> Selection:
    condition = understood(event.filters, f"{at}: filters", _instant) if event.filters else AllOf(())
    return _allowed(Selection(None if event.event_type == ANY else event.event_type, condition), at)


def _allowed(found: Selection, at: str) -> Selection:
    for looked_at in (*sources(found.condition), found.of):
        # They change after the fact, and with them who did what a metric counts.
        if isinstance(looked_at, Trait | Cohort):
            named = f"user.{looked_at.name}" if isinstance(looked_at, Trait) else f"@cohort.{looked_at.name}"
            raise InvalidReport("unsupported_property", f"{at}: a metric looks at events, not at {named!r}")
    return found


def _number(path: Path, aggregate: str, at: str) -> Source:
    of = source(path, f"{at}: property")
    if isinstance(of, Field):
        raise InvalidReport("not_a_number", f"{at}: {path!r} is no number, {aggregate!r} needs one")
    return of


def _instant(text: str, field: str) -> int:
    """A metric speaks of fixed times: its meaning must not move with the day it is asked."""
    if text == "now" or text.startswith("-"):
        raise InvalidReport("invalid_time", f"{field}: {text!r} moves with the clock; a metric needs a fixed time")
    return ranges.resolve(text, field, 0, ZoneInfo("UTC"))
