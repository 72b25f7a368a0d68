"""What a store hands over of one variant and one metric: the whole evidence, in a dozen numbers.

A metric's kind decides which sample it needs; `contrast` makes two of the same kind comparable.
"""

from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.joint import Joint
from evensplit.stats.moments import Moments

Shape: TypeAlias = Literal["mean", "proportion"]


class Values(msgspec.Struct, frozen=True, tag="values"):
    """One number a unit. `joint` is of the value alone, or of (value, covariate)."""

    shape: Shape
    joint: Joint


class Ratios(msgspec.Struct, frozen=True, tag="ratios"):
    """Sum of numerators over sum of denominators. `joint` is of (numerator, denominator), or of these and both before
    the assignment: (numerator, denominator, numerator before, denominator before)."""

    joint: Joint


class Quantiles(msgspec.Struct, frozen=True, tag="quantiles"):
    """The quantile `q` of `points` values (inclusive linear, type 7), and the values at the two ends of a span of
    quantiles around it, from which the density there is read.

    `lower` and `upper` are the quantiles at q -+ SPREAD * sqrt(q * (1 - q) / points), cut to [0, 1].
    Where the values are of events, users are the clusters: `clusters` is of (how many of the user's events are at
    most `value`, how many events the user has), one unit a user with events; None where each unit has one value.
    """

    q: float
    points: int
    value: float | None
    lower: float | None
    upper: float | None
    clusters: Joint | None = None


SPREAD = 1.959963984540054  # standard normal quantile at 0.975

Sample: TypeAlias = Values | Ratios | Quantiles


def values(shape: Shape, of: Moments) -> Values:
    """One number a unit, without a covariate."""
    return Values(shape, Joint(of.n, (of.total,), (of.m2,)))


def units(sample: Sample) -> int:
    """How many units are independent of each other: users, or single values where each unit has one."""
    if isinstance(sample, Quantiles):
        return sample.points if sample.clusters is None else sample.clusters.n
    return sample.joint.n


def nothing_like(sample: Sample) -> Sample:
    """What a store would hand over for a variant without rows, where another one gave `sample`."""
    if isinstance(sample, Quantiles):
        return Quantiles(sample.q, 0, None, None, None, sample.clusters and _empty(sample.clusters))
    if isinstance(sample, Ratios):
        return Ratios(_empty(sample.joint))
    return Values(sample.shape, _empty(sample.joint))


def _empty(of: Joint) -> Joint:
    return Joint(0, (0.0,) * len(of.totals), (0.0,) * len(of.products))
