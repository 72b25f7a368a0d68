"""Confidence sequences against gbstats' numbers, and under a peek after every hundred users."""

import math
import random

import numpy as np
import pytest
from scipy import integrate, stats

from evensplit.stats.contrast import Contrast
from evensplit.stats.estimate import Alternative
from evensplit.stats.moments import Moments, binary
from evensplit.stats.samples import values
from evensplit.stats.sequential import boundary, compare_always, p_value, rho_squared
from tests.unit.stats.known import apart, interval, known


def sums(n: int, total: float, squares: float) -> Moments:
    return Moments(n, total, squares - total * total / n)


def pair(shape: str) -> Contrast:
    if shape == "mean":
        return apart(values("mean", sums(1100, 5960.0, 36500.0)), values("mean", sums(1000, 5210.0, 31000.0)))
    return apart(values("proportion", binary(1100, 260)), values("proportion", binary(1000, 210)))


# gbstats 0.8.0, SequentialTwoSidedTTest, absolute and relative differences of the same sums.
PUBLISHED = [
    ("mean", 5000, (-0.05858726979284, 0.4749509061565), (-0.012330981284087, 0.0922472262675101), 0.214869459199),
    ("mean", 1000, (-0.05442351297274, 0.47078714933638), (-0.011514848072715, 0.0914310930561385), 0.259437512962),
    ("proportion", 5000, (-0.030198634754009, 0.0829259074812818), (-0.1613014631408, 0.412383714223), 0.92594237544),
    ("proportion", 1000, (-0.029315805547992, 0.082043078275265), (-0.156824397248421, 0.407906648330672), 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "horizon", "difference", "lift", "p_value"), PUBLISHED)
def test_gbstats(
    shape: str, horizon: int, difference: tuple[float, float], lift: tuple[float, float], p_value: float
) -> None:
    found = known(compare_always(pair(shape), 0.05, horizon))
    assert interval(found.difference)[1:] == pytest.approx(difference, rel=1e-9)
    assert interval(found.lift)[1:] == pytest.approx(lift, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)


ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "greater", "less")


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001, 0.7])
def test_the_p_value_is_below_alpha_where_the_interval_leaves_0_out(alpha: float, alternative: Alternative) -> None:
    dice = random.Random(5)
    for _ in range(100):
        n, m = dice.randrange(2, 5000), dice.randrange(2, 5000)
        shares = [values("proportion", binary(size, dice.randrange(1, size))) for size in (n, m)]
        told = known(compare_always(apart(*shares), alpha, alternative=alternative))
        lower, upper = told.difference.lower, told.difference.upper
        outside = (lower is not None and lower > 0) or (upper is not None and upper < 0)
        assert outside == (told.p_value < alpha)
        # A correction asks for another interval of the same sequence: the p value stays, and says the same.
        other = known(compare_always(apart(*shares), alpha / 3, alternative=alternative, tuned=alpha))
        assert other.p_value == told.p_value
        lower, upper = other.difference.lower, other.difference.upper
        outside = (lower is not None and lower > 0) or (upper is not None and upper < 0)
        assert outside == (told.p_value < alpha / 3)


@pytest.mark.parametrize("z", [-3.0, -0.5, 0.0, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("weight", [0.01, 1.0, 40.0])
def test_one_side_is_the_mixture_over_half_a_normal(z: float, weight: float) -> None:
    """The likelihood ratio exp(z h - h^2 / 2) of an effect h (in standard errors), averaged over h ~ |N(0, weight)|."""
    ratio, _ = integrate.quad(
        lambda h: math.exp(z * h - h * h / 2) * 2 * stats.norm.pdf(h, scale=math.sqrt(weight)), 0, 60, limit=500
    )
    assert p_value(z, weight, "greater") == pytest.approx(min(1.0, 1 / ratio), rel=1e-6)
    assert p_value(-z, weight, "less") == p_value(z, weight, "greater")
    for alpha in (0.05, 0.3):
        assert p_value(boundary(weight, alpha, "greater"), weight, "greater") == pytest.approx(alpha, rel=1e-9)
        assert boundary(weight, alpha, "greater") < boundary(weight, alpha)


def test_the_interval_is_tightest_near_the_horizon() -> None:
    def reach(horizon: int) -> float:
        return boundary(2000 * rho_squared(0.05, horizon), 0.05)

    assert min((500, 1000, 2000, 4000, 8000), key=reach) == 2000
    assert reach(1900) == pytest.approx(reach(2000), rel=1e-2)


@pytest.mark.parametrize("skewed", [False, True])
def test_peeking_after_every_hundred_users(skewed: bool) -> None:
    """1,000 A/A tests of 5,000 users, looked at fifty times each: a fixed test would be wrong in a quarter of them."""
    dice = np.random.default_rng(11)
    wrong: dict[Alternative, int] = {"two-sided": 0, "greater": 0}
    for _ in range(1000):
        seen = dice.lognormal(0, 1, (2, 2500)) if skewed else dice.normal(0, 1, (2, 2500))
        counts = np.arange(50, 2501, 50)
        totals, squares = (np.cumsum(seen**power, axis=1)[:, counts - 1] for power in (1, 2))
        variances = (squares - totals**2 / counts) / (counts - 1)
        z = ((totals[0] - totals[1]) / counts) / np.sqrt((variances[0] + variances[1]) / counts)
        for alternative in wrong:
            weights = 2 * counts * rho_squared(0.05, 5000, alternative)
            wrong[alternative] += any(
                p_value(float(at), float(w), alternative) < 0.05 for at, w in zip(z, weights, strict=True)
            )
    assert max(wrong.values()) <= 71  # 50 expected at most, three standard errors of the simulation above
    assert min(wrong.values()) >= 5  # and it is not that nothing is ever found
