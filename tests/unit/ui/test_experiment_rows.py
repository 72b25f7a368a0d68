"""The axis of lifts, the bars on it, and the charts over time: where things stand, and that unknown is no number."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evensplit.experiments.results import ComparisonNumbers, Daily, DayLine, MetricResult, NonInferiority
from evensplit.experiments.split import Arrived
from evensplit.experiments.verdict import Verdict
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.ui.experiments import charts, words
from evensplit.ui.experiments.rows import axis, bar, groups

OPEN = Verdict("undecided")
WIDE = Interval(0.5, 0.1, 0.9)
ends = st.floats(-50, 50, allow_nan=False)


def comparison(variant: str, lift: Interval | None, **more: object) -> ComparisonNumbers:
    return ComparisonNumbers(variant=variant, versus="control", difference=lift, lift=lift, **more)  # type: ignore[arg-type]


def metric(name: str, role: str, *comparisons: ComparisonNumbers, verdict: Verdict = OPEN) -> MetricResult:
    return MetricResult(metric=name, kind="mean", role=role, direction="up", comparisons=comparisons, verdict=verdict)


# --- the axis -------------------------------------------------------------------------------------


def test_the_axis_has_round_ticks_and_holds_zero() -> None:
    found = axis([WIDE, None, Interval(0.2, -0.1, 0.5)])
    assert found is not None
    assert [tick.label for tick in found.ticks] == ["-20%", "0%", "20%", "40%", "60%", "80%", "100%"]
    assert (found.ticks[0].at, found.ticks[-1].at, found.zero) == (0.0, 100.0, 16.67)


def test_without_a_lift_there_is_no_axis_and_no_bar() -> None:
    assert axis([None, None]) is None
    assert bar(None, axis([WIDE])) is None
    assert bar(WIDE, None) is None


def test_what_goes_further_than_the_axis_is_cut_off_and_says_so() -> None:
    far = Interval(40.0, -0.2, 90.0)
    scale = axis([Interval(0.1, 0.0, 0.2), Interval(0.1, -0.1, 0.3), Interval(0.0, -0.2, 0.2), far])
    assert scale is not None and scale.high < 2
    found = bar(far, scale)
    assert found is not None and found.more_right and not found.more_left and found.right == 100.0


def test_an_open_end_reaches_the_edge() -> None:
    found = bar(Interval(0.1, 0.05, None), axis([Interval(0.1, 0.05, None)]))
    assert found is not None and found.more_right and found.right == 100.0


@example([[0.0, 5e-324, 1.0]])
@example([[0.0, 0.0, 5e-324]])
@given(st.lists(st.tuples(ends, ends, ends).map(sorted), min_size=1, max_size=8))
def test_every_bar_stands_within_the_axis_in_order(found: list[list[float]]) -> None:
    lifts = [Interval(middle, low, high) for low, middle, high in found]
    scale = axis(lifts)
    assert scale is not None
    assert scale.low <= 0 <= scale.high and 2 <= len(scale.ticks) <= 8
    for lift in lifts:
        placed = bar(lift, scale)
        assert placed is not None
        assert 0 <= placed.left <= placed.at <= placed.right <= 100
        assert placed.more_left == (lift.lower is not None and lift.lower < scale.low)


# --- rows -----------------------------------------------------------------------------------------


def test_roles_in_their_order_the_control_first() -> None:
    results = [metric("b", "secondary"), metric("a", "primary", comparison("green", WIDE))]
    found = groups(results, "control")
    assert [group.role for group in found] == ["primary", "secondary"]
    assert [row.variant for row in found[0].metrics[0].rows] == ["control", "green"]
    assert found[0].metrics[0].rows[0].is_control and found[0].metrics[0].rows[0].n is None
    assert found[1].axis is None


def test_an_unknown_comparison_has_its_reason_and_nothing_else() -> None:
    why = NotEnough("no_observations", "nobody yet")
    row = groups([metric("a", "primary", comparison("green", None, unknown=why))], "control")[0].metrics[0].rows[1]
    assert row.unknown == why
    assert (row.bar, row.lift, row.difference, row.p_value, row.chance_to_win) == (None,) * 5
    assert row.state == words.Word("unknown", "warn")


@pytest.mark.parametrize(
    ("role", "verdict", "lift", "more", "text"),
    [
        ("primary", Verdict("decided", better=("green",)), WIDE, {}, "better"),
        ("primary", Verdict("decided", worse=("green",)), WIDE, {}, "worse"),
        ("guardrail", Verdict("decided", worse=("green",)), WIDE, {}, "harmed"),
        ("primary", Verdict("undecided"), WIDE, {}, "open"),
        ("guardrail", Verdict("undecided"), WIDE, {}, "no harm seen"),
        ("primary", Verdict("srm_suspect"), WIDE, {}, "not to be trusted"),
        ("guardrail", Verdict("undecided"), WIDE, {"non_inferior": True}, "within its margin"),
        ("guardrail", Verdict("undecided"), WIDE, {"non_inferior": False}, "open"),
        ("primary", Verdict("unknown"), WIDE, {}, "better"),
        ("primary", Verdict("unknown"), Interval(-0.5, -0.9, -0.1), {}, "worse"),
        ("primary", Verdict("unknown"), Interval(0.1, -0.2, 0.4), {}, "open"),
    ],
)
def test_the_state_in_a_word(role: str, verdict: Verdict, lift: Interval, more: dict[str, bool], text: str) -> None:
    margin = {"non_inferiority": NonInferiority(margin=0.1, **more)} if more else {}  # type: ignore[arg-type]
    found = comparison("green", lift, **margin)
    assert words.state(metric("a", role, found, verdict=verdict), found).text == text


# --- over time ------------------------------------------------------------------------------------


def over(*lifts: Interval | None) -> Daily:
    lines = tuple(
        DayLine(day=f"2026-11-{n:02}", until="", users={}, comparisons=(comparison("green", lift),))
        for n, lift in enumerate(lifts, 1)
    )
    return Daily(
        experiment="e", metric="a", as_of="", method="sequential", alpha=0.05, alternative="two-sided",
        timezone="UTC", interval="day", control="control", lines=lines,
    )  # fmt: skip


def test_a_band_leaves_out_days_that_are_unknown() -> None:
    line, band = charts.daily(over(None, WIDE, None, Interval(0.4, 0.2, 0.6)))["data"]
    assert line["y"] == [None, 0.5, None, 0.4]
    assert band["x"] == ["2026-11-02", "2026-11-04", "2026-11-04", "2026-11-02"]
    assert band["y"] == [0.1, 0.2, 0.6, 0.9]
    assert line["meta"] == band["meta"] == {"like": 0}


def test_one_day_has_whiskers_instead() -> None:
    (line,) = charts.daily(over(WIDE))["data"]
    assert line["error_y"]["array"] == [pytest.approx(0.4)]
    assert line["error_y"]["arrayminus"] == [pytest.approx(0.4)]


def test_nothing_known_draws_nothing() -> None:
    assert charts.daily(over(None, None))["data"] == []


def narrowing(days: int, width: float) -> Daily:
    """An interval that becomes narrower with the users, whose number grows evenly."""
    half = [width / math.sqrt(day) for day in range(1, days + 1)]
    return over(*(Interval(0.1, 0.1 - each, 0.1 + each) for each in half))


def test_the_first_days_do_not_flatten_the_others() -> None:
    wide = over(Interval(0.2, -30.0, 90.0), Interval(-0.3, -1.0, 2.0), *[Interval(0.05, -0.1, 0.2)] * 6)
    found = charts.daily(wide)
    low, high = found["layout"]["yaxis"]["range"]
    assert -0.4 < low < -0.3 and 0.2 < high < 0.3, "every point and the later intervals, no more"
    assert 90.0 in found["data"][1]["y"], "the band itself is left as it is"


@example([[0.0, 5e-324, 1.0]])
@example([[0.0, 0.0, 5e-324]])
@given(st.lists(st.tuples(ends, ends, ends).map(sorted), min_size=1, max_size=12))
def test_the_axis_over_time_holds_zero_every_point_and_the_latest_interval(found: list[list[float]]) -> None:
    chart = charts.daily(over(*(Interval(middle, low, high) for low, middle, high in found)))
    if (reach := chart["layout"]["yaxis"].get("range")) is None:
        return  # plotly then shows everything
    low, high = reach
    held = [0.0, found[-1][0], found[-1][2], *(middle for _, middle, _ in found)]
    assert low < min(held) and max(held) < high
    assert high - low < 1.12 * (max(map(max, [*found, [0.0]])) - min(map(min, [*found, [0.0]])))


@pytest.mark.parametrize("days", [2, 10, 30])
def test_growing_certainty_is_cut(days: int) -> None:
    axis = charts.daily(narrowing(days, 0.5))["layout"]["yaxis"]
    assert axis["range"][1] < 0.1 + 0.5, "less than the first day alone"


def test_intervals_of_about_one_width_are_all_shown() -> None:
    assert "range" not in charts.daily(over(*[WIDE] * 5))["layout"]["yaxis"]
    assert "range" not in charts.daily(over(Interval(0.5, 0.0, 1.0), WIDE, WIDE))["layout"]["yaxis"]


def test_users_add_up_over_the_days() -> None:
    came = [
        Arrived(variant="a", users=3, day="2026-11-01"),
        Arrived(variant="b", users=2, day="2026-11-01"),
        Arrived(variant="a", users=4, day="2026-11-03", phase=1),
        Arrived(variant="a", users=1, day="2026-11-03"),
    ]
    lines = {trace["name"]: trace["y"] for trace in charts.arrivals(came, ["b", "a", "c"])["data"]}
    assert lines == {"b": [2, 2], "a": [3, 8], "c": [0, 0]}
    assert charts.users_by_day(came) == {"2026-11-01": {"a": 3, "b": 2}, "2026-11-03": {"a": 5}}
    assert all(math.isfinite(value) for line in lines.values() for value in line)
