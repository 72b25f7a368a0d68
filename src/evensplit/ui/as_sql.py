"""A trend as SQL to go on from: the same question over the same events, written to be read and changed.

Every value is bound. It is written only where it comes to the same: what SQL says at length (groups of conditions,
cohorts, formulas, comparisons) is left to the report. Not here: how a report is computed (`query.sql`).
"""

import re
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from evensplit import clock
from evensplit.model.report import ANY, Answer, EventChoice, Filter
from evensplit.model.report.trend import Series, Trend, TrendAnswer
from evensplit.query import ranges
from evensplit.query.zones import zone

Value: TypeAlias = str | int | float | bool

PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
MEASURES = {
    "count": "count(*)",
    "users": "count(DISTINCT p.person)",
    "sessions": "count(DISTINCT e.session_id)",
    "sum": "coalesce(sum({}), 0)",
    "avg": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "median": "median({})",
}
FIELDS = {"@event_type": "e.event_type", "@user_id": "e.user_id", "@session_id": "e.session_id"}
# How a comparison of text forms is written; the value is bound once.
COMPARISONS = {
    "eq": "{} = ?",
    "ne": "{} IS DISTINCT FROM ?",
    "contains": "contains({}, ?)",
    "not_contains": "coalesce(NOT contains({}, ?), true)",
    "starts_with": "starts_with({}, ?)",
    "ends_with": "ends_with({}, ?)",
    "in": "{} IN (SELECT unnest(?))",
    "not_in": "coalesce({} NOT IN (SELECT unnest(?)), true)",
}


class Statement(msgspec.Struct, frozen=True):
    """As `POST /v1/sql` takes it."""

    sql: str
    parameters: list[Value | list[Value]]

    @property
    def values(self) -> str:
        """The parameters as JSON."""
        return msgspec.json.encode(self.parameters).decode()


class _Unwritten(Exception):
    """The report says something that is not written here."""


def statement(answer: Answer) -> Statement | None:
    """None where the report cannot be written plainly."""
    if not isinstance(answer, TrendAnswer):
        return None
    report = answer.report
    if report.formula or report.compare or report.cumulative or report.smooth or report.cohort or report.breakdown:
        return None
    if report.interval not in ("day", "month") and (report.interval, report.week_start) != ("week", "monday"):
        return None
    parameters: list[Value | list[Value]] = []
    try:
        parts = [_line(report, series, parameters) for series in report.series]
    except _Unwritten:
        return None
    return Statement("\nUNION ALL\n".join(parts) + "\nORDER BY line, bucket", parameters)


def _line(report: Trend, series: Series, parameters: list[Value | list[Value]]) -> str:
    """One SELECT; its values go behind those before."""
    at = "e.created_at"
    if report.timezone != "UTC":
        at = "timezone(?, timezone('UTC', e.created_at))"
        parameters.append(report.timezone)
    parameters.append(series.label or "")
    measure = MEASURES.get(series.measure)
    if measure is None:
        raise _Unwritten
    if "{}" in measure:
        measure = measure.format(_number(series.property, parameters))
    event = series.event if isinstance(series.event, EventChoice) else EventChoice(series.event)
    joined = ""
    if series.measure == "users":
        joined = "\nJOIN person_ids AS p ON p.id = e.user_id"
    conditions = ["e.created_at >= CAST(? AS TIMESTAMP)", "e.created_at < CAST(? AS TIMESTAMP)"]
    parameters += [_instant(report, "since"), _instant(report, "until")]
    if event.event_type != ANY:
        conditions.append("e.event_type = ?")
        parameters.append(event.event_type)
    conditions += [_condition(filter_, parameters) for filter_ in (*report.filters, *event.filters)]
    return (
        f"SELECT date_trunc('{report.interval}', {at}) AS bucket, ? AS line, {measure} AS value\n"
        f"FROM events AS e{joined}\n"
        f"WHERE {f'{chr(10)}  AND '.join(conditions)}\n"
        "GROUP BY bucket"
    )


def _condition(asked: Filter, parameters: list[Value | list[Value]]) -> str:
    if asked.op == "is_set":
        return f"{_text(asked.property, parameters)} IS NOT NULL"
    if asked.op == "is_not_set":
        return f"{_text(asked.property, parameters)} IS NULL"
    pattern = COMPARISONS.get(asked.op or "")
    if pattern is None:
        raise _Unwritten
    sql = pattern.format(_text(asked.property, parameters))
    value = asked.value
    many = isinstance(value, tuple)
    texts = [each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str)]
    if many != (asked.op in ("in", "not_in")) or len(texts) != (len(value) if isinstance(value, tuple) else 1):
        raise _Unwritten
    parameters.append([*texts] if many else texts[0])
    return sql


def _text(path: str | Sequence[str] | None, parameters: list[Value | list[Value]]) -> str:
    """The text form of a property or field; a property's name is bound."""
    if isinstance(path, str) and path in FIELDS:
        return FIELDS[path]
    return f"CAST({_extracted(path, parameters)} AS VARCHAR)"


def _number(path: str | Sequence[str] | None, parameters: list[Value | list[Value]]) -> str:
    return f"TRY_CAST({_extracted(path, parameters)} AS DOUBLE)"


def _extracted(path: str | Sequence[str] | None, parameters: list[Value | list[Value]]) -> str:
    if not isinstance(path, str) or not PLAIN.fullmatch(path):
        raise _Unwritten
    parameters.append(path)
    return "variant_extract(e.props, ?)"


def _instant(report: Trend, field: str) -> str:
    text = report.since if field == "since" else report.until
    return clock.to_text(ranges.resolve(text or "now", field, clock.now_ms(), zone(report.timezone)))
