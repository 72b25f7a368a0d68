"""What repeated looks do to a test, against the published table and against simulation."""

import math

import numpy as np
import pytest

from evensplit.stats.looks import MOST, error_rate

# Armitage, McPherson, Rowe 1969, table 2 (normal observations, known variance), at 5 % and 1 %.
PUBLISHED = [(1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320)]
AT_ONE_PERCENT = [(1, 0.010), (2, 0.018), (5, 0.033), (10, 0.047)]


@pytest.mark.parametrize(("looks", "rate"), PUBLISHED)
def test_the_published_table(looks: int, rate: float) -> None:
    assert error_rate(looks) == pytest.approx(rate, abs=5.1e-4)


@pytest.mark.parametrize(("looks", "rate"), AT_ONE_PERCENT)
def test_the_published_table_at_one_percent(looks: int, rate: float) -> None:
    assert error_rate(looks, 0.01) == pytest.approx(rate, abs=5.1e-4)


def test_simulation() -> None:
    runs, looks = 20_000, 25
    sums = np.cumsum(np.random.default_rng(3).standard_normal((runs, looks)), axis=1) / np.sqrt(np.arange(1, looks + 1))
    crossed = float((np.abs(sums).max(axis=1) > 1.959963984540054).mean())
    assert abs(crossed - error_rate(looks)) < 3 * math.sqrt(crossed * (1 - crossed) / runs)


def test_it_only_grows_and_ends_somewhere() -> None:
    rates = [error_rate(looks) for looks in (1, 2, 3, 5, 8, 13, 21)]
    assert rates == sorted(rates)
    assert error_rate(MOST + 50) == error_rate(MOST) < 0.43
