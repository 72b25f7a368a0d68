"""What a statistic answers: an estimate, or the reason why there is none. Not here: how either is computed."""

from typing import TypeAlias

import msgspec


class NotEnough(msgspec.Struct, frozen=True):
    """The data does not suffice. `reason` is stable and short, `message` says it with the numbers."""

    reason: str
    message: str


class Interval(msgspec.Struct, frozen=True):
    """A point estimate with its two-sided confidence interval."""

    estimate: float
    lower: float
    upper: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One variant against the control. `difference` is variant - control, and the p value is about it."""

    difference: Interval
    lift: Interval | NotEnough  # (variant - control) / control
    p_value: float
    statistic: float
    degrees_of_freedom: float | None = None
    method: str


Compared: TypeAlias = Comparison | NotEnough
