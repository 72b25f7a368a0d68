"""What a statistic answers: an estimate, or the reason why there is none. Not here: how either is computed."""

import math
from typing import Literal, TypeAlias

import msgspec

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]
LiftMethod: TypeAlias = Literal["delta", "fieller", "beta"]


class NotEnough(msgspec.Struct, frozen=True):
    """The data does not suffice. `reason` is stable and short, `message` says it with the numbers."""

    reason: str
    message: str


class Interval(msgspec.Struct, frozen=True):
    """A point estimate with its confidence interval; an end that a one-sided question leaves open is None."""

    estimate: float
    lower: float | None
    upper: float | None

    @property
    def is_sound(self) -> bool:
        """Finite, and in order."""
        low = self.estimate if self.lower is None else self.lower
        high = self.estimate if self.upper is None else self.upper
        return all(map(math.isfinite, (low, self.estimate, high))) and low <= self.estimate <= high


class Lift(Interval, frozen=True):
    """A change relative to the control, and what its interval was made by."""

    method: LiftMethod


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One variant against the control. `difference` is variant - control, and the p value is about it."""

    difference: Interval
    lift: Lift | NotEnough  # (variant - control) / control
    p_value: float
    statistic: float
    degrees_of_freedom: float | None = None
    method: str


Compared: TypeAlias = Comparison | NotEnough

OVERFLOW = NotEnough("overflow", "the values are too large or too small to be reckoned with")


def sound(found: Comparison) -> Compared:
    """The comparison, unless one of its numbers left the range of doubles: then nothing can be said."""
    numbers = (found.p_value, found.statistic, found.degrees_of_freedom or 0.0)
    if not all(map(math.isfinite, numbers)) or not found.difference.is_sound:
        return OVERFLOW
    return found
