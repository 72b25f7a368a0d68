"""Checks of one comparison: each finds what it is for, and leaves alone what is as it should be."""

import math
from typing import TypeAlias

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from evensplit.stats.contrast import Contrast, Uncertain, contrast
from evensplit.stats.estimate import Comparison, Interval, NotEnough
from evensplit.stats.joint import joint
from evensplit.stats.samples import Quantiles, Ratios, Values
from evensplit.stats.trust import Drift, Sensitivity, before, bias, drift, sensitivity, surprising

RNG = np.random.default_rng(11)


Column: TypeAlias = NDArray[np.float64]


def sample(*columns: Column) -> Values:
    return Values("mean", joint(zip(*(column.tolist() for column in columns), strict=True), len(columns)))


# --- before the experiment ------------------------------------------------------------------------


def test_groups_that_differed_before_are_found() -> None:
    ours, theirs = RNG.normal(0, 1, 4_000), RNG.normal(0.15, 1, 4_000)
    found = bias(sample(RNG.normal(0, 1, 4_000), ours), sample(RNG.normal(0, 1, 4_000), theirs))
    assert isinstance(found, Comparison)
    assert found.p_value == pytest.approx(stats.ttest_ind(ours, theirs, equal_var=False).pvalue, rel=1e-9)
    assert found.p_value < 0.001


def test_without_a_covariate_nothing_is_said() -> None:
    plain = sample(RNG.normal(0, 1, 10))
    assert bias(plain, plain) is None
    assert before(Quantiles(0.5, 10, 1.0, 0.5, 1.5)) is None
    ratio = Ratios(joint([[1.0, 2.0], [2.0, 2.0], [0.0, 1.0]], 2))
    assert before(ratio) is None


def test_a_ratio_had_a_ratio_before() -> None:
    rows = RNG.normal(5, 1, (50, 4)).tolist()
    found = before(Ratios(joint(rows, 4)))
    assert found == Ratios(joint([row[2:] for row in rows], 2))


# --- huge values ----------------------------------------------------------------------------------


def both(variant: Column, cap: float) -> Sensitivity:
    control = RNG.exponential(10, len(variant))
    plain = contrast(sample(variant), sample(control))
    capped = contrast(sample(np.minimum(variant, cap)), sample(np.minimum(control, cap)))
    assert isinstance(plain, Contrast) and isinstance(capped, Contrast)
    found = sensitivity(plain, capped)
    assert isinstance(found, Sensitivity)
    return found


def test_one_huge_value_is_seen_to_carry_the_difference() -> None:
    found = both(np.append(RNG.exponential(10, 4_999), 1e6), 70.0)
    assert found.is_suspect and found.plain.difference.estimate > 100 > found.capped.difference.estimate
    assert 0.5 < found.moved < 1


def test_capping_that_changes_little_is_no_suspicion() -> None:
    found = both(RNG.exponential(12, 5_000), 70.0)
    assert not found.is_suspect and found.moved < 0.5
    assert found.plain.p_value < 0.05 and found.capped.p_value < 0.05


# --- over the days --------------------------------------------------------------------------------


def test_the_line_is_that_of_weighted_least_squares() -> None:
    days, errors = np.arange(10), RNG.uniform(0.05, 0.2, 10)
    effects = 0.5 - 0.04 * days + RNG.normal(0, errors)
    found = drift([(int(d), Uncertain(float(x), float(e))) for d, x, e in zip(days, effects, errors, strict=True)])
    assert isinstance(found, Drift)
    line = sm.WLS(effects, sm.add_constant(days), weights=1 / errors**2).fit(cov_type="fixed scale")
    assert found.slope.estimate == pytest.approx(line.params[1], rel=1e-9)
    assert found.first == pytest.approx(line.params[0], rel=1e-9)
    assert found.p_value == pytest.approx(line.pvalues[1], rel=1e-6)
    assert (found.slope.lower, found.slope.upper) == pytest.approx(tuple(line.conf_int()[1]), rel=1e-6)
    assert found.days == 10


@pytest.mark.parametrize(("slope", "fades", "grows"), [(-0.05, True, False), (0.0, False, False), (0.05, False, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_fading_and_growing(slope: float, fades: bool, grows: bool, sign: int) -> None:
    found = drift([(day, Uncertain(sign * (0.4 + slope * day), 0.05)) for day in range(7)])
    assert isinstance(found, Drift)
    assert (found.fades, found.grows) == (fades, grows)


def test_too_few_days() -> None:
    found = drift([(day, Uncertain(0.1, 0.1)) for day in range(3)])
    assert isinstance(found, NotEnough) and found.reason == "too_few_days"
    same = drift([(0, Uncertain(0.1, 0.1))] * 5)
    assert isinstance(same, NotEnough)


def test_the_error_rate_of_the_slope_holds() -> None:
    random = np.random.default_rng(5)
    errors = random.uniform(0.05, 0.2, 14)
    found = []
    for _ in range(2_000):
        days = enumerate(zip(random.normal(0.3, errors).tolist(), errors.tolist(), strict=True))
        found.append(drift([(day, Uncertain(*effect)) for day, effect in days]))
    low = sum(isinstance(each, Drift) and each.p_value < 0.05 for each in found)
    assert abs(low / 2_000 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 2_000)


# --- too good to be true --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (Interval(0.9, 0.6, 1.2), True),
        (Interval(0.9, 0.4, 1.4), False),
        (Interval(-0.8, -0.9, -0.7), True),
        (Interval(0.02, 0.01, 0.03), False),
        (Interval(0.9, 0.6, None), True),
        (Interval(0.9, None, 1.5), True),
    ],
)
def test_surprising(lift: Interval, expected: bool) -> None:
    assert surprising(lift) is expected
