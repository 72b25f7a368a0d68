"""From retention, lifecycle and stickiness as asked to plans: defaults, bounds, refusals, cells that are not there."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.lifecycle import Lifecycle, LifecycleCell
from evensplit.model.report.retention import Retention, RetentionCell
from evensplit.model.report.stickiness import Stickiness, StickinessCell
from evensplit.query.edges import runs
from evensplit.query.plan import lifecycle, retention, stickiness
from evensplit.query.zones import instant

NOW = instant(datetime(2026, 11, 22, 16, 44, 30, 500_000, tzinfo=UTC))
DAYS = {"since": "2026-11-01", "until": "2026-11-03"}


def planned(**report: Any) -> retention.RetentionPlan:
    return retention.plan(read(Retention, json.dumps(report)), NOW)


def cycle(**report: Any) -> lifecycle.LifecyclePlan:
    return lifecycle.plan(read(Lifecycle, json.dumps(report)), NOW)


def sticky(**report: Any) -> stickiness.StickinessPlan:
    return stickiness.plan(read(Stickiness, json.dumps(report)), NOW)


def test_the_steps_in_their_order() -> None:
    assert [step.__name__ for step in retention.STEPS] == [
        "known_zone",
        "fixed_range",
        "whole_first_interval",
        "known_events",
        "bounded_periods",
        "bounded_minimum",
        "bounded_breakdown",
    ]
    assert [step.__name__ for step in lifecycle.STEPS] == ["known_zone", "fixed_range", "whole_first_interval"]
    assert [step.__name__ for step in stickiness.STEPS] == ["known_zone", "fixed_range"]
    assert all(step.__doc__ for step in (*retention.STEPS, *lifecycle.STEPS, *stickiness.STEPS))


def test_defaults() -> None:
    found = planned()
    assert (found.report.start, found.report.back, found.periods, found.kind) == ("@any", "@any", 12, "on")
    assert len(found.buckets.labels) == 31
    assert found.over[0] == 12
    assert found.over[-3:] == (2, 1, 1), "today is not over, and yet its cohort has a size"
    assert planned(start="signup").report.back == "signup"


def test_a_plan_of_an_understood_report_is_the_same() -> None:
    first = planned(start="a", interval="week", since="-50d", calendar=False)
    assert retention.plan(first.report, NOW + 86_400_000) == first
    weeks = cycle(interval="week")
    assert weeks.report.since == "2026-10-19T00:00:00.000+00:00"
    assert lifecycle.plan(weeks.report, NOW + 86_400_000) == weeks


def test_periods_of_ones_own_are_over_when_everybodys_are() -> None:
    assert planned(since="2026-11-01", until="2026-11-07", calendar=False, periods=9).over == (6, 5, 4, 3, 2, 1, 1)
    months = planned(since="2026-08-01", until="2026-10-31", interval="month", calendar=False)
    assert months.over == (2, 1, 1), "61 days after August are two times 30, 31 after September once"


def test_what_is_yet_to_come() -> None:
    found = planned(since="2026-11-21", until="2026-11-25")
    assert found.end == NOW + 1
    assert found.over == (1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("report", "code", "words"),
    [
        ({"periods": 0}, "invalid_periods", "periods 0 is not from 1 to 366"),
        ({"periods": 1000}, "invalid_periods", "1000"),
        ({"minimum": 0}, "invalid_minimum", "minimum 0 is not from 1"),
        ({"since": "2026-03-01", "until": "2026-02-01"}, "since_after_until", "2026-03-01"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone", "Mars/Olympus"),
        ({"start": ""}, "invalid_event_type", "start"),
        ({"return": "a" * 201}, "invalid_event_type", "return"),
        ({"return": {"event_type": "a", "filters": [{}]}}, "invalid_filter", "return.filters[0]"),
        ({"interval": "minute"}, "invalid_report", "$.interval"),
        ({"kind": "after"}, "invalid_report", "$.kind"),
        ({"back": "a"}, "invalid_report", "back"),
        ({"breakdown": [{"property": "a", "limit": 0}]}, "invalid_limit", "limit 0"),
        ({"breakdown": [{"property": "a", "limit": 1000}] * 2}, "report_too_large", "1002001 lines"),
        ({"since": "2020-01-01", "interval": "hour"}, "too_many_buckets", "hour"),
    ],
)
def test_refusals(report: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        planned(**report)
    assert raised.value.code == code
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ({"cohort": "2026-10-31"}, "'2026-10-31' is no cohort"),
        ({"cohort": "2026-11-01", "period": -1}, "periods 0 to 11"),
        ({"cohort": "2026-11-01", "period": 12}, "periods 0 to 11"),
        ({"cohort": "2026-11-03", "period": 1}, "not over yet"),
        ({"cohort": "2026-11-01", "breakdown": ["x"]}, "split by 0"),
        ({"cohort": "2026-11-01", "rest": [True]}, "split by 0"),
    ],
)
def test_cells_that_are_not_there(at: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        retention.placed(planned(**DAYS), read(RetentionCell, json.dumps(at)))
    assert raised.value.code == "unknown_cell"
    assert words in raised.value.message


def test_a_lifecycle_looks_before_its_first_bucket() -> None:
    found = cycle(**DAYS, timezone="Europe/Berlin")
    (stretch,) = found.stretches
    day = 86_400_000
    first = found.buckets.edges[0]
    assert stretch.buckets.edges == (lifecycle.HISTORY, first - day, first, first + day, first + 2 * day)
    assert len(runs(stretch.buckets)) == 2
    assert lifecycle.placed(found, LifecycleCell("2026-11-02", "new")).position == 3


def test_a_long_lifecycle_is_asked_for_in_stretches() -> None:
    found = cycle(since="2026-01-01", until="2026-05-31")
    assert [(s.first, len(s.buckets.edges)) for s in found.stretches] == [(0, 62), (60, 62), (120, 33)]
    assert [s.buckets.until for s in found.stretches] == [*found.buckets.edges[60:121:60], found.buckets.until]
    cell = lifecycle.placed(found, LifecycleCell("2026-05-01", "dormant"))
    assert (cell.buckets, cell.position) == (found.stretches[2].buckets, 2)
    with pytest.raises(InvalidReport) as raised:
        cycle(since="2026-01-01", until="2026-05-31", interval="hour")
    assert raised.value.code == "too_many_buckets"


def test_other_cells_that_are_not_there() -> None:
    with pytest.raises(InvalidReport, match="no bucket of the report"):
        lifecycle.placed(cycle(**DAYS), LifecycleCell("2026-10-31", "new"))
    for intervals in (0, 4):
        with pytest.raises(InvalidReport, match="has 1 to 3"):
            stickiness.placed(sticky(**DAYS), StickinessCell(intervals))
