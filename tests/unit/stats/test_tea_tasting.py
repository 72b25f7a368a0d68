"""Means, ratios and covariates against tea-tasting on the same users. Its intervals of relative effects are those of a
logarithm, ours of the delta method: there only the estimate is the same."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from tea_tasting.aggr import Aggregates
from tea_tasting.metrics.mean import Mean, MeanResult, RatioOfMeans
from tea_tasting.metrics.proportion import Proportion

from evensplit.stats.contrast import Contrast
from evensplit.stats.cuped import Adjustment, adjusted
from evensplit.stats.estimate import Alternative, Comparison
from evensplit.stats.frequentist import compare
from evensplit.stats.samples import Sample
from tests.unit.stats.known import apart, known, uncertain
from tests.unit.stats.shoppers import Shopper, loyal, shoppers, spent, spent_a_visit

SIZES = [(1, 2, 400, 430, 0.15), (5, 6, 30, 25, 0.0), (7, 8, 4000, 1000, -0.05)]
ALTERNATIVES: Sequence[Alternative] = ("two-sided", "greater", "less")


def aggregates(of: Sequence[Shopper]) -> Aggregates:
    columns = {name: np.array([getattr(each, name) for each in of], dtype=float) for name in Shopper._fields}
    return Aggregates(
        count_=len(of),
        mean_={name: float(column.mean()) for name, column in columns.items()},
        var_={name: float(column.var(ddof=1)) for name, column in columns.items()},
        cov_={(a, b): float(np.cov(columns[a], columns[b], ddof=1)[0, 1]) for a, b in combinations(sorted(columns), 2)},
    )


def agree(found: Contrast, expected: MeanResult, alternative: Alternative) -> Comparison:
    ours = known(compare(found, alternative=alternative))
    assert ours.difference.estimate == pytest.approx(expected.effect_size, rel=1e-9)
    assert (ours.statistic, ours.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    for end, theirs in (
        (ours.difference.lower, expected.effect_size_ci_lower),
        (ours.difference.upper, expected.effect_size_ci_upper),
    ):
        assert end is None or end == pytest.approx(theirs, rel=1e-9)
    return ours


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("seed", "other", "n", "m", "lift"), SIZES)
def test_means(seed: int, other: int, n: int, m: int, lift: float, alternative: Alternative) -> None:
    control, variant = shoppers(seed, n), shoppers(other, m, lift)
    sides = aggregates(control), aggregates(variant)
    plain = Mean("spent", alternative=alternative).analyze_aggregates(*sides)
    ours = apart(spent(variant), spent(control))
    agree(ours, plain, alternative)
    assert uncertain(ours.lift).estimate == pytest.approx(plain.rel_effect_size, rel=1e-9)
    cuped = Mean("spent", "spent_before", alternative=alternative).analyze_aggregates(*sides)
    agree(apart(spent(variant, True), spent(control, True)), cuped, alternative)
    shares = Mean("loyal", "loyal_before", alternative=alternative).analyze_aggregates(*sides)
    agree(apart(loyal(variant, True), loyal(control, True)), shares, alternative)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("seed", "other", "n", "m", "lift"), SIZES)
def test_ratios(seed: int, other: int, n: int, m: int, lift: float, alternative: Alternative) -> None:
    control, variant = shoppers(seed, n), shoppers(other, m, lift)
    sides = aggregates(control), aggregates(variant)
    plain = RatioOfMeans("spent", "visits", alternative=alternative).analyze_aggregates(*sides)
    ours = apart(spent_a_visit(variant), spent_a_visit(control))
    agree(ours, plain, alternative)
    assert uncertain(ours.lift).estimate == pytest.approx(plain.rel_effect_size, rel=1e-9)
    metric = RatioOfMeans("spent", "visits", "spent_before", "visits_before", alternative=alternative)
    agree(
        apart(spent_a_visit(variant, True), spent_a_visit(control, True)),
        metric.analyze_aggregates(*sides),
        alternative,
    )


@pytest.mark.parametrize(("seed", "other", "n", "m", "lift"), SIZES)
def test_adjusted_means_themselves(seed: int, other: int, n: int, m: int, lift: float) -> None:
    """Around the covariate's mean over both variants."""
    control, variant = shoppers(seed, n), shoppers(other, m, lift)
    pairs: list[tuple[Mean | RatioOfMeans, tuple[Sample, Sample]]] = [
        (Mean("spent", "spent_before"), (spent(control, True), spent(variant, True))),
        (
            RatioOfMeans("spent", "visits", "spent_before", "visits_before"),
            (spent_a_visit(control, True), spent_a_visit(variant, True)),
        ),
    ]
    for metric, samples in pairs:
        expected = metric.analyze_aggregates(aggregates(control), aggregates(variant))
        found = adjusted(samples)
        assert isinstance(found, Adjustment)
        means = [side.adjusted.mean for side in found.sides]
        assert means == pytest.approx([expected.control, expected.treatment], rel=1e-9)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("seed", "other", "n", "m", "lift"), SIZES)
def test_shares(seed: int, other: int, n: int, m: int, lift: float, alternative: Alternative) -> None:
    control, variant = shoppers(seed, n), shoppers(other, m, lift)
    metric = Proportion("loyal", alternative=alternative, correction=False, equal_var=True, method="norm")
    expected = metric.analyze_aggregates(aggregates(control), aggregates(variant))
    found = known(compare(apart(loyal(variant), loyal(control)), alternative=alternative))
    assert found.difference.estimate == pytest.approx(expected.effect_size, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
