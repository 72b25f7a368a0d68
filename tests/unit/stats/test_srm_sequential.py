"""The split looked at after every user: against the formula by hand, and exactly how often it calls out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from evensplit.stats.estimate import NotEnough
from evensplit.stats.srm_sequential import CONCENTRATION, Phase, Running, log_bayes_factor, mismatch_so_far, running
from tests.unit.stats.split_walks import crossed

COUNTS = st.lists(st.integers(0, 5000), min_size=2, max_size=5)


def ratio(users: list[int], shares: list[float], concentration: float) -> float:
    """Dirichlet-multinomial over multinomial, by the beta functions of scipy."""
    prior = concentration * np.array(shares)
    posterior = prior + np.array(users)
    drawn = (special.gammaln(posterior).sum() - special.gammaln(posterior.sum())) - (
        special.gammaln(prior).sum() - special.gammaln(prior.sum())
    )
    return float(drawn - (np.array(users) * np.log(shares)).sum())


def phase(users: list[int], shares: list[float]) -> Phase:
    names = "abcde"
    return Phase(dict(zip(names, users, strict=False)), dict(zip(names, shares, strict=False)))


@given(COUNTS)
def test_it_equals_the_formula(users: list[int]) -> None:
    shares = [2.0 ** -(n + 1) for n in range(len(users))]
    shares[-1] *= 2  # they add up to 1
    assert log_bayes_factor(phase(users, shares)) == pytest.approx(ratio(users, shares, CONCENTRATION), abs=1e-8)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60))
def test_it_is_the_product_of_what_each_user_says(arrivals: list[int]) -> None:
    """Each user multiplies the odds by how likely the alternative held them to be, over their variant's share."""
    shares, concentration = [0.5, 0.3, 0.2], 40.0
    seen, told = [0, 0, 0], 0.0
    for n, variant in enumerate(arrivals):
        told += math.log((concentration * shares[variant] + seen[variant]) / (concentration + n) / shares[variant])
        seen[variant] += 1
    assert log_bayes_factor(phase(seen, shares), concentration) == pytest.approx(told, abs=1e-9)


@pytest.mark.parametrize(("asked", "alpha"), [(0.5, 0.05), (0.5, 0.001), (0.2, 0.05)])
def test_looking_after_every_user_calls_out_no_more_often_than_promised(asked: float, alpha: float) -> None:
    """Exact, over 3,000 users; a concentration of 20 spends nearly all that may be spent on so few."""
    chance = crossed(3000, asked, asked, alpha, concentration=20.0)
    assert 0.3 * alpha < chance <= alpha


def test_a_right_split_is_left_alone_and_a_wrong_one_is_found() -> None:
    assert crossed(5000, 0.5, 0.5, 0.001) < 0.001
    assert crossed(5000, 0.5, 0.6, 0.001) > 0.999
    assert crossed(5000, 0.5, 0.55, 0.001) > 0.95


def test_half_a_percentage_point_is_found() -> None:
    """50.5 % instead of 50 %, looked at after every ten thousand of half a million users."""
    dice = np.random.default_rng(3)
    found = 0
    for walk in np.cumsum(dice.binomial(10_000, 0.505, (200, 50)), axis=1).tolist():
        seen = (phase([count, 10_000 * (at + 1) - count], [1, 1]) for at, count in enumerate(walk))
        found += any(running(log_bayes_factor(each)).verdict == "suspect" for each in seen)
    assert found > 190


def test_phases_are_multiplied() -> None:
    first, second = phase([900, 1100], [1, 1]), phase([100, 310], [1, 3])
    both = mismatch_so_far([first, second])
    assert isinstance(both, Running)
    assert both.log_bayes_factor == pytest.approx(log_bayes_factor(first) + log_bayes_factor(second), abs=1e-12)
    assert both.p_value == pytest.approx(min(1.0, math.exp(-both.log_bayes_factor)), rel=1e-12)


def test_a_change_of_weights_is_no_mismatch() -> None:
    """90 : 10 at first, then 50 : 50: together far from any one share, and each phase as it should be."""
    ramped = mismatch_so_far([phase([9000, 1000], [9, 1]), phase([20000, 20000], [1, 1])])
    blind = mismatch_so_far([phase([29000, 21000], [1, 1])])
    assert isinstance(ramped, Running) and isinstance(blind, Running)
    assert (ramped.verdict, blind.verdict) == ("ok", "suspect")


def test_somebody_where_nobody_should_be() -> None:
    assert mismatch_so_far([phase([50, 50, 1], [1, 1, 0])]) == Running(math.inf, 0.0, "suspect")
    assert mismatch_so_far([Phase({"stranger": 1}, {"a": 1.0, "b": 1.0})]) == Running(math.inf, 0.0, "suspect")


@pytest.mark.parametrize(
    ("phases", "reason"),
    [
        ([], "no_users"),
        ([phase([0, 0], [1, 1])], "no_users"),
        ([phase([70, 0], [1, 0])], "one_variant"),
        ([phase([70, 0], [1, 0]), phase([0, 0], [1, 1])], "one_variant"),
    ],
)
def test_no_answer(phases: list[Phase], reason: str) -> None:
    found = mismatch_so_far(phases)
    assert isinstance(found, NotEnough)
    assert found.reason == reason
