"""Samples as one number and how surely it is known: quantiles and ratios by resampling, covariates, and the reasons
for which there is no answer."""

import math
import random

import numpy as np
import pytest

from evensplit.stats.contrast import Contrast, Cuped, contrast
from evensplit.stats.cuped import Adjustment, adjusted
from evensplit.stats.estimate import NotEnough
from evensplit.stats.frequentist import compare
from evensplit.stats.joint import Joint, joint
from evensplit.stats.samples import Quantiles, Ratios, Sample, Values, nothing_like, units
from evensplit.stats.sides import Side, side_of
from tests.unit.stats.known import apart, known
from tests.unit.stats.shoppers import CONTROL, VARIANT, clustered, loyal, page_loads, quantile_of, spent, spent_a_visit


def side(sample: Sample) -> Side:
    found = side_of(sample)
    assert isinstance(found, Side), found
    return found


def reason(found: object) -> str:
    assert isinstance(found, NotEnough), found
    return found.reason


# --- quantiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_the_error_of_a_quantile_is_that_of_many_samples(q: float) -> None:
    dice = np.random.default_rng(1)
    samples = dice.lognormal(0, 1, (1500, 800))
    told = [math.sqrt(side(quantile_of(list(row), q)).spread) for row in samples[:100]]
    assert np.mean(told) == pytest.approx(np.quantile(samples, q, axis=1).std(), rel=0.08)


def test_the_error_of_a_quantile_of_events_is_that_of_many_samples_of_users() -> None:
    """Users differ: taken for independent, the events would give an error a quarter too small."""
    made = [clustered(page_loads(seed, 300), 0.9) for seed in range(120)]
    values = [sample.value or 0.0 for sample in made]
    told = [math.sqrt(side(sample).spread) for sample in made]
    alone = [
        math.sqrt(side(Quantiles(each.q, each.points, each.value, each.lower, each.upper)).spread) for each in made
    ]
    assert np.mean(told) == pytest.approx(np.std(values), rel=0.2)
    assert np.mean(alone) < 0.75 * np.std(values)


def test_one_event_a_user_needs_no_clusters() -> None:
    """Then both formulas are one, but for n and n - 1."""
    values = [[dice] for dice in np.random.default_rng(2).exponential(1, 1000).tolist()]
    found, plain = clustered(values, 0.8), quantile_of([value for (value,) in values], 0.8)
    assert units(found) == units(plain) == 1000
    assert side(found).spread == pytest.approx(side(plain).spread, rel=2e-3)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (Quantiles(0.5, 0, None, None, None), "too_few_observations"),
        (Quantiles(0.5, 1, 3.0, 3.0, 3.0), "too_few_observations"),
        (quantile_of([1.0, 2.0, 3.0], 0.5), "too_few_observations"),
        (quantile_of([float(n) for n in range(100)], 0.99), "too_few_observations"),
        (quantile_of([float(n) for n in range(100)], 0.01), "too_few_observations"),
        (quantile_of([7.0] * 500, 0.5), "tied_values"),
        (Quantiles(0.5, 100, math.inf, 1.0, math.inf), "overflow"),
        (Quantiles(0.5, 100, 3.0, 2.0, 4.0, Joint(1, (50.0, 100.0), (0.0, 0.0, 0.0))), "too_few_observations"),
        (Quantiles(0.5, 100, 3.0, 2.0, 4.0, joint([(1, 2)] * 50, 2)), "no_variance"),
    ],
)
def test_quantiles_without_an_answer(sample: Quantiles, expected: str) -> None:
    assert reason(side_of(sample)) == expected


def test_ties_on_one_side_are_enough_to_say_nothing() -> None:
    good = quantile_of([float(n) for n in range(500)], 0.5)
    assert reason(contrast(good, quantile_of([7.0] * 500, 0.5))) == "tied_values"
    assert reason(contrast(quantile_of([7.0] * 500, 0.5), good)) == "tied_values"


# --- ratios ---------------------------------------------------------------------------------------


def test_a_ratio_to_ones_is_a_mean() -> None:
    rows = [each.spent for each in CONTROL]
    found = side(Ratios(joint([(value, 1.0) for value in rows], 2)))
    plain = side(spent(CONTROL))
    assert found.n == plain.n
    assert found.mean == pytest.approx(plain.mean, rel=1e-12)
    assert found.spread == pytest.approx(plain.spread, rel=1e-12)


def test_a_ratio_beside_a_large_mean() -> None:
    """Numerator and denominator near 1e9 that vary by 1: the terms cancel to a trillionth."""
    dice = random.Random(3)
    rows = [(1e9 + dice.gauss(0, 1), 1e9 + dice.gauss(0, 1)) for _ in range(1000)]
    linear = [(a - b) / 1e9 for a, b in rows]
    assert side(Ratios(joint(rows, 2))).spread == pytest.approx(np.var(linear, ddof=1) / 1000, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "too_few_observations"),
        ([(1.0, 2.0)], "too_few_observations"),
        ([(1.0, 0.0), (2.0, 0.0)], "denominator_is_zero"),
        ([(1.0, 1.0), (2.0, -1.0)], "denominator_is_zero"),
        ([(1.0, 1.0), (2.0, 0.0), (3.0, 0.0), (0.0, 0.0)], "denominator_near_zero"),
        ([(1e308, 1.0), (1e308, 2.0)], "overflow"),
    ],
)
def test_ratios_without_an_answer(rows: list[tuple[float, float]], expected: str) -> None:
    sample = (
        Ratios(joint(rows, 2))
        if rows != [(1e308, 1.0), (1e308, 2.0)]
        else Ratios(Joint(2, (math.inf, 3.0), (math.nan, math.nan, 0.5)))
    )
    assert reason(side_of(sample)) == expected


def test_the_same_ratio_for_all_users_does_not_scatter() -> None:
    same = Ratios(joint([(0.3 * n, 0.1 * n) for n in range(1, 40)], 2))
    assert side(same).spread == 0.0
    assert reason(contrast(same, same)) == "no_variance"


# --- covariates -----------------------------------------------------------------------------------


def test_the_covariate_takes_out_what_it_explains() -> None:
    plain, cuped = apart(spent(VARIANT), spent(CONTROL)), apart(spent(VARIANT, True), spent(CONTROL, True))
    assert isinstance(cuped.cuped, Cuped)
    assert cuped.difference.error < plain.difference.error
    assert cuped.cuped.variance_reduction == pytest.approx(
        1 - (cuped.difference.error / plain.difference.error) ** 2, rel=1e-12
    )
    assert (cuped.base.mean, cuped.base.spread) == (plain.control.mean, plain.control.spread)


def test_it_equals_a_regression_on_the_pooled_users() -> None:
    """theta is the slope of the value on the covariate, all users together; the rest is Welch's test of residuals."""
    found = apart(spent(VARIANT, True), spent(CONTROL, True))
    people = [*VARIANT, *CONTROL]
    slope, _ = np.polyfit([each.spent_before for each in people], [each.spent for each in people], 1)
    assert isinstance(found.cuped, Cuped)
    assert found.cuped.theta == pytest.approx(slope, rel=1e-9)
    residuals = [[each.spent - slope * each.spent_before for each in of] for of in (VARIANT, CONTROL)]
    assert found.difference.estimate == pytest.approx(np.mean(residuals[0]) - np.mean(residuals[1]), rel=1e-9)
    spreads = [np.var(each, ddof=1) / len(each) for each in residuals]
    assert found.difference.error == pytest.approx(math.sqrt(sum(spreads)), rel=1e-9)


@pytest.mark.parametrize(
    ("covariate", "expected"),
    [
        (lambda value: 3.0, "covariate_constant"),
        (lambda value: value, "covariate_explains_all"),
        (lambda value: math.inf, "covariate_unknown"),
    ],
)
def test_a_covariate_of_no_use_is_left_out(covariate: object, expected: str) -> None:
    assert callable(covariate)
    sides = []
    for of in (VARIANT, CONTROL):
        plain = joint([(each.spent, min(covariate(each.spent), 1e9)) for each in of], 2)
        if expected == "covariate_unknown":
            plain = Joint(plain.n, (plain.totals[0], math.inf), (plain.products[0], math.nan, math.nan))
        sides.append(Values("mean", plain))
    found = contrast(*sides)
    assert isinstance(found, Contrast)
    assert reason(found.cuped) == expected
    plain_answer = known(compare(apart(spent(VARIANT), spent(CONTROL))))
    assert known(compare(found)) == plain_answer


def test_a_ratio_whose_covariate_has_no_denominator() -> None:
    rows = [(each.spent, each.visits, each.spent_before, 0.0) for each in VARIANT]
    found = contrast(Ratios(joint(rows, 4)), Ratios(joint(rows, 4)))
    assert isinstance(found, Contrast)
    assert reason(found.cuped) == "covariate_unknown"


def test_shares_without_a_useful_covariate_keep_the_z_test() -> None:
    sides = [Values("proportion", joint([(each.loyal, 0.0) for each in of], 2)) for of in (VARIANT, CONTROL)]
    found = known(compare(apart(sides[0], sides[1])))
    assert found == known(compare(apart(loyal(VARIANT), loyal(CONTROL))))
    assert found.method == "z_test"


def test_one_theta_for_all_variants() -> None:
    found = adjusted([spent(VARIANT, True), spent(CONTROL, True), spent(CONTROL, True)])
    assert isinstance(found, Adjustment)
    assert len(found.sides) == 3
    assert found.sides[1] == found.sides[2]


@pytest.mark.parametrize("sample", [spent(CONTROL, True), spent_a_visit(CONTROL), clustered(page_loads(1, 9), 0.5)])
def test_a_variant_without_rows(sample: Sample) -> None:
    empty = nothing_like(sample)
    assert (type(empty), units(empty)) == (type(sample), 0)
    for pair in ((sample, empty), (empty, sample)):
        assert reason(contrast(*pair)) == "too_few_observations"
