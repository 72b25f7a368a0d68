"""The interval of a lift: the delta method and Fieller's set, and which of them is used."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from evensplit.stats.contrast import Base, Contrast
from evensplit.stats.estimate import Alternative, Interval, Lift, NotEnough
from evensplit.stats.moments import Moments, moments
from evensplit.stats.relative import around, lift_around
from evensplit.stats.samples import values
from evensplit.stats.sides import Side
from tests.unit.stats.known import apart, interval, uncertain
from tests.unit.stats.shoppers import CONTROL, VARIANT, spent, spent_a_visit

Z = 1.959963984540054


def pair(variant: float, control: float, error: float = 1.0) -> Contrast:
    """Two means with the same standard error."""
    spread = error * error
    return Contrast("mean", Side(100, variant, spread), Side(100, control, spread), Base(control, spread, spread))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("quantile", [1.0, Z, 3.3])
def test_the_rule(quantile: float, sign: int) -> None:
    """Fieller where the control's own interval reaches 60 % of the way to 0: its quantile decides with it."""
    far, near = (lift_around(pair(9.0, sign * quantile * away), quantile) for away in (1.667, 1.666))
    assert isinstance(far, Lift) and isinstance(near, Lift)
    assert (far.method, near.method) == ("delta", "fieller")


@pytest.mark.parametrize("control", [2.5, 2.1, -2.3])
@pytest.mark.parametrize("variant", [-2.0, 0.0, 3.0])
def test_fieller_ends_where_the_test_ends(variant: float, control: float) -> None:
    """At an end of Fieller's set the variant is exactly 1.96 standard errors from (1 + change) * control; the interval
    ends there, or further out where the delta method ends."""
    found = pair(variant, control)
    lift = interval(lift_around(found, Z))
    delta = around(uncertain(found.lift), Z)
    for end, other in ((lift[1], delta.lower), (lift[2], delta.upper)):
        beyond = found.beyond(end)
        if end == other:
            assert abs(beyond.estimate) / beyond.error > Z
        else:
            assert abs(beyond.estimate) / beyond.error == pytest.approx(Z, rel=1e-9)
    assert lift[1:] != (delta.lower, delta.upper)
    assert found.beyond(lift[0]).estimate == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("control", [0.5, -1.9, 1e-9])
def test_a_control_not_told_from_0_has_no_bounds(control: float) -> None:
    found = lift_around(pair(3.0, control), Z)
    assert isinstance(found, NotEnough)
    assert found.reason == "control_near_zero"


def test_far_from_0_both_are_the_same() -> None:
    found = pair(1020.0, 1000.0)
    delta = interval(lift_around(found, Z))
    roots = np.roots(  # Fieller's quadratic, written out
        [
            found.base.mean**2 - Z * Z * found.base.spread,
            -2 * (20.0 * 1000.0 + Z * Z * found.base.spread),
            20.0**2 - Z * Z * (found.variant.spread + found.control.spread),
        ]
    )
    assert delta[1:] == pytest.approx(sorted(roots), rel=1e-3)


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize("control", [4.0, -4.0, 40.0, -40.0])
def test_one_side(alternative: Alternative, control: float) -> None:
    """Beside a negative control a greater variant is a lower lift."""
    lift = lift_around(pair(control + 1.0, control), Z, alternative)
    assert isinstance(lift, Interval)
    assert (lift.upper is None) == ((alternative == "greater") == (control > 0))
    assert (lift.lower is None) != (lift.upper is None)


@pytest.mark.parametrize(("change", "most"), [(-0.5, 0.05), (0.0, 0.065), (1.0, 0.085)])
@pytest.mark.parametrize("away", [3.0, 4.0, 5.0, 6.0, 8.0])
def test_the_interval_holds_the_truth(away: float, change: float, most: float) -> None:
    """Fieller where the control is near 0, delta beyond; a true control `away` from 0 gives some of both. Where the
    two are hardly known, the delta method misses more than it says."""
    dice, runs, missed = random.Random(f"{away} {change}"), 4000, 0
    for _ in range(runs):
        found = pair(dice.gauss((1 + change) * away, 1.0), dice.gauss(away, 1.0))
        lift = lift_around(found, Z)
        if isinstance(lift, Interval):  # an unbounded set holds everything
            missed += not interval(lift)[1] <= change <= interval(lift)[2]
    assert missed / runs <= most + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_the_covariate_and_the_measured_control_are_not_independent() -> None:
    """The lift with a covariate against a resampling of the users themselves."""
    found = apart(spent(VARIANT, True), spent(CONTROL, True))
    dice = np.random.default_rng(5)
    columns = [np.array([(each.spent, each.spent_before) for each in side]).T for side in (VARIANT, CONTROL)]
    assert found.cuped is not None and not isinstance(found.cuped, NotEnough)
    theta, lifts = found.cuped.theta, []
    for _ in range(3000):
        (y1, x1), (y0, x0) = (side[:, dice.integers(0, side.shape[1], side.shape[1])].mean(axis=1) for side in columns)
        lifts.append((y1 - y0 - theta * (x1 - x0)) / y0)
    assert uncertain(found.lift).error == pytest.approx(np.std(lifts), rel=0.06)


def test_a_ratio_is_resampled_alike() -> None:
    found = apart(spent_a_visit(VARIANT), spent_a_visit(CONTROL))
    dice = np.random.default_rng(6)
    columns = [np.array([(each.spent, each.visits) for each in side]).T for side in (VARIANT, CONTROL)]
    seen = []
    for _ in range(3000):
        (a1, b1), (a0, b0) = (side[:, dice.integers(0, side.shape[1], side.shape[1])].sum(axis=1) for side in columns)
        seen.append((a1 / b1) / (a0 / b0) - 1)
    assert uncertain(found.lift).error == pytest.approx(np.std(seen), rel=0.06)


def test_degrees_of_freedom_at_a_margin() -> None:
    """Those of Welch's test of the variant against the control times (1 + change)."""
    one, zero = [3.0, 5.0, 4.0, 8.0, 7.5], [2.0, 3.0, 4.0, 3.5]
    found = apart(values("mean", moments(one)), values("mean", moments(zero)))
    expected = stats.ttest_ind(one, [0.8 * value for value in zero], equal_var=False)
    assert found.degrees(-0.2) == pytest.approx(expected.df, rel=1e-9)
    beyond = found.beyond(-0.2)
    assert beyond.estimate / beyond.error == pytest.approx(expected.statistic, rel=1e-9)


def test_a_base_of_moments_keeps_its_sign() -> None:
    found = apart(values("mean", Moments(50, -500.0, 60.0)), values("mean", Moments(50, -450.0, 70.0)))
    assert uncertain(found.lift).estimate == pytest.approx(50 / 450)
