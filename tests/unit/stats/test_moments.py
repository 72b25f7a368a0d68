"""Moments: merge(split(x)) == moments(x), and nothing is lost beside a large mean."""

import math
import statistics
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.stats.moments import EMPTY, Moments, binary, merge, moments

numbers = st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=40)


@given(numbers, st.integers(0, 40))
def test_merging_the_halves_gives_the_whole(values: list[float], cut: int) -> None:
    whole = moments(values)
    merged = merge(moments(values[:cut]), moments(values[cut:]))
    assert merged.n == whole.n
    assert merged.total == pytest.approx(whole.total, rel=1e-12, abs=1e-6)
    assert merged.m2 == pytest.approx(whole.m2, rel=1e-9, abs=1e-4)


@given(numbers, numbers)
def test_merging_knows_no_order(left: list[float], right: list[float]) -> None:
    one, other = merge(moments(left), moments(right)), merge(moments(right), moments(left))
    assert (one.n, one.total) == (other.n, other.total)
    assert one.m2 == pytest.approx(other.m2, rel=1e-12, abs=1e-9)


@given(numbers)
def test_they_are_what_the_standard_library_says(values: list[float]) -> None:
    found = moments(values)
    assert found.mean == (pytest.approx(statistics.fmean(values), abs=1e-9) if values else None)
    exact = statistics.variance(values) if len(values) > 1 else None
    assert found.variance == (pytest.approx(exact, rel=1e-9, abs=1e-9) if exact is not None else None)


def test_a_large_mean_does_not_drown_a_small_variance() -> None:
    values = [1e9 + (n % 3 - 1) for n in range(3000)]
    found = moments(values)
    assert found.variance == pytest.approx(2 / 3 * 3000 / 2999, rel=1e-12)
    assert merge(moments(values[:1700]), moments(values[1700:])).variance == pytest.approx(found.variance, rel=1e-9)


def test_nothing_and_one() -> None:
    assert moments([]) == EMPTY
    assert (EMPTY.mean, EMPTY.variance) == (None, None)
    assert (moments([3.0]).mean, moments([3.0]).variance) == (3.0, None)
    assert merge(EMPTY, moments([3.0])) == merge(moments([3.0]), EMPTY) == Moments(1, 3.0, 0.0)


@given(st.integers(0, 500), st.integers(0, 500))
def test_binary(zeros: int, ones: int) -> None:
    plain = moments([0.0] * zeros + [1.0] * ones)
    assert binary(zeros + ones, ones).total == plain.total
    assert binary(zeros + ones, ones).m2 == pytest.approx(plain.m2, abs=1e-9)


def test_what_left_the_range_of_doubles_is_not_finite() -> None:
    assert not Moments(2, math.inf, 0.0).is_finite
    assert not Moments(2, 1.0, math.nan).is_finite
    assert Moments(2, 1.0, 0.0).is_finite


def test_scipy_is_not_loaded() -> None:
    code = "import sys, evensplit.stats.moments, evensplit.stats.frequentist; print('scipy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "False"
