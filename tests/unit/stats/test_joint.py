"""Sums of several numbers at once: merging, digits, and what leaves the range of doubles."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evensplit.stats.joint import Joint, joint, merge_joint
from evensplit.stats.moments import moments

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)
ROWS = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[NUMBERS] * width), max_size=30))


def near(found: Joint, expected: Joint) -> None:
    """Totals to the last digits; products within what numbers of that size lose when they are added."""
    assert found.n == expected.n
    assert found.totals == pytest.approx(expected.totals, rel=1e-12, abs=1e-6)
    assert found.products == pytest.approx(expected.products, rel=1e-9, abs=1e-2)


@given(rows=ROWS, at=st.integers(0, 30))
def test_merging_the_parts_gives_the_whole(rows: list[tuple[float, ...]], at: int) -> None:
    width = len(rows[0]) if rows else 1
    near(merge_joint(joint(rows[:at], width), joint(rows[at:], width)), joint(rows, width))


@given(rows=ROWS.filter(bool))
def test_products_are_those_of_exact_fractions(rows: list[tuple[float, ...]]) -> None:
    width, n = len(rows[0]), len(rows)
    found = joint(rows, width)
    exact = [[Fraction(row[i]) for row in rows] for i in range(width)]
    for i in range(width):
        for j in range(width):
            product = sum(x * y for x, y in zip(exact[i], exact[j], strict=True)) - sum(exact[i]) * sum(exact[j]) / n
            assert found.product(i, j) == found.product(j, i) == pytest.approx(float(product), rel=1e-6, abs=1e-6)


def test_covariances_are_those_of_numpy() -> None:
    dice = np.random.default_rng(5)
    rows = dice.normal(1e9, 1, size=(500, 3))  # a small variance beside a large mean
    found = joint([tuple(row) for row in rows], 3)
    expected = np.cov((rows - 1e9).T)
    for i in range(3):
        assert found.mean(i) == pytest.approx(rows[:, i].mean(), rel=1e-15)
        for j in range(3):
            assert found.covariance(i, j) == pytest.approx(expected[i, j], rel=1e-9)


# a square by `**` is a digit off the product
@example(values=[0.0, 0.0, 0.0, 277079.0, 65908.32870676671, 612915.270270494, -525.1864852032159, -188731.41648024716,
                 -217267.4644538015, -268890.3014192302, -458189.51588010194, -671123.0274122471, -710007.697922964,
                 -814826.5324142762, -845555.9661454929])  # fmt: skip
@given(values=st.lists(NUMBERS, min_size=1, max_size=20))
def test_one_number_by_itself(values: list[float]) -> None:
    found = joint([(value, -value) for value in values], 2)
    assert found.only(0) == moments(values)
    assert found.product(0, 1) == pytest.approx(-found.product(0, 0))


def test_nothing_is_merged_with_nothing() -> None:
    empty, one = joint([], 2), joint([(1.0, 2.0)], 2)
    assert merge_joint(empty, empty) == empty == Joint(0, (0.0, 0.0), (0.0, 0.0, 0.0))
    assert merge_joint(empty, one) == merge_joint(one, empty) == one


def test_what_is_not_finite_says_so() -> None:
    assert joint([(1.0, 2.0), (3.0, 5.0)], 2).is_finite
    assert not Joint(2, (1.0, math.inf), (1.0, 1.0, 1.0)).is_finite
    assert not Joint(2, (1.0, 1.0), (1.0, math.nan, 1.0)).is_finite
