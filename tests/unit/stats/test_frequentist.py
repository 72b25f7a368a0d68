"""The tests against scipy, statsmodels and published numbers; and what is answered where there is no number."""

import math
import random

import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from evensplit.stats.contrast import contrast
from evensplit.stats.estimate import Compared, Interval, NotEnough
from evensplit.stats.frequentist import compare
from evensplit.stats.moments import EMPTY, Moments, binary, moments
from evensplit.stats.samples import values
from tests.unit.stats.known import known


def compare_proportions(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    found = contrast(values("proportion", variant), values("proportion", control))
    return found if isinstance(found, NotEnough) else compare(found, alpha)


def compare_means(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    found = contrast(values("mean", variant), values("mean", control))
    return found if isinstance(found, NotEnough) else compare(found, alpha)


def lift(found: Compared) -> Interval:
    interval = known(found).lift
    assert isinstance(interval, Interval), interval
    return interval


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0"), [(20119, 45489, 20034, 44700), (3, 10, 5, 11), (0, 50, 4, 60), (999, 1000, 1, 900)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.001, 0.3])
def test_proportions_equal_statsmodels(x1: int, n1: int, x0: int, n0: int, alpha: float) -> None:
    found = known(compare_proportions(binary(n1, x1), binary(n0, x0), alpha))
    z, p_value = proportions_ztest([x1, x0], [n1, n0])
    low, high = confint_proportions_2indep(x1, n1, x0, n0, method="wald", compare="diff", alpha=alpha)
    assert found.statistic == pytest.approx(z, rel=1e-12)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    assert (found.difference.lower, found.difference.upper) == pytest.approx((low, high), rel=1e-9)
    assert found.difference.estimate == pytest.approx(x1 / n1 - x0 / n0, rel=1e-12)
    assert found.degrees_of_freedom is None


def test_the_published_numbers_of_cookie_cats() -> None:
    """https://www.kaggle.com/datasets/yufengsui/mobile-games-ab-testing, the counts of its rows."""
    day_1 = known(compare_proportions(binary(45489, 20119), binary(44700, 20034)))
    assert (day_1.difference.estimate, day_1.p_value) == pytest.approx((-0.0059052, 0.07441), rel=1e-4)
    day_7 = known(compare_proportions(binary(45489, 8279), binary(44700, 8502)))
    assert (day_7.difference.estimate, day_7.p_value) == pytest.approx((-0.0082013, 0.0015542), rel=1e-4)
    assert (day_7.difference.lower, day_7.difference.upper) == pytest.approx((-0.0132816, -0.0031210), rel=1e-4)


@pytest.mark.parametrize(
    ("mean", "spread", "n1", "n0"), [(0, 1, 30, 40), (5, 0.1, 2, 3), (1e9, 1, 500, 400), (1e-9, 1e-9, 9, 9)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_means_equal_scipy(mean: float, spread: float, n1: int, n0: int, alpha: float) -> None:
    dice = random.Random(f"{mean} {n1}")
    one = [dice.gauss(mean + spread / 3, spread) for _ in range(n1)]
    zero = [dice.gauss(mean, 2 * spread) for _ in range(n0)]
    found = known(compare_means(moments(one), moments(zero), alpha))
    expected = stats.ttest_ind(one, zero, equal_var=False)
    interval = expected.confidence_interval(1 - alpha)
    tolerance = 1e-9 if mean < 1e6 else 1e-6  # scipy itself loses digits beside a large mean
    assert found.statistic == pytest.approx(expected.statistic, rel=tolerance)
    assert found.p_value == pytest.approx(expected.pvalue, rel=tolerance)
    assert found.degrees_of_freedom == pytest.approx(expected.df, rel=tolerance)
    assert (found.difference.lower, found.difference.upper) == pytest.approx(
        (interval.low, interval.high), rel=tolerance
    )


def test_the_lift_is_the_delta_method() -> None:
    """The gradient of (a - b) / b taken by hand, with the test's own quantile."""
    one, zero = moments([3.0, 5.0, 4.0, 8.0]), moments([2.5, 3.0, 3.8, 3.5, 2.7])
    found = known(compare_means(one, zero))
    a, b = one.total / one.n, zero.total / zero.n
    va, vb = one.m2 / (one.n - 1) / one.n, zero.m2 / (zero.n - 1) / zero.n
    error = math.sqrt((1 / b) ** 2 * va + (a / b**2) ** 2 * vb)
    assert found.degrees_of_freedom is not None
    quantile = stats.t.ppf(0.975, found.degrees_of_freedom)
    assert lift(found).estimate == pytest.approx(a / b - 1, rel=1e-12)
    lower, upper = lift(found).lower, lift(found).upper
    assert lower is not None and upper is not None
    assert upper - lift(found).estimate == pytest.approx(quantile * error, rel=1e-9)
    assert lift(found).estimate - lower == pytest.approx(quantile * error, rel=1e-9)
    rates = lift(compare_proportions(binary(900, 120), binary(1000, 100)))
    assert rates.estimate == pytest.approx((120 / 900) / 0.1 - 1, rel=1e-12)


def test_a_negative_control_keeps_its_interval_in_order() -> None:
    found = lift(compare_means(moments([-3.0, -2.0, -4.0]), moments([-1.0, -1.5, -0.5])))
    assert found.lower is not None and found.upper is not None
    assert found.lower < found.estimate < found.upper


@pytest.mark.parametrize(
    ("variant", "control", "reason"),
    [
        (EMPTY, binary(10, 3), "no_observations"),
        (binary(10, 3), EMPTY, "no_observations"),
        (binary(10, 0), binary(12, 0), "no_variance"),
        (binary(10, 10), binary(12, 12), "no_variance"),
        (binary(1, 1), binary(1, 0), "no_variance"),
    ],
)
def test_proportions_without_an_answer(variant: Moments, control: Moments, reason: str) -> None:
    found = compare_proportions(variant, control)
    assert isinstance(found, NotEnough)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("variant", "control", "reason"),
    [
        (EMPTY, moments([1.0, 2.0]), "too_few_observations"),
        (moments([1.0]), moments([1.0, 2.0]), "too_few_observations"),
        (moments([0.1] * 7), moments([0.1] * 3), "no_variance"),
        (moments([0.1] * 7), moments([0.7] * 11), "no_variance"),
        (moments([1e15 / 3] * 7), moments([1e15 / 3] * 11), "no_variance"),
        (Moments(5, math.inf, 1.0), moments([1.0, 2.0]), "overflow"),
        (Moments(5, 1e300, math.inf), moments([1.0, 2.0]), "overflow"),
        (Moments(5, 1e300, math.nan), moments([1.0, 2.0]), "overflow"),
    ],
)
def test_means_without_an_answer(variant: Moments, control: Moments, reason: str) -> None:
    for found in (compare_means(variant, control), compare_means(control, variant)):
        assert isinstance(found, NotEnough)
        assert found.reason == reason


def test_a_control_of_zero_has_a_difference_but_no_lift() -> None:
    found = known(compare_means(moments([1.0, 2.0, 3.0]), moments([-1.0, 0.0, 1.0])))
    assert found.difference.estimate == 2
    assert isinstance(found.lift, NotEnough)
    assert found.lift.reason == "control_is_zero"
    tiny = known(compare_means(moments([1.0, 2.0]), moments([1e-300, 3e-300])))
    assert isinstance(tiny.lift, NotEnough)
    assert tiny.lift.reason == "control_near_zero"


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # of scipy, about its own arithmetic
def test_one_side_without_scatter_still_has_an_answer() -> None:
    found = known(compare_means(moments([1.0, 2.0, 3.0]), moments([1.0, 1.0, 1.0])))
    expected = stats.ttest_ind([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(2)


def test_values_near_the_end_of_doubles_do_not_overflow() -> None:
    one, zero = moments([1e140, 3e140, 2e140]), moments([2e140, 5e140, 9e140])
    plain = known(compare_means(moments([1.0, 3.0, 2.0]), moments([2.0, 5.0, 9.0])))
    found = known(compare_means(one, zero))
    assert found.p_value == pytest.approx(plain.p_value, rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-9)


def test_the_error_rate_is_the_one_that_was_asked_for() -> None:
    """2,000 comparisons without an effect: 5 % of them below 0.05, within five standard deviations."""
    dice = random.Random(11)
    low = 0
    for _ in range(2000):
        one = moments([dice.expovariate(1) for _ in range(60)])
        zero = moments([dice.expovariate(1) for _ in range(90)])
        low += known(compare_means(one, zero)).p_value < 0.05
    assert abs(low - 100) < 5 * math.sqrt(2000 * 0.05 * 0.95)
