"""What a store hands over of one variant and one metric: the whole evidence, in a dozen numbers.

A metric's kind decides which sample it needs; `contrast` makes two of the same kind comparable.
"""

from typing import Literal, TypeAlias

import msgspec

from evensplit.stats.joint import Joint

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
