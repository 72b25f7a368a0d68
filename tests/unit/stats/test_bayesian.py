"""Posteriors against gbstats' numbers and against sampling; the two kinds of posterior agree where they must."""

import numpy as np
import pytest

from evensplit.stats.bayesian import Belief, Prior, believe, believe_proportions
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.stats.moments import EMPTY, Moments, binary


def sums(n: int, total: float, squares: float) -> Moments:
    return Moments(n, total, squares - total * total / n)


def means() -> Contrast:
    found = contrast("mean", sums(1100, 5960.0, 36500.0), sums(1000, 5210.0, 31000.0))
    assert isinstance(found, Contrast)
    return found


def shown(interval: Interval | NotEnough) -> tuple[float, float, float]:
    assert isinstance(interval, Interval), interval
    return interval.estimate, interval.lower, interval.upper


def test_a_flat_prior_equals_gbstats() -> None:
    """gbstats 0.8.0, EffectBayesianABTest with an improper prior."""
    found = believe(means())
    assert found.chance_to_win == pytest.approx(0.9924481807852185, rel=1e-9)
    assert shown(found.difference) == pytest.approx(
        (0.20818181818181802, 0.04026071770671494, 0.376102918656921), rel=1e-9
    )
    assert shown(found.lift) == pytest.approx(
        (0.03995812249171171, 0.007044099673135025, 0.07287214531028839), rel=1e-9
    )
    losses = (found.expected_loss_of_control, found.expected_loss)
    assert losses == pytest.approx((0.2083947417610561, 0.00021292357923808014), rel=1e-9)


def test_an_informative_prior_equals_gbstats() -> None:
    """The same with a prior of mean 0.02 and standard deviation 0.09 of the lift."""
    found = believe(means(), prior=Prior(0.02, 0.09))
    assert found.chance_to_win == pytest.approx(0.9924558737378102, rel=1e-9)
    assert shown(found.difference) == pytest.approx(
        (0.20482251602748497, 0.03963616699229028, 0.3700088650626796), rel=1e-9
    )
    assert shown(found.lift) == pytest.approx(
        (0.039286636097848715, 0.006931042849338702, 0.07164222934635872), rel=1e-9
    )


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0"), [(260, 1100, 210, 1000), (3, 20, 1, 30), (0, 50, 4, 60), (999, 1000, 890, 900)]
)
def test_proportions_equal_sampling(x1: int, n1: int, x0: int, n0: int) -> None:
    found = believe_proportions(binary(n1, x1), binary(n0, x0))
    assert isinstance(found, Belief)
    dice, size = np.random.default_rng(3), 400_000
    ours, theirs = dice.beta(1 + x1, 1 + n1 - x1, size), dice.beta(1 + x0, 1 + n0 - x0, size)
    gone = ours - theirs
    assert found.chance_to_win == pytest.approx((gone > 0).mean(), abs=0.004)
    assert found.expected_loss == pytest.approx(np.maximum(-gone, 0).mean(), abs=5 * gone.std() / size**0.5)
    assert found.expected_loss_of_control == pytest.approx(np.maximum(gone, 0).mean(), abs=5 * gone.std() / size**0.5)
    bounds = np.quantile(gone, [0.025, 0.975])
    assert shown(found.difference)[1:] == pytest.approx(bounds, abs=0.02 * gone.std())
    ratios = np.quantile(ours / theirs - 1, [0.025, 0.975])
    assert shown(found.lift)[1:] == pytest.approx(ratios, rel=0.03, abs=0.01)


def test_proportions_by_an_exact_sum() -> None:
    """P(Beta(a, b) > Beta(c, d)) for whole a as a finite sum (Miller 2015)."""
    from scipy.special import betaln

    (x1, n1), (x0, n0) = (12, 40), (7, 35)
    a, b, c, d = 1 + x1, 1 + n1 - x1, 1 + x0, 1 + n0 - x0
    wins = sum(np.exp(betaln(c + i, b + d) - np.log(b + i) - betaln(1 + i, b) - betaln(c, d)) for i in range(a))
    found = believe_proportions(binary(n1, x1), binary(n0, x0))
    assert isinstance(found, Belief)
    assert found.chance_to_win == pytest.approx(wins, rel=1e-9)


def test_many_users_make_the_two_posteriors_one() -> None:
    one, zero = binary(200_000, 60_500), binary(200_000, 60_000)
    found = contrast("proportion", one, zero)
    assert isinstance(found, Contrast)
    exact = believe_proportions(one, zero)
    assert isinstance(exact, Belief)
    assert exact.chance_to_win == pytest.approx(believe(found).chance_to_win, rel=1e-4)
    assert shown(exact.difference) == pytest.approx(shown(believe(found).difference), rel=1e-2)


def test_losses_differ_by_the_difference() -> None:
    for prior in (None, Prior(0.0, 0.01)):
        found = believe(means(), prior=prior)
        assert found.expected_loss_of_control - found.expected_loss == pytest.approx(found.difference.estimate)


@pytest.mark.parametrize("sides", [(EMPTY, binary(5, 1)), (binary(5, 1), EMPTY)])
def test_an_empty_side(sides: tuple[Moments, Moments]) -> None:
    found = believe_proportions(*sides)
    assert isinstance(found, NotEnough)
    assert found.reason == "no_observations"


def test_a_control_without_success_has_no_lift() -> None:
    found = believe_proportions(binary(50, 4), binary(60, 0))
    assert isinstance(found, Belief)
    assert isinstance(found.lift, NotEnough)
    assert found.lift.reason == "control_is_zero"
