"""What the builder of each kind of report offers: fields of the report's own JSON. `static/builder.js` draws them.

Not here: what a field means (`model.report`), or whether a report can be answered (`query.plan`).
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from evensplit.model.report import OPERATORS, Interval, WeekStart
from evensplit.model.report.funnel import Order, Unit, View
from evensplit.model.report.retention import Kind as RetentionKind
from evensplit.model.report.retention import Period
from evensplit.model.report.trend import Measure

Type: TypeAlias = Literal[
    "series", "event", "events", "exclusions", "filters", "breakdown", "choice", "whole", "text", "texts", "switch",
    "property", "compare", "range", "zone", "value",
]  # fmt: skip


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """`default` is what the report means where it leaves the field out; `more`: folded away until wanted."""

    name: str
    type: Type
    title: str
    default: Any = None
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    more: bool = False
    only: tuple[str, str] | None = None  # shown where another field has that value


class Builder(msgspec.Struct, frozen=True):
    """One kind of report: what it answers, a first report to begin with, its fields, its charts."""

    kind: str
    title: str
    question: str
    example: Mapping[str, Any]
    fields: tuple[Field, ...]
    charts: tuple[tuple[str, str], ...] = ()


def _options(words: Any, titles: Mapping[str, str] = {}) -> tuple[tuple[str, str], ...]:
    return tuple((word, titles.get(word, word.replace("_", " "))) for word in get_args(words))


_INTERVAL = Field("interval", "choice", "By", "day", _options(Interval))
_COMMON = (
    Field("filters", "filters", "Only where"),
    Field("since", "range", "When"),
    Field("timezone", "zone", "Time zone", "UTC", more=True),
    Field("week_start", "choice", "Weeks begin on", "monday", _options(WeekStart), more=True),
    Field("cohort", "text", "Only people of the cohort", more=True),
)
_BREAKDOWN = Field("breakdown", "breakdown", "Split by")
_MEASURES = {
    "count": "total events", "users": "unique users", "sessions": "sessions", "sum": "sum of", "avg": "average of",
    "min": "least", "max": "greatest", "median": "median of", "p90": "90th percentile of",
    "p95": "95th percentile of", "p99": "99th percentile of", "distinct": "distinct values of",
}  # fmt: skip
MEASURES = _options(Measure, _MEASURES)
_ORDERS = {"ordered": "in this order", "strict": "in this order, nothing between", "any": "in any order"}
_VIEWS = {"steps": "steps", "trend": "conversion over time", "time_to_convert": "time to convert"}
_EFFECTS = {"on": "in exactly that period", "on_or_after": "in that period or later"}
_OPERATOR_TITLES = {
    "eq": "is", "ne": "is not", "in": "is one of", "not_in": "is none of", "contains": "contains",
    "not_contains": "does not contain", "starts_with": "begins with", "ends_with": "ends with",
    "matches": "matches (RE2)", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤", "between": "is between",
    "is_set": "is set", "is_not_set": "is not set",
}  # fmt: skip
OPERATOR_OPTIONS = tuple((op, _OPERATOR_TITLES[op]) for op in OPERATORS)

BUILDERS: tuple[Builder, ...] = (
    Builder(
        "trend",
        "Trend",
        "How does it develop over time?",
        {"series": [{"event": "@any", "measure": "count"}]},
        (
            Field("series", "series", "Show"),
            Field("formula", "text", "Formula", hint="A, B, ... are the lines above: A / B * 100", more=True),
            _BREAKDOWN,
            *_COMMON,
            _INTERVAL,
            Field("compare", "compare", "Compare with"),
            Field("cumulative", "switch", "Running total", False, more=True),
            Field("smooth", "whole", "Mean of so many intervals", more=True),
        ),
        (("line", "Lines"), ("bar", "Bars"), ("area", "Stacked areas")),
    ),
    Builder(
        "funnel",
        "Funnel",
        "How many go from step to step, and where do they leave?",
        {"steps": []},
        (
            Field("steps", "events", "Steps"),
            Field("order", "choice", "Steps happen", "ordered", _options(Order, _ORDERS)),
            Field("window", "text", "Within", "14d", hint="14d, 2h, 30min"),
            _BREAKDOWN,
            Field("attribution", "text", "Value of", "first", hint="first, last or step:2", more=True),
            *_COMMON,
            Field("view", "choice", "Look at", "steps", _options(View, _VIEWS)),
            msgspec.structs.replace(_INTERVAL, only=("view", "trend")),
            Field("bins", "whole", "Bars", 20, only=("view", "time_to_convert")),
            Field("count", "choice", "Count", "users", _options(Unit), more=True),
            Field("exclude", "exclusions", "Nobody who did", more=True),
            Field("hold", "texts", "Same value throughout", hint="properties, with commas between", more=True),
        ),
    ),
    Builder(
        "retention",
        "Retention",
        "Who comes back, and when?",
        {},
        (
            Field("start", "event", "They did", "@any"),
            Field("return", "event", "and came back to do"),
            Field("interval", "choice", "By", "day", _options(Period)),
            Field("periods", "whole", "Periods", 12),
            Field("kind", "choice", "Came back", "on", _options(RetentionKind, _EFFECTS)),
            _BREAKDOWN,
            *_COMMON,
            Field("first_time", "switch", "First time ever only", False, more=True),
            Field("calendar", "switch", "By the calendar", True, more=True),
            Field("minimum", "whole", "At least so many times", 1, more=True),
        ),
    ),
    Builder(
        "paths",
        "Paths",
        "What do people do one after the other?",
        {},
        (
            Field("start", "value", "Beginning with", hint="a value; or leave both empty"),
            Field("end", "value", "Ending with"),
            Field("by", "property", "Follow", "@event_type"),
            Field("steps", "whole", "Steps", 5),
            Field("limit", "whole", "At most so many links", 50),
            *_COMMON,
            Field("group", "texts", "Count as one", hint="/product/*, /help/*", more=True),
        ),
    ),
    Builder(
        "lifecycle",
        "Lifecycle",
        "Who is new, who comes again, who is back, who is gone?",
        {},
        (Field("event", "event", "Active are those who did", "@any"), *_COMMON, _INTERVAL),
    ),
    Builder(
        "stickiness",
        "Stickiness",
        "In how many intervals do people come?",
        {},
        (Field("event", "event", "They did", "@any"), *_COMMON, _INTERVAL),
    ),
    Builder(
        "sessions",
        "Sessions",
        "Visits: how many, from where, to which pages?",
        {},
        (
            Field("page_view", "event", "A page view is"),
            *_COMMON,
            _INTERVAL,
            Field("limit", "whole", "Lines a list", 10),
        ),
    ),
)
BY_KIND = {builder.kind: builder for builder in BUILDERS}
