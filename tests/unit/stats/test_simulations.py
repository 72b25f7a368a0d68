"""The promises of the statistics, by dice: a small version of `python -m bench.statistics`, with seeds."""

import math

import numpy as np
import pytest

from bench.statistics import peeking
from bench.statistics.once import ALPHA, pairs, tallied
from bench.statistics.planning import CASES, Case, sees
from bench.statistics.populations import (
    COMMON,
    RARE,
    Baskets,
    Covaried,
    Normal,
    Pareto,
    Plain,
    Population,
    Revenue,
    Student,
    Tail,
)
from bench.statistics.rates import Rate
from evensplit.stats.contrast import Contrast, Cuped, contrast
from evensplit.stats.limits import limits
from evensplit.stats.power import SampleSize, power_of, sample_size
from evensplit.stats.samples import Sample, Values, values

SIMPLE: tuple[Population, ...] = tuple(
    Plain(source) for source in (Normal(), Revenue(), Pareto(), Student(), COMMON, RARE)
)
ALL: tuple[Population, ...] = (*SIMPLE, Covaried(), Baskets(), Tail())


@pytest.mark.parametrize("population", ALL, ids=lambda each: each.name)
def test_differences_that_are_none_are_called_no_more_often_than_promised(population: Population) -> None:
    for users, trials in ((100, 400), (1_000, 250)):
        tally = tallied(population, 1, trials, (users // 2, users // 2), beliefs=0)
        assert {what for what, _ in tally.asked} >= {"fixed", "sequential"}
        for method in ("fixed", "sequential", "bayesian"):
            rate = tally.rate(method)
            assert rate is None or not rate.above(ALPHA), (method, users, rate)


@pytest.mark.parametrize("population", [SIMPLE[0], SIMPLE[4], ALL[6], ALL[7]], ids=lambda each: each.name)
def test_intervals_cover(population: Population) -> None:
    tally = tallied(population, 2, 300, (1_000, 1_000), beliefs=0)
    for what in ("difference covers", "lift covers"):
        rate = tally.rate(what)
        assert rate is not None and not rate.below(1 - ALPHA) and not rate.above(1 - ALPHA), (what, rate)


def test_it_warns_where_the_promise_is_broken() -> None:
    """Skewed numbers and uneven sides: called too often, and told so; ten times as many users: neither."""
    dice = np.random.default_rng(3)
    broken, fine = (
        tallied(Plain(Revenue()), 3, 400, sizes).rate("fixed") for sizes in ((300, 2_700), (20_000, 20_000))
    )
    assert broken is not None and broken.above(ALPHA)
    assert fine is not None and not fine.above(ALPHA)
    warned = [any(limits(*pair)) for pair in pairs(Plain(Revenue()), dice, 50, (300, 2_700), 0.0)]
    silent = [not any(limits(*pair)) for pair in pairs(Plain(Revenue()), dice, 20, (20_000, 20_000), 0.0)]
    assert all(warned) and all(silent)


@pytest.mark.parametrize("source", [Normal(), Revenue(), RARE], ids=lambda each: each.name)
def test_looking_after_every_hundred_users(source: Normal | Revenue) -> None:
    always, once = peeking.ever(source, 4, 150, 5_000)
    assert not always.above(ALPHA)
    if source.name == "normal":
        assert once.value > 0.15  # what is meant to be read once must not be read so


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_a_covariate_takes_out_what_it_says(correlation: float) -> None:
    plain, adjusted, said = [], [], []
    for pair in pairs(Covaried(correlation), np.random.default_rng(5), 800, (200, 200), 0.0):
        with_it, without = contrast(*pair), contrast(*(bare(side) for side in pair))
        assert isinstance(with_it, Contrast) and isinstance(without, Contrast) and isinstance(with_it.cuped, Cuped)
        plain.append(without.difference.estimate)
        adjusted.append(with_it.difference.estimate)
        said.append(with_it.cuped.variance_reduction)
    measured = 1 - float(np.var(adjusted)) / float(np.var(plain))
    assert measured == pytest.approx(
        correlation**2, abs=0.01 + 4 * (1 - correlation**2) * 2 * correlation / math.sqrt(800)
    )
    assert float(np.mean(said)) == pytest.approx(correlation**2, abs=0.01)


def bare(sample: Sample) -> Sample:
    assert isinstance(sample, Values)
    return values("mean", sample.joint.only(0))


SMALL = [
    case
    for case in CASES
    if "all values multiplied" not in case.read and case.population.name not in ("Pareto", "revenue")
]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case.population.name} {case.read} {case.lift:g}")
def test_the_promised_power_is_had(case: Case) -> None:
    size = sample_size(case.plan, case.baseline, case.lift)
    assert isinstance(size, SampleSize)
    assert power_of(case.plan, case.baseline, case.lift, size.users) >= case.plan.power - 1e-9
    trials, dice = (120 if size.users > 3_000 else 400), np.random.default_rng(6)
    control, variant = size.per_variant
    variants = case.population.sides(dice, trials, variant, case.lift)
    controls = case.population.sides(dice, trials, control, 0.0)
    found = Rate(sum(sees(case.plan, *pair) for pair in zip(variants, controls, strict=True)), trials)
    assert not found.above(case.plan.power) and not found.below(case.plan.power)
