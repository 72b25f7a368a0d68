"""Cochran's Q and I2 against statsmodels, and under the hypothesis that there is one effect for all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from evensplit.stats.contrast import Uncertain
from evensplit.stats.estimate import NotEnough
from evensplit.stats.heterogeneity import Heterogeneity, heterogeneity


def of(effects: list[tuple[float, float]]) -> Heterogeneity:
    found = heterogeneity([Uncertain(*effect) for effect in effects])
    assert isinstance(found, Heterogeneity)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_statsmodels(seed: int) -> None:
    random = np.random.default_rng(seed)
    effects, errors = random.normal(0.1, 0.5, 12), random.uniform(0.05, 0.4, 12)
    found = of(list(zip(effects.tolist(), errors.tolist(), strict=True)))
    theirs = combine_effects(effects, errors**2, method_re="dl", use_t=False)
    assert found.q == pytest.approx(theirs.q, rel=1e-12)
    assert found.i_squared == pytest.approx(max(0.0, theirs.i2), rel=1e-9)
    assert found.common.estimate == pytest.approx(theirs.mean_effect_fe, rel=1e-12)
    assert found.common.error == pytest.approx(theirs.sd_eff_w_fe, rel=1e-12)
    assert found.p_value == pytest.approx(theirs.test_homogeneity().pvalue, rel=1e-9)
    assert found.degrees_of_freedom == 11


def test_equal_effects_do_not_differ() -> None:
    found = of([(0.3, 0.1), (0.3, 0.2), (0.3, 5.0)])
    assert found.q < 1e-20 and found.p_value == pytest.approx(1) and found.i_squared == 0


def test_one_part_is_not_enough() -> None:
    found = heterogeneity([Uncertain(0.1, 0.1)])
    assert isinstance(found, NotEnough) and found.reason == "too_few_parts"


def test_the_error_rate_holds() -> None:
    """2,000 times eight parts with one effect: 5 % of the p values lie below 0.05, within 3 Monte Carlo errors."""
    random = np.random.default_rng(7)
    errors = random.uniform(0.05, 0.4, 8)
    low = sum(of(list(zip(random.normal(0.2, errors).tolist(), errors.tolist(), strict=True))).p_value < 0.05
              for _ in range(2_000))  # fmt: skip
    assert abs(low / 2_000 - 0.05) < 3 * math.sqrt(0.05 * 0.95 / 2_000)


REASONABLE = st.floats(1e-150, 1e150)


@given(st.lists(st.builds(Uncertain, st.floats(-1e300, 1e300), REASONABLE), max_size=5))
def test_never_a_number_that_is_none(effects: list[Uncertain]) -> None:
    found = heterogeneity(effects)
    if isinstance(found, Heterogeneity):
        assert math.isfinite(found.q) and 0 <= found.p_value <= 1 and 0 <= found.i_squared <= 1
        assert math.isfinite(found.common.estimate) and found.common.error > 0
