"""Confidence sequences against gbstats' numbers, and under a peek after every hundred users."""

import random

import numpy as np
import pytest

from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Interval
from evensplit.stats.moments import Moments, binary
from evensplit.stats.sequential import compare_always


def sums(n: int, total: float, squares: float) -> Moments:
    return Moments(n, total, squares - total * total / n)


def known(shape: str) -> Contrast:
    if shape == "mean":
        found = contrast("mean", sums(1100, 5960.0, 36500.0), sums(1000, 5210.0, 31000.0))
    else:
        found = contrast("proportion", binary(1100, 260), binary(1000, 210))
    assert isinstance(found, Contrast)
    return found


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
    found = compare_always(known(shape), 0.05, horizon)
    assert (found.difference.lower, found.difference.upper) == pytest.approx(difference, rel=1e-9)
    assert isinstance(found.lift, Interval)
    assert (found.lift.lower, found.lift.upper) == pytest.approx(lift, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.001])
def test_the_p_value_is_below_alpha_where_the_interval_leaves_0_out(alpha: float) -> None:
    dice = random.Random(5)
    for _ in range(200):
        n, m = dice.randrange(2, 5000), dice.randrange(2, 5000)
        found = contrast("proportion", binary(n, dice.randrange(1, n)), binary(m, dice.randrange(1, m)))
        assert isinstance(found, Contrast)
        told = compare_always(found, alpha)
        outside = told.difference.lower > 0 or told.difference.upper < 0
        assert outside == (told.p_value < alpha)


@pytest.mark.parametrize("skewed", [False, True])
def test_peeking_after_every_hundred_users(skewed: bool) -> None:
    """1,000 A/A tests of 5,000 users, looked at fifty times each: a fixed test would be wrong in a quarter of them."""
    dice = np.random.default_rng(11)
    wrong = 0
    for _ in range(1000):
        values = dice.lognormal(0, 1, (2, 2500)) if skewed else dice.normal(0, 1, (2, 2500))
        counts = np.arange(50, 2501, 50)
        totals, squares = (np.cumsum(values**power, axis=1)[:, counts - 1] for power in (1, 2))
        for at, n in enumerate(counts):
            sides = [sums(int(n), float(totals[side, at]), float(squares[side, at])) for side in (0, 1)]
            found = contrast("mean", *sides)
            assert isinstance(found, Contrast)
            if compare_always(found, 0.05).p_value < 0.05:
                wrong += 1
                break
    assert wrong <= 71  # 50 expected at most, three standard errors of the simulation above
