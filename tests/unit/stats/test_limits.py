"""Where results have to warn: the rule by its bounds, and that it warns where simulations show a broken promise."""

import math

import numpy as np
import pytest

from evensplit.stats.joint import joint
from evensplit.stats.limits import Limit, effective, limit
from evensplit.stats.moments import EMPTY, Moments, binary, moments
from evensplit.stats.samples import Quantiles, Ratios, Sample, values


def share(n: int, successes: int) -> Sample:
    return values("proportion", binary(n, successes))


def mean(numbers: list[float]) -> Sample:
    return values("mean", moments(numbers))


def code(found: Limit | None) -> str | None:
    return None if found is None else found.code


@pytest.mark.parametrize(
    ("variant", "control", "needed"),
    [
        (share(1000, 10), share(1000, 10), None),
        (share(1000, 9), share(1000, 10), 10),
        (share(1000, 991), share(1000, 500), 10),
        (share(1000, 15), share(2000, 40), 20),
        (share(1000, 20), share(2000, 40), None),
        (share(1000, 99), share(50_000, 4000), 100),
        (share(1000, 0), share(1000, 0), 10),
    ],
)
def test_conversions(variant: Sample, control: Sample, needed: float | None) -> None:
    found = limit(variant, control)
    assert (None if found is None else found.needed) == needed
    if found is not None:
        assert found.code == "too_few_conversions" and f"{found.found:,.0f} users" in found.message


def test_effective_users() -> None:
    assert effective(moments([5.0] * 30)) == pytest.approx(30)
    assert effective(moments([0.0] * 99 + [7.0])) == pytest.approx(1)
    assert effective(moments([0.0] * 9)) == math.inf
    numbers = np.random.default_rng(1).lognormal(0, 1, 5000)
    assert effective(moments(numbers.tolist())) == pytest.approx(numbers.sum() ** 2 / (numbers**2).sum())


def test_means() -> None:
    steady, whale = [1.0, 3.0] * 60, [1.0, 3.0] * 60 + [1e4]
    assert limit(mean(steady), mean(steady)) is None
    assert code(limit(mean(steady), mean(whale))) == "few_make_the_total"
    assert code(limit(mean(whale), mean(steady))) == "few_make_the_total"
    assert limit(mean(steady), mean(steady * 5)) is not None  # five times as many on one side: 100 are needed
    assert limit(mean(steady), mean([1.0, 2.0] * 60)) is None


def test_ratios_go_by_their_numerator() -> None:
    few = Ratios(joint([(1e4, 1.0)] + [(1.0, 1.0)] * 200, 2))
    many = Ratios(joint([(1.0, 1.0), (3.0, 2.0)] * 200, 2))
    assert code(limit(few, many)) == "few_make_the_total"
    assert limit(many, many) is None


@pytest.mark.parametrize(
    "sample",
    [
        values("mean", EMPTY),
        values("mean", moments([1.0])),
        values("mean", Moments(5, math.inf, math.nan)),
        Quantiles(0.5, 10, 1.0, 0.5, 1.5),
    ],
)
def test_what_has_no_answer_has_no_warning(sample: Sample) -> None:
    assert limit(sample, sample) is None
