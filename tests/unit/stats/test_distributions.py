"""Tails and quantiles, against scipy.stats."""

import pytest
from scipy import stats

from evensplit.stats import distributions


@pytest.mark.parametrize("z", [0.0, 0.5, -1.96, 5.0, -12.0, 37.0])
def test_normal_tail(z: float) -> None:
    assert distributions.normal_two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


@pytest.mark.parametrize("probability", [1e-12, 0.001, 0.025, 0.5, 0.975, 1 - 1e-9])
@pytest.mark.parametrize("degrees", [1.0, 2.3, 17.5, 58595.48, 1e8])
def test_quantiles(probability: float, degrees: float) -> None:
    assert distributions.normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), rel=1e-9, abs=1e-12)
    expected = stats.t.ppf(probability, degrees)
    assert distributions.t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("t", [0.0, 0.3, -2.0, 9.0, -40.0])
@pytest.mark.parametrize("degrees", [1.0, 2.3, 17.5, 58595.48])
def test_t_tail(t: float, degrees: float) -> None:
    expected = 2 * stats.t.sf(abs(t), degrees)
    assert distributions.t_two_sided(t, degrees) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("statistic", [0.0, 0.1, 6.9024, 80.0])
@pytest.mark.parametrize("degrees", [1, 2, 9])
def test_chi_squared_tail(statistic: float, degrees: int) -> None:
    expected = stats.chi2.sf(statistic, degrees)
    assert distributions.chi_squared_upper(statistic, degrees) == pytest.approx(expected, rel=1e-9)
