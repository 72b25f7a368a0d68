"""Posteriors against gbstats' numbers and against sampling; the two kinds of posterior agree where they must."""

import numpy as np
import pytest

from evensplit.stats.bayesian import Belief, Prior, believe, chance_above
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Alternative, NotEnough
from evensplit.stats.moments import EMPTY, Moments, binary
from evensplit.stats.samples import values
from tests.unit.stats.known import apart, believed
from tests.unit.stats.known import interval as shown


def sums(n: int, total: float, squares: float) -> Moments:
    return Moments(n, total, squares - total * total / n)


def means() -> Contrast:
    return apart(values("mean", sums(1100, 5960.0, 36500.0)), values("mean", sums(1000, 5210.0, 31000.0)))


def shares(variant: Moments, control: Moments) -> Contrast:
    return apart(values("proportion", variant), values("proportion", control))


def believe_proportions(variant: Moments, control: Moments) -> Belief:
    return believed(believe(shares(variant, control)))


def test_a_flat_prior_equals_gbstats() -> None:
    """gbstats 0.8.0, EffectBayesianABTest with an improper prior."""
    found = believed(believe(means()))
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
    found = believed(believe(means(), prior=Prior(0.02, 0.09)))
    assert found.chance_to_win == pytest.approx(0.9924558737378102, rel=1e-9)
    assert shown(found.difference) == pytest.approx(
        (0.20482251602748497, 0.03963616699229028, 0.3700088650626796), rel=1e-9
    )
    assert shown(found.lift) == pytest.approx(
        (0.039286636097848715, 0.006931042849338702, 0.07164222934635872), rel=1e-9
    )


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0"), [(260, 1100, 210, 1000), (3, 20, 2, 30), (1, 50, 4, 60), (999, 1000, 890, 900)]
)
def test_proportions_equal_sampling(x1: int, n1: int, x0: int, n0: int) -> None:
    found = believe_proportions(binary(n1, x1), binary(n0, x0))
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
    assert found.chance_to_win == pytest.approx(wins, rel=1e-9)


def test_many_users_make_the_two_posteriors_one() -> None:
    one, zero = binary(200_000, 60_500), binary(200_000, 60_000)
    exact = believe_proportions(one, zero)
    normal = believed(believe(apart(values("mean", one), values("mean", zero))))
    assert (exact.method, normal.method) == ("beta_binomial", "normal_posterior")
    assert exact.chance_to_win == pytest.approx(normal.chance_to_win, rel=1e-4)
    assert shown(exact.difference) == pytest.approx(shown(normal.difference), rel=1e-2)
    assert shown(exact.lift) == pytest.approx(shown(normal.lift), rel=1e-2, abs=1e-4)


def test_losses_differ_by_the_difference() -> None:
    for prior in (None, Prior(0.0, 0.01)):
        found = believed(believe(means(), prior=prior))
        assert found.expected_loss_of_control - found.expected_loss == pytest.approx(found.difference.estimate)


@pytest.mark.parametrize("sides", [(EMPTY, binary(5, 1)), (binary(5, 1), EMPTY)])
def test_an_empty_side(sides: tuple[Moments, Moments]) -> None:
    found = contrast(values("proportion", sides[0]), values("proportion", sides[1]))
    assert isinstance(found, NotEnough)
    assert found.reason == "no_observations"


def test_a_control_without_success_has_no_lift() -> None:
    found = believe_proportions(binary(50, 4), binary(60, 0))
    assert isinstance(found.lift, NotEnough)
    assert found.lift.reason == "control_is_zero"


def test_a_prior_that_outweighs_the_data() -> None:
    """A handful of users: what was seen lies outside of the interval that the uniform prior makes of it."""
    found = believe(shares(binary(2, 0), binary(3, 2)), alpha=0.5)
    assert isinstance(found, NotEnough)
    assert found.reason == "prior_outweighs_data"
    nobody = believe_proportions(binary(50, 0), binary(60, 4))  # a lift of exactly -100 % is not believed
    assert isinstance(nobody.lift, NotEnough)
    assert nobody.lift.reason == "prior_outweighs_data"


def test_a_prior_on_the_lift_needs_a_control_away_from_0() -> None:
    near = apart(values("mean", sums(50, 10.0, 90.0)), values("mean", sums(50, 5.0, 80.0)))
    found = believe(near, prior=Prior(0.0, 0.1))
    assert isinstance(found, NotEnough)
    assert found.reason == "control_near_zero"
    assert believed(believe(near)).chance_to_win > 0.5


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize("prior", [None, Prior(0.02, 0.09)])
def test_one_side(alternative: Alternative, prior: Prior | None) -> None:
    """A closed end at 0.05 is that of the two-sided interval at 0.1."""
    for found in (means(), shares(binary(1100, 260), binary(1000, 210))):
        whole = believed(believe(found, 0.1, prior))
        half = believed(believe(found, 0.05, prior, alternative))
        for one, both in ((half.difference, whole.difference), (half.lift, whole.lift)):
            assert not isinstance(one, NotEnough) and not isinstance(both, NotEnough)
            ends = (one.lower, one.upper)
            assert ends == ((both.lower, None) if alternative == "greater" else (None, both.upper))


@pytest.mark.parametrize("change", [-0.2, 0.0, 0.1])
def test_the_chance_to_be_above_a_change(change: float) -> None:
    dice, size = np.random.default_rng(4), 400_000
    ours, theirs = dice.beta(261, 841, size), dice.beta(211, 791, size)
    found = chance_above(shares(binary(1100, 260), binary(1000, 210)), change)
    assert found == pytest.approx((ours > (1 + change) * theirs).mean(), abs=0.004)
    pair = means()
    ours = dice.normal(pair.variant.mean, pair.variant.spread**0.5, size)
    theirs = dice.normal(pair.control.mean, pair.control.spread**0.5, size)
    assert chance_above(pair, change) == pytest.approx((ours > (1 + change) * theirs).mean(), abs=0.004)
    prior = Prior(0.02, 0.09)
    belief = believed(believe(pair, prior=prior))
    assert chance_above(pair, shown(belief.lift)[1], prior) == pytest.approx(0.975, rel=1e-9)
