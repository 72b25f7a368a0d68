"""Where results have to warn: the rules by their bounds. That they fire where simulations show a broken promise:
`test_warned`."""

import math

import numpy as np
import pytest

from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.joint import joint
from evensplit.stats.limits import few_degrees, limits
from evensplit.stats.moments import EMPTY, Moments, binary, moments
from evensplit.stats.samples import Quantiles, Ratios, Sample, values


def share(n: int, successes: int) -> Sample:
    return values("proportion", binary(n, successes))


def mean(numbers: list[float]) -> Sample:
    return values("mean", moments(numbers))


def codes(variant: Sample, control: Sample) -> list[str]:
    return [each.code for each in limits(variant, control)]


@pytest.mark.parametrize(
    ("variant", "control", "found"),
    [
        (share(1000, 30), share(1000, 30), None),
        (share(1000, 29), share(1000, 30), 29),
        (share(1000, 990), share(1000, 500), 10),
        (share(1000, 30), share(50_000, 4000), None),
        (share(50_000, 4000), share(1000, 29), 29),
        (share(1000, 0), share(1000, 0), 0),
    ],
)
def test_conversions(variant: Sample, control: Sample, found: float | None) -> None:
    limit = next(limits(variant, control), None)
    assert (None if limit is None else limit.found) == found
    if limit is not None:
        assert (limit.code, limit.needed) == ("too_few_conversions", 30)
        assert f"{found:,.0f} users" in limit.message


def test_the_mean_must_be_clear_of_zero() -> None:
    steady, whale = [1.0, 3.0] * 60, [1.0, 3.0] * 60 + [1e4]
    assert codes(mean(steady), mean(steady)) == []
    assert codes(mean(steady), mean(whale)) == ["few_make_the_total"]
    assert codes(mean(whale), mean(steady)) == ["few_make_the_total"]
    assert codes(mean([0.0] * 60), mean(steady)) == []  # nothing scatters on that side
    (limit,) = limits(mean([-1.0, 1.0] * 60), mean(steady))
    assert limit.found == 0 and limit.needed == pytest.approx(math.sqrt(150))


def test_unequal_sides_need_up_to_twice_as_much() -> None:
    few = [1.0, 3.0] * 25  # 2 +- 1: (mean / error)^2 is 196
    assert codes(mean(few), mean(few)) == []
    (limit,) = limits(mean(few), mean(few * 9))
    assert limit.found == pytest.approx(14.0) and limit.needed == pytest.approx(math.sqrt(150 * 17 / 9))


def test_a_tail_on_one_side_only() -> None:
    """Of values with equally clear means: only where the sides are uneven, and not for a lift of every value."""
    values = np.random.default_rng(1).gamma(4, 1, 2000)
    large, small = mean(values.tolist()), values[:500]
    tailed = np.append(small[:-1], 80.0)
    assert codes(mean(small.tolist()), large) == []
    assert codes(mean((3 * small).tolist()), large) == []
    (limit,) = limits(mean(tailed.tolist()), large)
    assert limit.code == "uneven_scatter" and limit.found > limit.needed == pytest.approx(math.sqrt(1.5))
    assert codes(large, mean(tailed.tolist())) == ["uneven_scatter"]
    assert codes(mean(tailed.tolist()), mean(values[:900].tolist())) == []
    assert codes(mean([4.0] * 300), large) == []  # nothing scatters there, which no tail explains


def test_ratios() -> None:
    few = Ratios(joint([(1e4, 1.0)] + [(1.0, 1.0)] * 200, 2))
    many = Ratios(joint([(1.0, 1.0), (3.0, 2.0)] * 200, 2))
    assert codes(few, many) == ["few_make_the_total"]
    assert codes(many, many) == []


def test_quantiles_of_unequal_sides() -> None:
    small, large = Quantiles(0.9, 200, 5.0, 4.0, 6.0), Quantiles(0.9, 1_800, 5.0, 4.5, 5.5)
    for pair in ((small, large), (large, small)):
        (limit,) = limits(*pair)
        assert limit.code == "few_beyond"
        assert limit.found == pytest.approx(20) and limit.needed == pytest.approx(60 * 7 / 9)
    assert codes(small, Quantiles(0.9, 400, 5.0, 4.5, 5.5)) == []
    assert codes(Quantiles(0.5, 200, 5.0, 4.0, 6.0), Quantiles(0.5, 1_800, 5.0, 4.5, 5.5)) == []


def test_few_degrees_of_freedom() -> None:
    few, many = [9.0, 10.0, 11.0] * 4, [9.0, 10.0, 11.0] * 9
    (limit,) = few_degrees(seen(few, few))
    assert limit.code == "few_users" and limit.found == pytest.approx(22) and limit.needed == 50
    (limit,) = few_degrees(seen(few, many * 20))
    assert limit.found < 13
    assert not list(few_degrees(seen(many, many)))


def seen(variant: list[float], control: list[float]) -> Contrast:
    found = contrast(mean(variant), mean(control))
    assert isinstance(found, Contrast)
    return found


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
    assert codes(sample, sample) == []
