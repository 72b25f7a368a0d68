"""When an event happened."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit import clock
from evensplit.errors import Rejected
from evensplit.ingest.timestamps import AHEAD_MS, Arrival, milliseconds, to_record

NOW = clock.from_text("2026-11-22 10:11:12.345")
ARRIVAL = Arrival(NOW)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("2026-01-02T03:04:05.678Z", "2026-01-02 03:04:05.678"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05.000"),
        ("2026-01-02 03:04:05.6789999z", "2026-01-02 03:04:05.678"),
        ("2026-01-02t03:04:05.1+00:00", "2026-01-02 03:04:05.100"),
        ("2026-01-02T03:04:05.678+05:30", "2026-01-01 21:34:05.678"),
        ("2026-01-02T03:04:05-00:00", "2026-01-02 03:04:05.000"),
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00.000"),
        ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00.000"),
        ("1970-01-01T00:00:00.000Z", "1970-01-01 00:00:00.000"),
        ("1970-01-01T01:00:00+01:00", "1970-01-01 00:00:00.000"),
        (0, "1970-01-01 00:00:00.000"),
        (1_700_000_000, "2023-11-14 22:13:20.000"),
        (1_700_000_000_123, "2023-11-14 22:13:20.123"),
        (1_700_000_000.129, "2023-11-14 22:13:20.129"),
        (1_700_000_000.1299, "2023-11-14 22:13:20.129"),
        (1_700_000_000_123.9, "2023-11-14 22:13:20.123"),
        (999_999_999.99, "2001-09-09 01:46:39.990"),
        (100_000_000_000, "1973-03-03 09:46:40.000"),
        ("2026-11-23T10:11:12.345Z", "2026-11-23 10:11:12.345"),
    ],
)
def test_what_is_read(sent: str | int | float, text: str) -> None:
    assert to_record(sent, ARRIVAL) == text


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "yesterday",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.678",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05 Z",
        " 2026-01-02T03:04:05Z",
        "2026-1-02T03:04:05.6789Z",
        "2026-W01-1T03:04:05.678Z",
        "2026-01-02T24:00:00.000Z",
        "2026-01-02T03:04:05,678Z",
        "2026-02-30T00:00:00.000Z",
        "2026-02-30T00:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:05+99:00",
        "٢٠٢٦-01-02T03:04:05Z",
        "1700000000",
        "1969-12-31T23:59:59.999Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-23T10:11:12.346Z",
        -1,
        -0.001,
        1e300,
        -1e300,
        10**400,
    ],
)
def test_what_is_refused(sent: str | int | float) -> None:
    with pytest.raises(Rejected) as refused:
        to_record(sent, ARRIVAL)
    assert refused.value.code == "invalid_timestamp"
    assert len(refused.value.message) < 300


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(0, NOW + AHEAD_MS), ZONES)
def test_every_form_of_one_instant_is_one_time(moment: int, zone: timezone) -> None:
    there = datetime(1970, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(milliseconds=moment)
    text = clock.to_text(moment)
    forms = [there.isoformat(), there.isoformat(timespec="milliseconds")]
    forms.append(there.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    assert {to_record(form, ARRIVAL) for form in forms} == {text}
    if moment >= 100_000_000_000:
        assert to_record(moment, ARRIVAL) == text
    assert to_record(moment / 1000, ARRIVAL) == text


@given(st.text(alphabet="0123456789-:.TZtz+W ", max_size=30) | st.floats(allow_nan=False) | st.integers())
def test_anything_is_a_time_within_bounds_or_refused(sent: str | int | float) -> None:
    try:
        text = to_record(sent, ARRIVAL)
    except Rejected:
        return
    assert clock.EPOCH_TEXT <= text <= clock.to_text(NOW + AHEAD_MS)
    assert clock.from_text(text) == milliseconds(sent)


def test_a_wrong_clock_is_corrected_and_a_slow_request_is_not() -> None:
    hour = Arrival(NOW, NOW - 3_600_000)
    assert to_record("2026-11-22T09:00:00.000Z", hour) == "2026-11-22 10:00:00.000"
    assert to_record("2026-11-22T09:00:00Z", hour) == "2026-11-22 10:00:00.000"
    assert Arrival(NOW, NOW - 999).skew_ms == 0
    assert Arrival(NOW, NOW + 1_000).skew_ms == -1_000
    assert Arrival(NOW, "2026-11-22T10:11:10.345Z").skew_ms == 2_000
    with pytest.raises(Rejected):
        to_record(0, Arrival(NOW, NOW + 5_000))
    with pytest.raises(Rejected, match="sent_at"):
        Arrival(NOW, "soon")
