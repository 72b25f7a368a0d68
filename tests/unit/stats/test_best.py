"""Which of many variants is best: against sampling, against the posterior of two, and where the laws are far apart."""

import math

import numpy as np
import pytest

from evensplit.stats.bayesian import Prior, believe
from evensplit.stats.best import Law, Normal, best_of, best_with_prior
from evensplit.stats.contrast import Base, Contrast
from evensplit.stats.distributions import Beta
from evensplit.stats.moments import binary
from evensplit.stats.samples import values
from evensplit.stats.sides import Side
from tests.unit.stats.known import apart, believed

SIZE = 400_000
LAWS: list[list[Law]] = [
    [Normal(1.0, 0.5), Normal(1.3, 0.4), Normal(0.2, 1.0)],
    [Normal(1e9, 2.0), Normal(1e9 + 1, 2.0), Normal(1e9 - 1, 2.0), Normal(1e9 + 0.5, 1.0)],
    [Beta(11, 91), Beta(15, 88), Beta(2, 20)],
    [Beta(1, 1000), Beta(3, 1000), Beta(2, 30)],  # of very different widths
    [Normal(0.0, 1.0), Normal(0.3, 0.001), Normal(0.25, 0.01)],
]


def sampled(laws: list[Law], up: bool) -> list[tuple[float, float]]:
    dice = np.random.default_rng(8)
    drawn = np.array(
        [
            dice.normal(law.mean, law.sd, SIZE) if isinstance(law, Normal) else dice.beta(law.a, law.b, SIZE)
            for law in laws
        ]
    )
    drawn = drawn if up else -drawn
    best, top = drawn.argmax(axis=0), drawn.max(axis=0)
    return [(float((best == place).mean()), float((top - row).mean())) for place, row in enumerate(drawn)]


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("laws", LAWS)
def test_it_equals_sampling(laws: list[Law], up: bool) -> None:
    found = best_of(laws, up)
    assert math.fsum(each.chance for each in found) == pytest.approx(1, abs=1e-9)
    for each, (chance, loss) in zip(found, sampled(laws, up), strict=True):
        assert each.chance == pytest.approx(chance, abs=4 * math.sqrt(0.25 / SIZE))
        assert each.loss == pytest.approx(loss, rel=0.02, abs=2e-3 * max(other.loss for other in found))


def test_two_variants_are_what_the_posterior_of_two_says() -> None:
    found = apart(values("proportion", binary(1100, 260)), values("proportion", binary(1000, 210)))
    belief = believed(believe(found))
    control, variant = best_of([Beta(211, 791), Beta(261, 841)])
    assert variant.chance == pytest.approx(belief.chance_to_win, rel=1e-9)
    assert variant.loss == pytest.approx(belief.expected_loss, rel=1e-6)
    assert control.loss == pytest.approx(belief.expected_loss_of_control, rel=1e-9)


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("control", [5.0, -5.0])
def test_two_variants_with_a_prior(control: float, up: bool) -> None:
    sides = Side(100, control + 0.3, 0.04), Side(120, control, 0.05)
    found = Contrast("mean", *sides, Base(control, 0.05, 0.05))
    prior = Prior(0.02, 0.05)
    belief = believed(believe(found, prior=prior))
    _, variant = best_with_prior(sides[1], [sides[0]], prior, up)
    assert variant.chance == pytest.approx(belief.chance_to_win if up else 1 - belief.chance_to_win, rel=1e-9)
    expected = belief.expected_loss if up else belief.expected_loss_of_control
    assert variant.loss == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("up", [True, False])
def test_many_variants_with_a_prior(up: bool) -> None:
    """The posterior by weights: means drawn from the likelihood, weighted with the prior of their lifts."""
    control, variants = Side(90, 10.0, 0.09), [Side(80, 10.2, 0.1), Side(80, 9.9, 0.12), Side(80, 10.6, 0.2)]
    prior = Prior(0.0, 0.03)
    dice = np.random.default_rng(9)
    drawn = np.array([dice.normal(side.mean, math.sqrt(side.spread), SIZE) for side in (control, *variants)])
    weights = np.exp(-0.5 * (((drawn[1:] - drawn[0]) / (prior.sd * control.mean)) ** 2).sum(axis=0))
    weights /= weights.sum()
    drawn = drawn if up else -drawn
    best, top = drawn.argmax(axis=0), drawn.max(axis=0)
    for place, each in enumerate(best_with_prior(control, variants, prior, up)):
        assert each.chance == pytest.approx((weights * (best == place)).sum(), abs=0.01)
        assert each.loss == pytest.approx((weights * (top - drawn[place])).sum(), rel=0.03)


def test_a_prior_that_says_nothing_changes_nothing() -> None:
    control, variants = Side(90, 10.0, 0.09), [Side(80, 10.2, 0.1), Side(80, 9.9, 0.12)]
    wide = best_with_prior(control, variants, Prior(0.0, 1e4))
    flat = best_of([Normal(side.mean, math.sqrt(side.spread)) for side in (control, *variants)])
    for one, other in zip(wide, flat, strict=True):
        assert one.chance == pytest.approx(other.chance, rel=1e-6)
        assert one.loss == pytest.approx(other.loss, rel=1e-6)


def test_twenty_variants_alike() -> None:
    found = best_of([Normal(3.0, 0.2)] * 20)
    assert [each.chance for each in found] == [pytest.approx(0.05)] * 20
    assert found[0].loss == pytest.approx(0.2 * 1.8674750597983205, rel=1e-6)  # the mean of the greatest of 20 normals
