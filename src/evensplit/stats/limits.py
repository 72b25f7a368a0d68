"""Where the methods leave what they promise: told of two samples, before anybody believes them.

Every method here takes the mean of many users to be normal. How many are many depends on how much of the total few
users make up; simulations (`bench/STATISTICS.md`) say from where on error rates and coverage hold.
"""

import math
from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.moments import Moments
from evensplit.stats.samples import Quantiles, Ratios, Sample

Code: TypeAlias = Literal["too_few_conversions", "few_make_the_total"]

# Of the side that has fewer, where both have equally many users. Where the sides are uneven, skewness does not cancel
# between them: so many times as many are needed as one side is larger, up to `MOST`.
CONVERSIONS = 10
EFFECTIVE = 20
MOST = 10.0


class Limit(msgspec.Struct, frozen=True):
    """`found` of what there should be at least `needed`."""

    code: Code
    found: float
    needed: float
    message: str


def limit(variant: Sample, control: Sample) -> Limit | None:
    """What is lacking for error rates and coverage to be as promised; None where nothing is, or where the samples have
    no answer anyhow. Quantiles have a rule of their own, which gives no answer where too few values are beyond."""
    if isinstance(variant, Quantiles) or isinstance(control, Quantiles):
        return None
    sides = [sample.joint.only(0) for sample in (variant, control)]
    sizes = [side.n for side in sides]
    if min(sizes) < 2 or not all(side.is_finite for side in sides):
        return None
    uneven = min(max(sizes) / min(sizes), MOST)
    if not isinstance(variant, Ratios) and variant.shape == "proportion":
        return _conversions(sides, uneven)
    return _effective(sides, uneven)


def _conversions(sides: list[Moments], uneven: float) -> Limit | None:
    fewest = min(min(side.total, side.n - side.total) for side in sides)
    needed = CONVERSIONS * uneven
    if fewest >= needed:
        return None
    return Limit(
        "too_few_conversions",
        fewest,
        needed,
        f"one side has {fewest:,.0f} users who did it (or did not); below {needed:,.0f} the error rate is not the "
        "promised one: with equal sides it is lower, with unequal ones it may be higher",
    )


def _effective(sides: list[Moments], uneven: float) -> Limit | None:
    """Kish's effective number: as many users with equal values would make the total as surely."""
    least = min(effective(side) for side in sides)
    needed = EFFECTIVE * uneven
    if least >= needed:
        return None
    return Limit(
        "few_make_the_total",
        least,
        needed,
        f"the total of one side is made up as if by {least:,.1f} users; below {needed:,.0f} intervals of the lift are "
        "too narrow, and with unequal sides differences are called too often: cap the metric, or wait for more users",
    )


def effective(of: Moments) -> float:
    """(sum of x)^2 / sum of x^2; infinite where all is 0."""
    squares = of.m2 + of.total * (of.total / of.n)
    return of.total * (of.total / squares) if squares > 0 and math.isfinite(squares) else math.inf
