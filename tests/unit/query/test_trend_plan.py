"""From a trend as asked to a plan: defaults, compared ranges, refusals."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.trend import Trend
from evensplit.query.plan.trend import STEPS, TrendPlan, plan
from evensplit.query.zones import instant

NOW = instant(datetime(2026, 11, 22, 16, 44, 30, 500_000, tzinfo=UTC))


def planned(**report: Any) -> TrendPlan:
    report.setdefault("series", [{"event": "view"}])
    return plan(read(Trend, json.dumps(report)), NOW)


def test_the_steps_in_their_order() -> None:
    assert [step.__name__ for step in STEPS] == [
        "known_zone",
        "fixed_range",
        "coherent_series",
        "named_series",
        "bounded_breakdown",
        "bounded_smoothing",
        "parsed_formula",
    ]
    assert all(step.__doc__ for step in STEPS)


def test_thirty_whole_days_and_today_so_far() -> None:
    found = planned(timezone="Europe/Berlin")
    assert found.report.since == "2026-10-23T00:00:00.000+02:00"
    assert found.report.until == "2026-11-22T17:44:30.501+01:00", "what happens in this millisecond counts"
    assert (len(found.buckets.labels), found.buckets.labels[0]) == (31, "2026-10-23")
    assert found.report.interval == "day"
    assert found.report.series[0].label == "view"


def test_a_plan_of_an_understood_report_is_the_same() -> None:
    first = planned(series=[{"event": "a", "measure": "users"}], compare="previous", since="-3d", interval="hour")
    assert plan(first.report, NOW + 86_400_000) == first


def test_labels() -> None:
    series = [
        {"event": "a"},
        {"event": {"event_type": "@any"}, "measure": "users"},
        {"event": "a", "measure": "sum", "property": ["x", "y"]},
        {"event": "a", "label": ""},
    ]
    labels = [s.label for s in planned(series=series).series]
    assert labels == ["a", "@any: users", "a: sum of x.y", ""]


WEEK = {"since": "2026-11-08", "until": "2026-11-14"}
HOURS = {"since": "2026-11-02T10:00Z", "until": "2026-11-02T12:30Z", "interval": "hour"}


@pytest.mark.parametrize(
    ("report", "since", "until"),
    [
        (WEEK, "2026-11-01T00:00", "2026-11-08T00:00"),
        ({}, "2026-09-22T00:00", "2026-10-22T16:44:30.501"),  # today so far, against the same part of a day
        ({"since": "2026-03-01", "until": "2026-03-31", "interval": "month"}, "2026-02-01T00:00", "2026-03-01T00:00"),
        (HOURS, "2026-11-02T07:00", "2026-11-02T09:30"),
        ({**WEEK, "compare": {"shift": "-1y"}}, "2025-11-08T00:00", "2025-11-15T00:00"),
        ({**WEEK, "compare": {"shift": "-36h"}}, "2026-11-06T12:00", "2026-11-13T12:00"),
    ],
)  # fmt: skip
def test_compared_ranges(report: dict[str, Any], since: str, until: str) -> None:
    found = planned(**{"compare": "previous", **report}).compared
    assert found is not None
    low, high = (instant(datetime.fromisoformat(text).replace(tzinfo=UTC)) for text in (since, until))
    assert (found.since, found.until) == (low, high)


def test_a_compared_week_keeps_the_wall_clock() -> None:
    found = planned(since="2026-10-26", until="2026-11-01", timezone="Europe/Berlin", compare="previous").compared
    assert found is not None
    assert found.labels == tuple(f"2026-10-{day}" for day in range(19, 26))
    assert found.until - found.since == (7 * 24 + 1) * 3_600_000


FILTER = {"property": "a", "op": "is_set"}


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"series": []}, "invalid_series"),
        ({"series": [{"event": "a"}] * 27}, "invalid_series"),
        ({"series": [{"event": ""}]}, "invalid_event_type"),
        ({"series": [{"event": "a" * 201}]}, "invalid_event_type"),
        ({"series": [{"event": "a", "measure": "sum"}]}, "property_missing"),
        ({"series": [{"event": "a", "property": "x"}]}, "property_not_used"),
        ({"series": [{"event": "a", "measure": "sum", "property": "@user_id"}]}, "not_a_number"),
        ({"series": [{"event": "a", "measure": "sum", "property": "user."}]}, "invalid_property"),
        ({"series": [{"event": "a", "measure": "distinct", "property": "@x"}]}, "unknown_field"),
        ({"series": [{"event": {"event_type": "a", "filters": [{}]}}]}, "invalid_filter"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone"),
        ({"since": "soon"}, "invalid_time"),
        ({"since": ""}, "invalid_time"),
        ({"since": "2026-03-01", "until": "2026-02-01"}, "since_after_until"),
        ({"since": "2026-03-01T00:00Z", "until": "2026-03-01T00:00Z"}, "since_after_until"),
        ({"since": "2030-01-01"}, "since_after_until"),
        ({"since": "1970-01-01", "interval": "minute"}, "too_many_buckets"),
        ({"breakdown": [{"property": "a", "limit": 0}]}, "invalid_limit"),
        ({"breakdown": [{"property": "a", "limit": 1001}]}, "invalid_limit"),
        ({"breakdown": [{"property": "a"}] * 4}, "invalid_breakdown"),
        ({"breakdown": [{"property": "a", "limit": 1000}] * 3}, "report_too_large"),
        ({"smooth": 0}, "invalid_smooth"),
        ({"formula": "A/"}, "invalid_formula"),
        ({"formula": "B"}, "invalid_formula"),
        ({"compare": {"shift": "7d"}}, "invalid_shift"),
        ({"compare": {"shift": "-999y"}}, "invalid_time"),
        ({"filters": [FILTER, {**FILTER, "op": "eq"}]}, "invalid_filter"),
    ],
)
def test_refusals(report: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        planned(**report)
    assert raised.value.code == code
    assert raised.value.status == 422


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"series": [{"event": "a", "surprise": 1}]}, "unknown field `surprise` - at `$.series[0]`"),
        ({"cohorts": "x"}, "`cohorts`"),
        ({"interval": "fortnight"}, "fortnight"),
        ({"filters": [{**FILTER, "op": "like"}]}, "$.filters[0].op"),
        ({"series": "x"}, "array"),
    ],
)
def test_what_is_not_known_is_named(report: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        planned(**report)
    assert raised.value.code == "invalid_report"
    assert words in raised.value.message
