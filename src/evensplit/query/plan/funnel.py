"""The plan of a funnel: its steps, how far they may lie apart, what must not happen between them."""

import re
from typing import TypeAlias

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import ANY
from evensplit.model.report.funnel import Funnel, FunnelCell
from evensplit.query.conditions import AllOf, Condition, Source, source, sources
from evensplit.query.edges import Buckets, cut
from evensplit.query.plan import (
    EventPlan,
    Split,
    Step,
    bucket_at,
    event_plan,
    fixed_range,
    known_zone,
    named,
    span,
    splits,
    taken,
)
from evensplit.query.zones import zone

MOST_STEPS = 20
MOST_IN_ANY_ORDER = 8  # the statement grows with their square: with 20, ClickHouse plans it for a minute
MOST_EXCLUSIONS = 10
MOST_HELD = 5
MOST_BINS = 1_000
MOST_DAYS = 1_000
WINDOW = re.compile(r"(\d{1,9})(s|min|h|d|w)", re.ASCII)
WIDTHS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
STEP_OF = re.compile(r"step:(\d{1,2})", re.ASCII)
Attributed: TypeAlias = int | None


class ExclusionPlan(msgspec.Struct, frozen=True):
    """Events that must not occur after step `first` and before step `last`, steps being counted from 1."""

    event: EventPlan
    first: int
    last: int
    stops: bool


class FunnelPlan(msgspec.Struct, frozen=True):
    """Everything resolved. Events are those of [since, until) that meet `condition`, which steps do not repeat.

    `window` in milliseconds; `attributed`: the step whose event is looked at, from 1, None for the last one reached."""

    report: Funnel
    since: int
    until: int
    window: int
    condition: Condition
    steps: tuple[EventPlan, ...]
    exclude: tuple[ExclusionPlan, ...]
    hold: tuple[Source, ...]
    splits: tuple[Split, ...]
    attributed: Attributed
    buckets: Buckets | None

    @property
    def events(self) -> tuple[EventPlan, ...]:
        """Of the steps and of the exclusions."""
        return (*self.steps, *(part.event for part in self.exclude))

    @property
    def types(self) -> tuple[str, ...] | None:
        """The types of event that it looks at; None where it looks at all."""
        types = {event.event_type for event in self.events}
        if None in types or self.report.order == "strict":
            return None
        return tuple(sorted(name for name in types if name is not None))

    @property
    def looked_at(self) -> tuple[Source, ...]:
        """Every source that its statement looks at."""
        conditions = [self.condition, *(event.condition for event in self.events)]
        return (*(of for part in conditions for of in sources(part)), *self.hold, *(split.of for split in self.splits))


class CellPlan(msgspec.Struct, frozen=True):
    """Those who came to `step` (or, dropped, to the one before it only), in a bucket or bin if there is one.

    `places`: a property each, whether all that is beyond the limit is meant, else the text form."""

    step: int
    dropped: bool
    places: tuple[tuple[bool, str | None], ...]
    at: int | None


def plan(report: Funnel, now: int) -> FunnelPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    since, until = span(report, now)
    common = event_plan(report, ANY, "filters", now).condition
    steps = tuple(event_plan(report, event, f"steps[{n}]", now) for n, event in enumerate(report.steps))
    return FunnelPlan(
        report,
        since,
        until,
        _window(report.window),
        common,
        tuple(
            msgspec.structs.replace(_beyond(step, common), label=_label(report, step, n))
            for n, step in enumerate(steps, 1)
        ),
        tuple(
            ExclusionPlan(
                _beyond(event_plan(report, part.event, f"exclude[{n}].event", now), common),
                part.first + 1,
                part.last + 1,
                part.effect == "stop",
            )
            for n, part in enumerate(report.exclude)
        ),
        tuple(source(path, f"hold[{n}]") for n, path in enumerate(report.hold)),
        splits(report.breakdown),
        _attributed(report),
        cut(since, until, report.interval, zone(report.timezone), report.week_start)
        if report.view == "trend"
        else None,
    )


def placed(planned: FunnelPlan, cell: FunnelCell) -> CellPlan:
    """The persons of a cell. Raises InvalidReport (`unknown_cell`) for one that the report does not have."""
    count, view = len(planned.steps), planned.report.view
    if not 1 <= cell.step <= count or (cell.dropped and cell.step == 1):
        raise _unknown(f"at.step {cell.step}: the funnel has {count} steps, and nobody is dropped at the first")
    if len(cell.breakdown) not in (0, len(planned.splits)) or len(cell.rest) not in (0, len(cell.breakdown)):
        raise _unknown(f"at.breakdown: the report is split by {len(planned.splits)} properties")
    rest = cell.rest or (False,) * len(cell.breakdown)
    at = None
    if cell.bucket is not None:
        if planned.buckets is None:
            raise _unknown("at.bucket: only the view 'trend' has buckets")
        at = bucket_at(planned.buckets, cell.bucket)
    if cell.bin is not None:
        if view != "time_to_convert" or not 0 <= cell.bin < planned.report.bins or cell.dropped or cell.step != count:
            raise _unknown("at.bin: bins are of the view 'time_to_convert', of those who came to the last step")
        at = cell.bin
    return CellPlan(cell.step, cell.dropped, tuple(zip(rest, cell.breakdown, strict=True)), at)


# --- the steps ------------------------------------------------------------------------------------


def bounded_steps(report: Funnel, now: int) -> Funnel:
    """1 to 20 steps, 8 in any order, each with the name of an event."""
    most = MOST_IN_ANY_ORDER if report.order == "any" else MOST_STEPS
    if not 1 <= len(report.steps) <= most:
        kind = "a funnel in any order" if report.order == "any" else "a funnel"
        raise InvalidReport("invalid_steps", f"{kind} has 1 to {most} steps, not {len(report.steps)}")
    for n, step in enumerate(report.steps):
        named(step, f"steps[{n}]")
    return report


def known_window(report: Funnel, now: int) -> Funnel:
    """A window longer than nothing, and not longer than 1,000 days."""
    _window(report.window)
    return report


def known_attribution(report: Funnel, now: int) -> Funnel:
    """The event of the first step, of the last one reached, or of one that the funnel has."""
    _attributed(report)
    return report


def sound_exclusions(report: Funnel, now: int) -> Funnel:
    """At most ten, each from a step to a later one."""
    if len(report.exclude) > MOST_EXCLUSIONS:
        raise InvalidReport("invalid_exclusion", f"a funnel has at most {MOST_EXCLUSIONS} exclusions")
    last = len(report.steps) - 1
    for n, part in enumerate(report.exclude):
        named(part.event, f"exclude[{n}].event")
        if not 0 <= part.first < part.last <= last:
            raise InvalidReport(
                "invalid_exclusion",
                f"exclude[{n}]: from {part.first} to {part.last} is no way from a step to a later one (0 to {last})",
            )
    return report


def bounded_hold(report: Funnel, now: int) -> Funnel:
    """At most five properties are held."""
    if len(report.hold) > MOST_HELD:
        raise InvalidReport("invalid_hold", f"a funnel holds at most {MOST_HELD} properties")
    return report


def bounded_breakdown(report: Funnel, now: int) -> Funnel:
    """At most three properties, each with a limit from 1 to 1,000."""
    splits(report.breakdown)
    return report


def possible_view(report: Funnel, now: int) -> Funnel:
    """The time from first to last step needs two of them, and 1 to 1,000 bins."""
    if not 1 <= report.bins <= MOST_BINS:
        raise InvalidReport("invalid_bins", f"bins {report.bins} is not from 1 to {MOST_BINS}")
    if report.view == "time_to_convert" and len(report.steps) < 2:
        raise InvalidReport("invalid_steps", "the view 'time_to_convert' needs a funnel of at least 2 steps")
    return report


STEPS: tuple[Step[Funnel], ...] = (
    known_zone,
    fixed_range,
    bounded_steps,
    known_window,
    known_attribution,
    sound_exclusions,
    bounded_hold,
    bounded_breakdown,
    possible_view,
)


# --- what the plan is put together from -----------------------------------------------------------


def _window(text: str) -> int:
    found = WINDOW.fullmatch(text)
    width = 0 if found is None else int(found[1]) * WIDTHS[found[2]]
    if not 0 < width <= MOST_DAYS * WIDTHS["d"]:
        raise InvalidReport(
            "invalid_window",
            f"window {text!r} is no length of time above 0 and up to {MOST_DAYS} days: "
            "write 14d (s, min, h, d of 24 hours, w)",
        )
    return width


def _attributed(report: Funnel) -> Attributed:
    found = STEP_OF.fullmatch(report.attribution)
    if found is not None and 1 <= int(found[1]) <= len(report.steps):
        return int(found[1])
    if report.attribution not in ("first", "last"):
        raise InvalidReport(
            "invalid_attribution",
            f"attribution {report.attribution!r} is not 'first', 'last' or 'step:N', N from 1 to {len(report.steps)}",
        )
    return 1 if report.attribution == "first" else None


def _beyond(event: EventPlan, common: Condition) -> EventPlan:
    """The event without what every event of the report meets anyway."""
    if isinstance(common, AllOf) and isinstance(event.condition, AllOf):
        shared = len(common.of)
        if event.condition.of[:shared] == common.of:
            return msgspec.structs.replace(event, condition=AllOf(event.condition.of[shared:]))
    return event


def _label(report: Funnel, step: EventPlan, n: int) -> str:
    """In any order, the nth step is not one of the events, but to have done n of them."""
    return f"{n} of {len(report.steps)}" if report.order == "any" else step.label


def _unknown(rule: str) -> InvalidReport:
    return InvalidReport("unknown_cell", rule)
