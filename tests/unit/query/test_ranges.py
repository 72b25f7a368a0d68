"""Reading `since`, `until` and shifts."""

from datetime import UTC, datetime

import pytest

from evensplit.errors import InvalidReport
from evensplit.query.ranges import Step, back, resolve, shift, written
from evensplit.query.zones import instant, zone

BERLIN = zone("Europe/Berlin")


def utc(text: str) -> int:
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


NOW = utc("2026-11-22T16:44:30.500")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-01", "2026-10-31T23:00", "2026-11-01T23:00"),
        ("2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00", "2026-11-01T10:00"),
        ("2026-11-01T10:00+05:45", "2026-11-01T04:15", "2026-11-01T04:15"),
        ("2026-11-01t10:00:00.1239z", "2026-11-01T10:00:00.123", "2026-11-01T10:00:00.123"),
        ("2026-11-01 10:00", "2026-11-01T09:00", "2026-11-01T09:00"),
        ("2026-03-29T02:30", "2026-03-29T01:00", "2026-03-29T01:00"),  # skipped by the clock: the end of the gap
        ("2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T00:30"),  # occurs twice: the first time
        ("now", "2026-11-22T16:44:30.500", "2026-11-22T16:44:30.500"),
        ("-30d", "2026-10-22T22:00", "2026-10-22T22:00"),
        ("-0d", "2026-11-21T23:00", "2026-11-21T23:00"),
        ("-2w", "2026-11-07T23:00", "2026-11-07T23:00"),
        ("-1m", "2026-10-21T22:00", "2026-10-21T22:00"),
        ("-9m", "2026-02-21T23:00", "2026-02-21T23:00"),
        ("-1y", "2025-11-21T23:00", "2025-11-21T23:00"),
        ("-24h", "2026-11-21T16:00", "2026-11-21T16:00"),
        ("-15min", "2026-11-22T16:29", "2026-11-22T16:29"),
    ],
)
def test_forms(text: str, since: str, until: str) -> None:
    assert resolve(text, "since", NOW, BERLIN) == utc(since)
    assert resolve(text, "until", NOW, BERLIN) == utc(until)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday-ish", "2026-13-01", "2026-02-30", "20261101", "2026-11-01T25:00", "-30", "30d", "-30x", "+1d",
     "1899-12-31", "2200-01-01", "1899-12-30T23:59Z", "2200-01-02T00:00Z",
     "0001-01-01T00:00Z", "9999-12-31", "-99999y", "-1d\n", "٢٠٢٦-11-01", "2026-W45-1"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        resolve(text, "since", NOW, BERLIN)
    assert raised.value.code == "invalid_time"
    assert "since" in raised.value.message


@pytest.mark.parametrize("text", ["2026-03-29T01:00", "2026-10-25T01:00", "2018-07-01T00:00:00.007"])
@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_written_instants_are_read_back(text: str, name: str) -> None:
    assert resolve(written(utc(text), zone(name)), "until", NOW, zone(name)) == utc(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_the_first_and_the_last_day_are_read_back(name: str) -> None:
    """Written down, the end of the last one lies in the year after it, and the first may begin in the year before."""
    for field, text in (("since", "1900-01-01"), ("until", "2199-12-31")):
        at = resolve(text, field, NOW, zone(name))
        assert resolve(written(at, zone(name)), field, NOW, zone(name)) == at


def test_written_before_standard_time() -> None:
    assert written(utc("1900-01-01T00:00"), zone("Africa/Monrovia")) == "1900-01-01T00:00:00.000+00:00"


def test_going_back_keeps_the_wall_clock() -> None:
    assert back(utc("2026-10-26T11:00"), Step(7, "d"), BERLIN) == utc("2026-10-19T10:00")
    assert back(utc("2026-10-26T11:00"), Step(1, "w"), BERLIN) == utc("2026-10-19T10:00")
    assert back(utc("2026-10-26T11:00"), Step(168, "h"), BERLIN) == utc("2026-10-19T11:00")
    assert back(utc("2026-03-31T11:00"), Step(1, "m"), BERLIN) == utc("2026-02-28T12:00")
    assert back(utc("2028-02-29T11:00"), Step(1, "y"), BERLIN) == utc("2027-02-28T11:00")
    assert back(utc("2026-04-05T00:30"), Step(1, "w"), BERLIN) == utc("2026-03-29T01:00"), "02:30 does not exist there"


@pytest.mark.parametrize("text", ["", "7d", "-0d", "-7", "previous", "-7d-7d"])
def test_wrong_shifts(text: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        shift(text)
    assert raised.value.code == "invalid_shift"
