"""Count, sum and spread of a sample: all that the tests of `frequentist` need. Nothing heavy is loaded.

Stores compute the same three numbers in their own language and hand them in as `Moments`.
"""

import math
from collections.abc import Iterable

import msgspec


class Moments(msgspec.Struct, frozen=True):
    """`n` observations, their sum, and the sum of squared deviations from their mean."""

    n: int
    total: float
    m2: float

    @property
    def mean(self) -> float | None:
        """None where there is nothing to average."""
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """With n - 1; None below two observations."""
        return self.m2 / (self.n - 1) if self.n > 1 else None

    @property
    def is_finite(self) -> bool:
        """False where a sum left the range of doubles: then nothing can be said."""
        return math.isfinite(self.total) and math.isfinite(self.m2)


EMPTY = Moments(0, 0.0, 0.0)


def moments(values: Iterable[float]) -> Moments:
    """Two passes with exact sums, so that a mean of 1e9 does not drown a variance of 1."""
    kept = list(values)
    if not kept:
        return EMPTY
    total = math.fsum(kept)
    mean = total / len(kept)
    return Moments(len(kept), total, math.fsum((value - mean) * (value - mean) for value in kept))


def merge(left: Moments, right: Moments) -> Moments:
    """The moments of both samples together (Chan, Golub, LeVeque 1979)."""
    if not left.n or not right.n:
        return right if right.n else left
    n = left.n + right.n
    apart = right.total / right.n - left.total / left.n
    return Moments(n, left.total + right.total, left.m2 + right.m2 + apart * apart * (left.n * right.n / n))


def binary(n: int, successes: int) -> Moments:
    """The moments of `successes` ones among `n` values of 0 and 1."""
    return Moments(n, float(successes), successes * (n - successes) / n if n else 0.0)
