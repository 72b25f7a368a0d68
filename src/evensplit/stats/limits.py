"""Where the methods leave what they promise: told of two samples, before anybody believes them.

Every method here takes the mean of many users to be normal. From where on that holds, exact calculations (shares) and
simulations say (`bench/STATISTICS.md`); `docs/trust.md` has the rules in words.
"""

import math
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.contrast import Contrast
from evensplit.stats.moments import Moments
from evensplit.stats.samples import Quantiles, Ratios, Sample
from evensplit.stats.sides import Side, side_of

Code: TypeAlias = Literal["too_few_conversions", "few_make_the_total", "uneven_scatter", "few_beyond", "few_users"]

# Below as many successes the interval of a lift covers less than 94.4 %, and that of the difference where the sides are
# uneven; whatever the other side has.
CONVERSIONS = 30
# (mean / standard error)^2 of the side where it is least. With equal sides only the lift suffers below it; with uneven
# ones skewness does not cancel in the difference either, and up to twice as much is needed. What the delta method makes
# of a ratio is more skewed than values that scatter as widely.
CLEARNESS = 150
CLEARNESS_OF_RATIOS = 300
# Sides as uneven as that call heavy tails too often even where the mean is clear. The moments show such tails by what
# one side has and the other has not: squares of the relative scatter that differ by this factor.
UNEVEN = 2.0
SCATTER = 1.5
# Users beyond a quantile on the smaller side, times 1 - 2 / k with k times as many on the other: up to 2 : 1 the
# interval of ranks is rather too wide.
BEYOND = 60
DEGREES = 50  # of freedom, below which a normal quantile instead of Student's calls out in 5.6 % instead of 5 %


class Limit(msgspec.Struct, frozen=True):
    """`found` where it should be at least `needed`; for a scatter: at most."""

    code: Code
    found: float
    needed: float
    message: str

    @property
    def distance(self) -> float:
        """How far from it, on a scale of one code."""
        return abs(self.found - self.needed) / self.needed


def limits(variant: Sample, control: Sample) -> Iterator[Limit]:
    """What is lacking for error rates and coverage to be as promised, by any method; nothing where the samples have no
    answer anyhow."""
    sides = [side_of(sample) for sample in (variant, control)]
    known = [side for side in sides if isinstance(side, Side) and side.n > 1]
    if len(known) < 2:
        return
    sizes = [side.n for side in known]
    uneven = max(sizes) / min(sizes)
    if isinstance(variant, Quantiles) or isinstance(control, Quantiles):
        if isinstance(variant, Quantiles):
            yield from _beyond(min(sizes) * min(variant.q, 1 - variant.q), uneven)
        return
    if not isinstance(variant, Ratios) and variant.shape == "proportion":
        yield from _conversions([sample.joint.only(0) for sample in (variant, control)])
        return
    clearness = CLEARNESS_OF_RATIOS if isinstance(variant, Ratios) else CLEARNESS
    yield from _clearness(known, clearness * (2 - 1 / uneven))
    yield from _scatter(known, uneven)


def few_degrees(found: Contrast) -> Iterator[Limit]:
    """Normal posteriors read their scatter off the data and take it for known."""
    degrees = found.degrees()
    if degrees < DEGREES:
        yield Limit(
            "few_users",
            degrees,
            DEGREES,
            f"so few users tell the scatter of their own values badly ({degrees:.3g} degrees of freedom), and method "
            f"bayesian takes it for known: below {DEGREES} it is sure too often; method fixed allows for it",
        )


def _conversions(sides: list[Moments]) -> Iterator[Limit]:
    fewest = min(min(side.total, side.n - side.total) for side in sides)
    if fewest < CONVERSIONS:
        yield Limit(
            "too_few_conversions",
            fewest,
            CONVERSIONS,
            f"one side has {fewest:,.0f} users who did it (or did not); below {CONVERSIONS} intervals are too narrow, "
            "and the error rate is not the promised one: with equal sides it is lower, with unequal ones it may be "
            "higher",
        )


def _clearness(sides: list[Side], needed: float) -> Iterator[Limit]:
    """In standard errors, which a reader can check."""
    least = min((side.mean * side.mean / side.spread for side in sides if side.spread), default=math.inf)
    if least < needed:
        yield Limit(
            "few_make_the_total",
            math.sqrt(least),
            math.sqrt(needed),
            f"the values scatter so widely that few users make up the total: the mean of one side is "
            f"{math.sqrt(least):.3g} standard errors away from 0; below {math.sqrt(needed):.3g} intervals of the lift "
            "are too narrow, and with unequal sides differences are called too often: cap the metric, or wait for "
            "more users",
        )


def _beyond(users: float, uneven: float) -> Iterator[Limit]:
    needed = BEYOND * (1 - 2 / uneven)
    if users < needed:
        yield Limit(
            "few_beyond",
            users,
            needed,
            f"about {users:.3g} users of the smaller side lie beyond the quantile; below {needed:.3g}, with sides as "
            "unequal as these, intervals are too narrow and differences are called too often",
        )


def _scatter(sides: list[Side], uneven: float) -> Iterator[Limit]:
    """A tail that one side has drawn from, and the other has not."""
    if uneven < UNEVEN or not all(side.mean for side in sides):
        return
    wide, narrow = sorted((side.n * (side.spread / side.mean / side.mean) for side in sides), reverse=True)
    factor = math.sqrt(wide / narrow) if narrow else math.inf
    if math.sqrt(SCATTER) < factor < math.inf:
        yield Limit(
            "uneven_scatter",
            factor,
            math.sqrt(SCATTER),
            f"relative to their means, the values of one side scatter {factor:.3g} times as widely as those of the "
            "other: a few huge values may be missing from one of them, and with unequal sides such differences are "
            "called too often: cap the metric, or use equal weights",
        )
