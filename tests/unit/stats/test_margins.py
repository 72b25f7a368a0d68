"""Non-inferiority and equivalence: against scipy and statsmodels, and their rates of errors."""

import math
import random
from typing import Literal

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from evensplit.stats import frequentist, sequential
from evensplit.stats.contrast import Contrast
from evensplit.stats.estimate import NotEnough
from evensplit.stats.margins import Beyond, p_inferior, p_outside
from evensplit.stats.moments import binary, moments
from evensplit.stats.samples import values
from tests.unit.stats.known import apart

ONE = [10.1, 9.7, 10.4, 10.0, 9.5, 10.9, 9.8, 10.2]
ZERO = [10.0, 10.2, 9.9, 10.5, 9.6, 10.1]


def means(one: list[float], zero: list[float]) -> Contrast:
    return apart(values("mean", moments(one)), values("mean", moments(zero)))


def fixed(found: Contrast) -> Beyond:
    return lambda change, way: frequentist.p_beyond(found, change, way)


def always(found: Contrast) -> Beyond:
    return lambda change, way: sequential.p_beyond(found, change, way, 0.05)


@pytest.mark.parametrize("margin", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_it_is_a_test_against_the_control_made_worse(margin: float, up: bool, sign: int) -> None:
    """Welch's test of the variant against the control times (1 -+ margin); the margin is of the control's size."""
    one, zero = [sign * value for value in ONE], [sign * value for value in ZERO]
    found = means(one, zero)
    factor = 1 - margin if up == (sign > 0) else 1 + margin
    alternative: Literal["greater", "less"] = "greater" if up else "less"
    worse = [factor * value for value in zero]
    if factor:
        expected = float(stats.ttest_ind(one, worse, equal_var=False, alternative=alternative).pvalue)
    else:  # a control made worse by all of it: is the variant above 0?
        expected = float(np.asarray(stats.ttest_1samp(one, 0.0, alternative=alternative).pvalue))
    assert p_inferior(found, margin, up, fixed(found)) == pytest.approx(expected, rel=1e-9)


def test_equivalence_is_two_one_sided_tests() -> None:
    """Against limits that are known, as statsmodels has them: of a control without scatter."""
    found = apart(values("mean", moments(ONE)), values("mean", moments([10.0] * 6)))
    expected, _, _ = ttost_ind(ONE, [10.0] * 6, -0.5, 0.5, usevar="unequal")
    both = p_outside(found, 0.05, fixed(found))
    assert not isinstance(both, NotEnough)
    assert max(both) == pytest.approx(expected, rel=1e-9)


def test_shares() -> None:
    """The normal distribution, with both variances as they are."""
    found = apart(values("proportion", binary(2000, 410)), values("proportion", binary(1900, 400)))
    p, q = 410 / 2000, 400 / 1900
    z = (p - 0.9 * q) / math.sqrt(p * (1 - p) / 2000 + 0.81 * q * (1 - q) / 1900)
    assert p_inferior(found, 0.1, True, fixed(found)) == pytest.approx(stats.norm.sf(z), rel=1e-9)


def test_a_control_of_0_has_no_margin() -> None:
    found = means([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0])
    for answer in (p_inferior(found, 0.1, True, fixed(found)), p_outside(found, 0.1, fixed(found))):
        assert isinstance(answer, NotEnough)
        assert answer.reason == "control_is_zero"


def test_a_margin_at_which_nothing_scatters() -> None:
    found = means([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    answer = p_inferior(found, 1.0, True, fixed(found))
    assert isinstance(answer, NotEnough)
    assert answer.reason == "no_variance"


def test_a_harmful_variant_is_let_through_as_rarely_as_alpha_says() -> None:
    """The variant is worse by exactly the margin: non-inferior and equivalent in 5 % of experiments each, or fewer."""
    dice, runs, margin = random.Random(12), 800, 0.1
    wrong = {"non_inferior": 0, "equivalent": 0, "always": 0}
    for _ in range(runs):
        one = [dice.expovariate(1 / (1 - margin)) for _ in range(400)]
        zero = [dice.expovariate(1.0) for _ in range(400)]
        found = means(one, zero)
        worse, outside = p_inferior(found, margin, True, fixed(found)), p_outside(found, margin, fixed(found))
        seen = p_inferior(found, margin, True, always(found))
        assert (
            not isinstance(worse, NotEnough) and not isinstance(outside, NotEnough) and not isinstance(seen, NotEnough)
        )
        wrong["non_inferior"] += worse < 0.05
        wrong["equivalent"] += max(outside) < 0.05
        wrong["always"] += seen < 0.05
    error = math.sqrt(0.05 * 0.95 / runs)
    assert abs(wrong["non_inferior"] / runs - 0.05) < 4 * error
    assert wrong["equivalent"] <= wrong["non_inferior"]
    assert wrong["always"] / runs < 0.05
