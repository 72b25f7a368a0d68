"""From a funnel as asked to a plan: defaults, labels, refusals."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.funnel import Funnel
from evensplit.query.conditions import AllOf
from evensplit.query.plan.funnel import STEPS, FunnelPlan, plan
from evensplit.query.zones import instant

NOW = instant(datetime(2026, 11, 22, 16, 44, 30, 500_000, tzinfo=UTC))


def planned(**report: Any) -> FunnelPlan:
    report.setdefault("steps", ["view", {"event_type": "buy"}])
    return plan(read(Funnel, json.dumps(report)), NOW)


def test_the_steps_in_their_order() -> None:
    assert [step.__name__ for step in STEPS] == [
        "known_zone",
        "fixed_range",
        "bounded_steps",
        "known_window",
        "known_attribution",
        "sound_exclusions",
        "bounded_hold",
        "bounded_breakdown",
        "possible_view",
    ]
    assert all(step.__doc__ for step in STEPS)


def test_what_was_left_open() -> None:
    found = planned(timezone="Europe/Berlin")
    assert found.report.since == "2026-10-23T00:00:00.000+02:00"
    assert (found.report.order, found.report.window, found.report.count) == ("ordered", "14d", "users")
    assert (found.report.attribution, found.report.view, found.report.bins) == ("first", "steps", 20)
    assert (found.window, found.attributed, found.buckets) == (14 * 86_400_000, 1, None)
    assert plan(found.report, NOW + 86_400_000) == found


def test_labels() -> None:
    assert [step.label for step in planned().steps] == ["view", "buy"]
    assert [step.label for step in planned(order="any").steps] == ["1 of 2", "2 of 2"]


def test_the_reports_filters_stand_in_one_place() -> None:
    common, own = {"property": "a", "op": "is_set"}, {"property": "b", "op": "is_set"}
    found = planned(steps=["view", {"event_type": "buy", "filters": [own]}], filters=[common])
    assert isinstance(found.condition, AllOf) and len(found.condition.of) == 1
    assert [len(s.condition.of) for s in found.steps if isinstance(s.condition, AllOf)] == [0, 1]


def test_only_the_types_that_matter_are_looked_at() -> None:
    assert planned(exclude=[{"event": "logout"}]).types == ("buy", "logout", "view")
    assert planned(steps=["view", "@any"]).types is None
    assert planned(order="strict").types is None, "what lies between may be anything"


@pytest.mark.parametrize(
    ("window", "seconds"), [("30s", 30), ("30min", 1800), ("12h", 43_200), ("1000d", 86_400_000), ("2w", 1_209_600)]
)
def test_windows(window: str, seconds: int) -> None:
    assert planned(window=window).window == seconds * 1000


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"steps": []}, "invalid_steps"),
        ({"steps": ["a"] * 21}, "invalid_steps"),
        ({"steps": ["a"] * 40}, "invalid_steps"),
        ({"steps": ["a"] * 9, "order": "any"}, "invalid_steps"),
        ({"steps": [""]}, "invalid_event_type"),
        ({"steps": ["a"], "view": "time_to_convert"}, "invalid_steps"),
        ({"steps": [{"event_type": "a", "filters": [{}]}]}, "invalid_filter"),
        ({"window": "0d"}, "invalid_window"),
        ({"window": "1001d"}, "invalid_window"),
        ({"window": "-1d"}, "invalid_window"),
        ({"window": "14"}, "invalid_window"),
        ({"window": "1m"}, "invalid_window"),
        ({"attribution": "step:0"}, "invalid_attribution"),
        ({"attribution": "step:3"}, "invalid_attribution"),
        ({"attribution": "middle"}, "invalid_attribution"),
        ({"exclude": [{"event": "x", "from": 1, "to": 1}]}, "invalid_exclusion"),
        ({"exclude": [{"event": "x", "from": 0, "to": 2}]}, "invalid_exclusion"),
        ({"exclude": [{"event": "x", "from": -1, "to": 1}]}, "invalid_exclusion"),
        ({"exclude": [{"event": ""}]}, "invalid_event_type"),
        ({"exclude": [{"event": "x"}] * 11}, "invalid_exclusion"),
        ({"steps": ["a"], "exclude": [{"event": "x"}]}, "invalid_exclusion"),
        ({"hold": ["a"] * 6}, "invalid_hold"),
        ({"hold": ["@x"]}, "unknown_field"),
        ({"breakdown": [{"property": "a", "limit": 0}]}, "invalid_limit"),
        ({"breakdown": [{"property": "a"}] * 4}, "invalid_breakdown"),
        ({"bins": 0}, "invalid_bins"),
        ({"bins": 1001}, "invalid_bins"),
        ({"timezone": "Mars/Olympus"}, "unknown_timezone"),
        ({"since": "2026-03-01", "until": "2026-02-01"}, "since_after_until"),
        ({"since": "1970-01-01", "interval": "minute", "view": "trend"}, "too_many_buckets"),
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
        ({"order": "sorted"}, "sorted"),
        ({"exclude": [{"event": "x", "first": 0}]}, "unknown field `first`"),
        ({"count": "events"}, "events"),
    ],
)
def test_what_is_not_known_is_named(report: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        planned(**report)
    assert raised.value.code == "invalid_report"
    assert words in raised.value.message
