"""Where buckets begin, held against the wall clock: changes of the clock both ways, odd offsets, skipped days."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import Interval, WeekStart
from evensplit.query.edges import Buckets, cut, runs
from evensplit.query.zones import day_start, instant, local, zone

HOUR = 3_600_000


def utc(text: str) -> int:
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def buckets(since: str, until: str, interval: Interval, name: str, week_start: WeekStart = "monday") -> Buckets:
    """The dates' local days, the last one included."""
    tz = zone(name)
    low, high = (date.fromisoformat(text) for text in (since, until))
    return cut(day_start(low, tz), day_start(high + timedelta(days=1), tz), interval, tz, week_start)


@pytest.mark.parametrize(
    ("name", "day", "begins", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("America/New_York", "2025-03-09", "2025-03-09T05:00", 23),
        ("America/New_York", "2025-11-02", "2025-11-02T04:00", 25),
        ("Australia/Lord_Howe", "2025-10-05", "2025-10-04T13:30", 23.5),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-05T13:00", 24.5),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),  # 00:00 does not exist: the day begins at 01:00
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", 25),  # its last hour occurs twice
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", 25),  # its first hour occurs twice
        ("Africa/Cairo", "2024-04-26", "2024-04-25T22:00", 23),
        ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15", 24),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
    ],
)
def test_a_day_begins_at_its_first_existing_instant(name: str, day: str, begins: str, hours: float) -> None:
    found = buckets(day, day, "day", name)
    assert found.edges == (utc(begins),)
    assert found.until - found.since == hours * HOUR
    assert local(found.edges[0], zone(name)).date().isoformat() == day
    assert local(found.edges[0] - 1, zone(name)).date().isoformat() < day
    hourly = buckets(day, day, "hour", name)
    assert len(hourly.edges) == len(set(hourly.labels)) == -(-hours // 1)
    assert all(later - earlier <= HOUR for earlier, later in pairwise(hourly.edges))


def test_an_hour_that_occurs_twice_has_two_labels() -> None:
    labels = buckets("2026-10-25", "2026-10-25", "hour", "Europe/Berlin").labels
    assert labels[1:5] == (
        "2026-10-25T01:00+02:00", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00",
    )  # fmt: skip
    labels = buckets("2026-03-29", "2026-03-29", "hour", "Europe/Berlin").labels
    assert labels[1:3] == ("2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00")


def test_hours_of_a_half_hour_change() -> None:
    labels = buckets("2025-04-06", "2025-04-06", "hour", "Australia/Lord_Howe").labels
    assert labels[1:4] == ("2025-04-06T01:00+11:00", "2025-04-06T01:30+10:30", "2025-04-06T02:00+10:30")
    labels = buckets("2025-10-05", "2025-10-05", "hour", "Australia/Lord_Howe").labels
    assert labels[1:4] == ("2025-10-05T01:00+10:30", "2025-10-05T02:30+11:00", "2025-10-05T03:00+11:00")


def test_hours_and_minutes_are_whole_on_the_wall_clock() -> None:
    found = buckets("2026-06-01", "2026-06-01", "hour", "Asia/Kathmandu")
    assert found.labels[0] == "2026-06-01T00:00+05:45"
    assert found.edges[0] == utc("2026-05-31T18:15")
    found = cut(utc("2026-06-01T10:00:30"), utc("2026-06-01T10:02:00"), "minute", zone("UTC"), "monday")
    assert found.labels == ("2026-06-01T10:00+00:00", "2026-06-01T10:01+00:00")


def test_a_day_that_a_zone_skipped_is_no_bucket() -> None:
    assert buckets("2011-12-29", "2011-12-31", "day", "Pacific/Apia").labels == ("2011-12-29", "2011-12-31")


def test_weeks_and_months() -> None:
    assert buckets("2026-11-01", "2026-11-09", "week", "UTC").labels == ("2026-10-26", "2026-11-02", "2026-11-09")
    sundays = buckets("2026-11-01", "2026-11-09", "week", "UTC", "sunday").labels
    assert sundays == ("2026-11-01", "2026-11-08")
    found = buckets("2026-01-31", "2026-03-01", "month", "Europe/Berlin")
    assert found.labels == ("2026-01-01", "2026-02-01", "2026-03-01")
    assert found.edges[0] == utc("2025-12-31T23:00"), "a clipped first bucket keeps its start"


def test_the_end_is_exclusive() -> None:
    day = utc("2026-06-01T00:00")
    assert cut(day, day + 24 * HOUR, "day", zone("UTC"), "monday").labels == ("2026-06-01",)
    assert cut(day, day + 24 * HOUR + 1, "day", zone("UTC"), "monday").labels == ("2026-06-01", "2026-06-02")
    assert cut(day + 24 * HOUR - 1, day + 24 * HOUR, "day", zone("UTC"), "monday").labels == ("2026-06-01",)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu"])
@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
def test_runs_lead_back_to_every_edge(name: str, interval: Interval) -> None:
    found = buckets("2017-12-31", "2019-01-02", interval, name)
    rebuilt: dict[int, int] = {}
    for run in runs(found):
        for n in range(run.count):
            rebuilt[run.first + n] = run.start + n * run.width
    assert rebuilt == dict(enumerate(found.edges))
    assert len(runs(found)) < len(found.edges)
    last = runs(found)[-1]
    assert (found.until - 1 - last.start) // last.width == last.count - 1, "nothing falls behind the last bucket"


def test_a_long_last_day_is_one_bucket() -> None:
    found = buckets("2026-10-20", "2026-10-25", "day", "Europe/Berlin")
    last = runs(found)[-1]
    assert (last.first, last.count, last.width) == (5, 1, 25 * HOUR)


def test_too_many_buckets() -> None:
    with pytest.raises(InvalidReport, match="more than 10000 buckets") as raised:
        buckets("1970-01-01", "2026-01-01", "minute", "UTC")
    assert raised.value.code == "too_many_buckets"
    with pytest.raises(InvalidReport, match="hour"):
        buckets("2024-01-01", "2025-03-01", "hour", "Europe/Berlin")


def test_only_zones_of_the_package() -> None:
    for name in ("Mars/Olympus", "", "../etc/passwd", "Europe/berlin", "zoneinfo", "America"):
        with pytest.raises(InvalidReport) as raised:
            zone(name)
        assert raised.value.code == "unknown_timezone"
