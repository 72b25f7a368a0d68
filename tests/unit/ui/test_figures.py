"""Figures and times as they are shown, whatever others sent."""

import pytest

from evensplit import clock
from evensplit.ui import figures, rendering


def test_json_is_broken_between_its_members_and_stays_what_it_was() -> None:
    text = '{"a":"<b>,","b":[1,2],"c":{"d":null}}'
    shown = figures.broken(text)
    assert shown.count("<wbr>") == 3
    assert shown.replace("<wbr>", "") == figures.data(text)


@pytest.mark.parametrize(
    ("value", "short", "exact"),
    [
        (None, "–", "unknown"),
        (0, "0", "0"),
        (7, "7", "7"),
        (9_999, "9,999", "9,999"),
        (12_345, "12.3k", "12,345"),
        (999_999, "1,000k", "999,999"),
        (4_560_000, "4.56M", "4,560,000"),
        (7_000_000_000, "7B", "7,000,000,000"),
        (-12_345, "-12.3k", "-12,345"),
        (75.4321, "75.43", "75.4321"),
        (8_772.1, "8,772.10", "8,772.1"),
        (0.0123456, "0.0123", "0.0123456"),
        (1e-9, "1e-09", "1e-9"),
        (1e300, f"{1e288:,.0f}T", f"{1e300:.0e}".replace("e", "e")),
        (2.0, "2", "2"),
    ],
)
def test_numbers(value: float | None, short: str, exact: str) -> None:
    assert figures.exact(value) == exact
    assert figures.short(value) == short


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0.0%"), (1, "100%"), (0.1234, "12.3%"), (0.00042, "0.042%"), (2.5, "250%"), (-0.05, "-5.0%")],
)
def test_shares(value: float | None, shown: str) -> None:
    assert figures.percent(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.25, "0.25 s"),
        (42, "42 s"),
        (185, "3 min 5 s"),
        (7_800, "2 h 10 min"),
        (3_600, "1 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert figures.duration(seconds) == shown


def test_changes() -> None:
    assert figures.change(110, 100) == "+10.0%"
    assert figures.change(90, 100) == "-10.0%"
    assert figures.change(1, 0) == figures.change(None, 3) == figures.change(3, None) == "–"


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: clock.from_text("2026-11-22 12:00:00.000"))
    shown = str(figures.moment("2026-11-22 09:30:00.500"))
    assert 'datetime="2026-11-22T09:30:00.500Z"' in shown and ">2 h ago<" in shown
    assert figures.moment("2026-11-22T09:30:00.500Z") == figures.moment("2026-11-22 09:30:00.500")
    assert "0 s ago" in str(figures.moment("2026-11-22 13:00:00.000")), "a clock that is ahead"
    assert figures.moment(None) == "–"


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "a\0b", "\ud800", "\u202egnp.exe", '"><img src=x onerror=alert(1)>', "x" * 10_000],
)
def test_what_others_sent_becomes_text(text: str) -> None:
    shown = str(figures.data(text))
    assert shown.startswith("<bdi>") and "<script" not in shown and "<img" not in shown and "\0" not in shown
    shown.encode()
    block = str(figures.json_block({"text": text.encode("utf-8", "replace").decode()}))
    assert "<" not in block and ">" not in block


def test_a_name_that_is_not_there_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        rendering.render("fault.html", {})
